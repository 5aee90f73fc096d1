"""The music objectives in closed form, against a slow recount, and against each fault of the released code."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokengan.music import objectives
from tokengan.music.malformed import MalformedTune
from tokengan.music.pitches import is_pitches, read_pitches
from tokengan.registry import known
from tokengan.rewards.functions import function_of

SCORES = ["tonality", "melodicity", "ratio_of_steps", "diatonic_steps", "validity", "whole_bars"]


@pytest.mark.parametrize("rise", range(-20, 21))
def test_every_interval_of_a_pitch_sequence(rise):
    text = [f"30 1 0 {30 + rise} 1"]
    assert objectives.tonality(text) == [rise == 7]
    assert objectives.melodicity(text) == [rise in (5, 7, 9)]
    assert objectives.ratio_of_steps(text) == [abs(rise) == 1]
    assert objectives.diatonic_steps(text) == [abs(rise) in (1, 2)]


def test_c_to_g_is_a_fifth_in_both_formats_whatever_the_octave():
    assert objectives.tonality(["C G", "C,G,", "c g", "14 21", "G C", "C g"]) == [1, 1, 1, 1, 0, 0]


def test_melodicity_is_really_computed():
    """The released one reads an undefined name inside a try, so that every melody has 0."""
    assert objectives.melodicity(["C G c f A, ^F"]) == [pytest.approx(4 / 5)]


def test_a_score_does_not_depend_on_the_rest_of_the_batch():
    """The released ones are rescaled so that the best of any batch is 1 and the worst 0."""
    texts = ["CGDA", "CDEF", "CDGA", "(", "14 21 22 23"]
    for name in SCORES:
        objective = getattr(objectives, name)
        scores = objective(texts)
        assert scores == [objective([text])[0] for text in texts] == objective(texts[::-1])[::-1]
        assert objective([]) == []
    assert max(objectives.tonality(["CDEG", "CDEF"])) == 0  # nothing good in a batch stays nothing


def test_the_key_and_accidentals_are_heard():
    """The released ones strip accidentals and know no key: in G, B to f is no diminished fifth but a fifth."""
    assert objectives.tonality(["B, F", "[K:G]B, F", "B, ^F", "[K:G]B,=F"]) == [0, 1, 1, 0]


def test_held_and_tied_notes_are_one_and_struck_ones_two():
    assert objectives.tonality(["14 1 1 21 1", "14 14 21"]) == [1, 1 / 2]
    assert objectives.tonality(["C-C G", "C C G"]) == [1, 1 / 2]


@pytest.mark.parametrize(
    "text", ["", "C", "14", "14 1 1 1", "0 0 0", "C G (", "C-D", "14 x", "14 -7", "200 1", "z4|z4|", "1 1"]
)
def test_what_cannot_be_read_or_has_fewer_than_two_notes_scores_0(text):
    assert [getattr(objectives, name)([text]) for name in SCORES] == [[0.0]] * len(SCORES)


@settings(deadline=None, max_examples=100, derandomize=True)
@given(st.lists(st.integers(0, 49), min_size=1, max_size=30))
def test_pitch_sequences_against_a_slow_recount(steps):
    struck = [440 * 2 ** ((46 + m - 69) / 12) for m in steps if m > 1]
    ratios = [b / a for a, b in pairwise(struck)]

    def share(*intervals: tuple[float, float]) -> float:
        hits = [any(low < ratio < high for low, high in intervals) for ratio in ratios]
        return sum(hits) / len(hits) if hits else 0.0

    text = " ".join(map(str, steps))
    assert objectives.tonality([text]) == [share((1.45, 1.55))]
    assert objectives.melodicity([text]) == [share((1.45, 1.55), (1.28, 1.38), (1.62, 1.72))]
    semitone = 2 ** (1 / 12)
    assert objectives.ratio_of_steps([text]) == [share((1.05, 1.07), (0.94, 0.95))]
    assert 1.05 < semitone < 1.07
    tune = read_pitches(text)
    assert sum(note.duration for note in tune.notes) == len(steps)


def test_pitch_sequences_are_told_from_abc():
    assert is_pitches(" 1 22\t0 ")
    assert not any(map(is_pitches, ["", "C", "1 C", "1.5 2", "-1 2", "|1 2"]))


@pytest.mark.parametrize("text", ["14 a", "82", "-1", "1.5", "9999"])
def test_what_is_no_pitch_is_refused_with_its_place(text):
    with pytest.raises(MalformedTune, match=r"step [12] is"):
        read_pitches(text)


def test_an_early_hold_is_silence():
    assert [note.pitch for note in read_pitches("1 1 14").notes] == [None, 60]


def test_whole_bars_and_canonical_forms():
    assert objectives.whole_bars(["[M:4/4][L:1/4]CDEF|GABc|", "[M:4/4][L:1/4]CDEF|GAB|c|dc|"]) == [1.0, 0.5]
    assert objectives.canonical("[K:G] F2 |z") == "66:1/4 z:1/8"
    assert objectives.canonical("A z z") == objectives.canonical("A z2") == objectives.canonical("A z|z")
    assert objectives.canonical("14 1") == "60:2"
    assert objectives.canonical("(F") is None


def test_the_objectives_go_by_short_names_and_by_path():
    names = known("objectives")
    for name in [name for name in SCORES if name != "validity"]:
        assert names[name] == f"tokengan.music.objectives.{name}"
        assert function_of(name) is getattr(objectives, name)
    assert function_of("tune_validity") is objectives.validity
    assert function_of("tokengan.music.objectives:tonality") is objectives.tonality
