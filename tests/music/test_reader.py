"""The ABC reader against the rules of ABC 2.1, by hand-worked examples, and against texts that are no tunes."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokengan.music.keys import key_signature
from tokengan.music.malformed import MalformedTune
from tokengan.music.reader import read_abc
from tokengan.music.tokens import first_bars, plain, tokens


def pitches(text: str, **settings: str) -> list[int | None]:
    return [note.pitch for note in read_abc(text, **settings).notes]


def eighths(text: str, **settings: str) -> list[Fraction]:
    return [note.duration * 8 for note in read_abc(text, **settings).notes]


@pytest.mark.parametrize(
    ("key", "sharps", "flats"),
    [
        ("C", "", ""),
        ("", "", ""),
        ("none", "", ""),
        ("G", "F", ""),
        ("C#", "FCGDAEB", ""),
        ("Cb", "", "BEADGCF"),
        ("Bb", "", "BE"),
        ("Am", "", ""),
        ("F#m", "FCG", ""),
        ("F# minor", "FCG", ""),
        ("Gmin", "", "BE"),
        ("D Mixolydian", "F", ""),
        ("DMIX", "F", ""),
        ("Ador", "F", ""),
        ("E phrygian", "", ""),
        ("F lyd", "", ""),
        ("B locrian", "", ""),
        ("G major treble", "F", ""),
        ("G clef=bass", "F", ""),
        ("D Phr ^f", "F", "BE"),
        ("D exp _b _e ^f", "F", "BE"),
        ("G exp", "", ""),
        ("exp _b ^f", "F", "B"),  # not the standard's, and let pass
        ("G bass3", "F", ""),
        ("clef=alto", "", ""),
        ("HP", "FC", ""),
    ],
)
def test_key_signatures(key, sharps, flats):
    assert key_signature(key) == dict.fromkeys(sharps, 1) | dict.fromkeys(flats, -1)


@pytest.mark.parametrize("key", ["H", "G#", "Fb", "AM", "A nonsense", "C ^h", "exp x", "D =", "c", "D exp x"])
def test_what_is_no_key_is_told(key):
    with pytest.raises(MalformedTune):
        key_signature(key)


def test_a_key_signature_cannot_be_changed_by_who_reads_it():
    with pytest.raises(TypeError):
        key_signature("D")["B"] = -1  # pyright: ignore[reportIndexIssue]


@pytest.mark.parametrize(
    "key", ["G clef=treble-8", "G treble+8", "clef=bass-8", "treble-8", "HP treble-8", "none bass+8"]
)
def test_clefs_that_transpose_are_refused(key):
    with pytest.raises(MalformedTune):
        read_abc("C", key)
    with pytest.raises(MalformedTune):
        read_abc(f"[K:{key}]C")


def test_a_clef_alone_is_no_change_of_key():
    assert pitches("F ^C [K: clef=alto] F C [K:treble] F [K:none] F", key="D") == [66, 61, 66, 61, 66, 65]


def test_octaves_begin_at_middle_c():
    assert pitches("C,, C, C c c' c'' b B") == [36, 48, 60, 72, 84, 96, 83, 71]


def test_the_key_alters_every_octave_and_a_natural_undoes_it():
    assert pitches("F f =F F|F", key="G") == [66, 78, 65, 65, 66]
    assert pitches("^^F __B ^E _C") == [67, 69, 65, 59]


def test_an_accidental_lasts_to_the_bar_line_in_every_octave_and_no_further():
    assert pitches("^F F f G|F f") == [66, 66, 78, 67, 65, 77]
    assert pitches("^F =F F || F") == [66, 65, 65, 65]


def test_a_tie_carries_an_accidental_over_the_bar_line_for_its_own_note_only():
    tune = read_abc("^F2-|F2 F f|", unit="1/8")
    assert [(note.pitch, note.duration) for note in tune.notes] == [
        (66, Fraction(1, 2)),
        (65, Fraction(1, 8)),
        (77, Fraction(1, 8)),
    ]


def test_note_lengths_and_units():
    assert eighths("A A2 A/ A/2 A// A3/2 A3/ z4 x") == [1, 2, 1 / 2, 1 / 2, 1 / 4, 3 / 2, 3 / 2, 4, 1]
    assert eighths("A2", unit="1/4") == [4]
    assert eighths("A", metre="2/4") == [Fraction(1, 2)]
    assert eighths("A", metre="3/4") == [1]
    assert eighths("[M:2/4][K:D]A") == [Fraction(1, 2)]  # fields in front are a header
    assert eighths("[M:4/4]A|[M:2/4]A") == [1, 1]  # a metre on the way leaves the unit alone
    assert eighths("A[L:1/4]A") == [1, 2]


def test_broken_rhythm_takes_from_one_what_it_gives_the_other():
    assert eighths("A>B c<d") == [3 / 2, 1 / 2, 1 / 2, 3 / 2]
    assert eighths("A>>B A<<<B") == [7 / 4, 1 / 4, 1 / 8, 15 / 8]
    assert eighths("A2 > B2") == [3, 1]
    assert eighths("B2-|B>A") == [7 / 2, 1 / 2]
    assert eighths("[CE]>z") == [3 / 2, 1 / 2]
    assert read_abc("B2-|B>A|").bars[1].length == Fraction(2, 8)


def test_tuplets():
    assert eighths("(3ABc d") == [Fraction(2, 3)] * 3 + [1]
    assert eighths("(2AB", metre="6/8") == [Fraction(3, 2)] * 2
    assert eighths("(5ABcde", metre="4/4") == [Fraction(2, 5)] * 5
    assert eighths("(5ABcde", metre="9/8") == [Fraction(3, 5)] * 5
    assert eighths("(3:2:4GABc d") == [Fraction(2, 3)] * 4 + [1]
    assert eighths("(3z[CE]A-A") == [Fraction(2, 3), Fraction(2, 3), Fraction(2, 3) + 1]


def test_ties_join_and_struck_notes_do_not():
    assert eighths("A-A A") == [2, 1]
    assert eighths("A-|A-A|A") == [3, 1]
    assert eighths("[CE]-[CE] E") == [2, 1]
    assert eighths("[C-E-]E") == [2]


@pytest.mark.parametrize(
    ("text", "heard", "lengths"),
    [
        ("[C-E]C", [64, 60], [1, 1]),  # the melody is E, C
        ("C-[CE]", [60, 64], [1, 1]),
        ("[CE-]E", [64], [2]),
        ("E-[CE]-[CE]", [64], [3]),
        ("[C-E][CE]", [64, 64], [1, 1]),  # E is struck again
        ("[CE]-[DE]", [64], [2]),
        ("[CE]-C", [64, 60], [1, 1]),
        ("[_EG]-|[EG]", [67], [2]),
        ("[^C-E]|C C", [64, 61, 60], [1, 1, 1]),  # the tie carries the sharp, once
    ],
)
def test_each_note_of_a_chord_is_tied_for_itself(text, heard, lengths):
    assert (pitches(text), eighths(text)) == (heard, lengths)


def test_what_stands_between_a_note_and_its_mark_is_nothing():
    assert eighths("A{g}<A") == eighths('A"G"<A') == eighths("(A)<A") == [1 / 2, 3 / 2]
    assert eighths("A!f!-A") == eighths("(A)-A") == eighths("A -A") == eighths("A-{g}A") == [2]
    assert eighths('A"G">B') == eighths("A {ga} > B") == [3 / 2, 1 / 2]


def test_a_chord_is_its_highest_note_and_as_long_as_its_first():
    tune = read_abc("[C2GE]2 [ce]")
    assert [(note.pitch, note.duration * 8) for note in tune.notes] == [(67, 4), (76, 1)]


def test_what_is_not_heard():
    heard = pitches('"Am7"A !trill!B ~c "^text"d (e f) {/ga}g .A [P:A] [r:remark] y `')
    assert heard == pitches("ABcdefgA") == [69, 71, 72, 74, 76, 77, 79, 69]


def test_places_on_the_staff_do_not_know_accidentals():
    assert [note.place for note in read_abc("C ^C D B c", key="D").notes] == [28, 28, 29, 34, 35]


def test_repeats_are_not_played_out():
    assert pitches("|:A B:|[1 c:|2 d|]") == [69, 71, 72, 74]


@pytest.mark.parametrize(
    ("text", "fits", "bars"),
    [
        ("CD|E4|FG|", 3, 3),  # an upbeat and what completes it
        ("C|DE|F4|G4|", 3, 4),  # a short bar in the middle
        ("C4|D5|E4|", 2, 3),
        ("C4|D8|", 1, 2),
        ("C4|DE:|:FG|A4||B2||", 5, 5),  # halves of a bar on both sides of a repeat
        ("|:C4|[1 D2:|[2 E4|]", 3, 3),
        ("|: || |: C4 |", 1, 1),  # an empty bar is none
        ("Z2|C4|", 3, 3),
        ("|C|DEFG|", 2, 2),  # a bar line in front leaves an upbeat an upbeat
        ("[M:none]C|DE|FGA|[M:4/8]B|c4|", 4, 5),
    ],
)
def test_bars_add_up(text, fits, bars):
    tune = read_abc(text, metre="4/8", unit="1/8")
    assert (tune.fitting_bars(), len(tune.bars)) == (fits, bars)


def test_without_a_metre_bars_are_compared_with_each_other():
    tune = read_abc("C|DE|FG|A3|Bc|d")
    assert (tune.fitting_bars(), len(tune.bars)) == (5, 6)
    assert read_abc("C|DE|F|GAB|", metre="none").fitting_bars() == 4


def test_metres_may_hold_blanks():
    assert eighths("(5ABcde", metre="6 / 8") == eighths("[M: 6 / 8](5ABcde") == [Fraction(3, 5)] * 5


@pytest.mark.parametrize(
    "text",
    [
        "A2 q", "A&B", "A0", "A/0", "A-B", "A-z", "A-", "-A", ">A", "A>", "A>|B", "(3AB", "(3A(3Bcd", "(1A", "(A", "A)",
        "[CE", "CE]", "[]", "[C|E]", "[Cz]", "{A", "A}", "{A{B}}", "{A|}", "A 2", ": A", '"Am', "[K:X]A", "[M:0/4]A",
        "[L:0]A", "[V:2]A", "Z", "A <unk>", "[C(3DEF]", "[C-E]D", "[C-E]z", "[-CE]", "[C--E]C", "A(-A", "A|>B",
        "A-|>A", "z-z", "z>-A",
        *"*;?@$\\",
    ],
)  # fmt: skip
def test_what_is_not_well_formed_is_refused(text):
    with pytest.raises(MalformedTune):
        read_abc(text)


def test_the_message_names_the_symbol():
    with pytest.raises(MalformedTune, match=r"^symbol 5, 'B', is tied to another pitch$"):
        read_abc("c A-B")


MARKS = '| || |: :| :: |1 [1 [ ] ]2 ( ) (3 (5:4:2 - > << { } "G" ~ . [K:D] [M:3/4] [L:1/4] & 7'
SYMBOLS = st.sampled_from(["C", "^D", "=e", "_G2", "a/", "b3/2", "z", "x2", "Z", *MARKS.split()])


@settings(deadline=None, max_examples=300, derandomize=True)
@given(st.one_of(st.lists(SYMBOLS, max_size=25).map("".join), st.text(max_size=25)))
def test_any_text_is_read_or_refused_and_lengths_stay_above_zero(text):
    assert "".join(tokens(text)) == text
    try:
        tune = read_abc(text)
    except MalformedTune:
        return
    assert all(note.duration > 0 for note in tune.notes)
    assert sum(note.duration for note in tune.notes) == sum(bar.length for bar in tune.bars)
    assert 0 <= tune.fitting_bars() <= len(tune.bars)


@settings(deadline=None, max_examples=200, derandomize=True)
@given(st.lists(SYMBOLS.filter(lambda symbol: symbol not in "{}&7"), max_size=25).map(" ".join))
def test_the_bare_melody_sounds_like_the_tune(text):
    try:
        tune = read_abc(text)
    except MalformedTune:
        return
    assert read_abc(plain(text)) == tune


@pytest.mark.parametrize("text", ["Z>A", "CDEF|Z>A", 'A-A|Z"G">A', "A>Z"])
def test_a_rest_of_whole_bars_has_no_broken_rhythm(text):
    with pytest.raises(MalformedTune):
        read_abc(text, metre="4/8", unit="1/8")


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("C2|D| |E|F2", "C2|D| |E|F2"),
        ("C|(|D)|{a}|E|", "C| |D| |E|"),
        ("C | 1 D :| |: E", "C|1D:| |:E"),
        ("C|: :|", "C|: :|"),
    ],
)
def test_the_bare_melody_keeps_its_bar_lines(text, bare):
    assert plain(text) == bare
    assert read_abc(bare) == read_abc(text)


@pytest.mark.parametrize(
    ("text", "count", "cut"),
    [
        ("(A|B)|c|", 1, "A|"),
        ("((A)B|(c|d))|", 2, "(A)B|c|"),
        ("(A|B)|c|", 2, "(A|B)|"),
        ("A- |A|", 1, "A |"),
        ('A-"Am"|A|', 1, 'A"Am"|'),
        ("A-{g}|A|", 1, "A{g}|"),
        ("[A-C-]|[AC]|", 1, "[AC]|"),
        ("[AC]2-|[AC]|", 1, "[AC]2|"),
        ("A-A|B-[CB-]|B|", 2, "A-A|B-[CB]|"),
        ("{g}|A|B|", 1, "{g}|A|"),
        ("A|(3BC|D|", 2, "A|"),
        ("A|(3BC|D|", 3, "A|(3BC|D|"),
        ("(3AB|C|", 1, ""),
        ("(3[CE]zA|B|", 1, "(3[CE]zA|"),
        ("(1A|B|", 1, "(1A|"),  # unreadable, and no matter
        ("(|A|B)|", 1, "|A|"),
    ],
)
def test_first_bars_end_nothing_in_the_middle(text, count, cut):
    assert first_bars(text, count) == cut


CUT = 'A A [AC] [A-C] [A-C-] z ( ) - - | | (3AB C (2 {g} "Am" !f! > |: :| ||'
PARTS = st.sampled_from([" ", *CUT.split()])


@settings(deadline=None, max_examples=400, derandomize=True)
@given(st.lists(PARTS, min_size=1, max_size=14), st.integers(1, 3))
def test_the_first_bars_of_a_readable_tune_are_readable(parts, count):
    text = "".join(parts)
    try:
        read_abc(text)
    except MalformedTune:
        return
    cut = first_bars(text, count)
    assert len(read_abc(cut).bars) <= count or cut == text
    read_abc(plain(cut))


def test_first_bars_keep_what_stands_before_the_first_note():
    assert first_bars("[K:D]|:A|B2 c|", 1) == "[K:D]|:A|"
    assert first_bars("A|B|", 5) == "A|B|"


def test_absurd_numbers_cost_nothing():
    with pytest.raises(MalformedTune):
        read_abc("A" + "9" * 5000)
    with pytest.raises(MalformedTune):
        read_abc("A" + "/" * 5000)
