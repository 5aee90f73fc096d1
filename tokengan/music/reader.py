"""A reader of tunes in ABC notation 2.1, one voice: from text to pitches and lengths."""

from __future__ import annotations

import re
from fractions import Fraction

from tokengan.music.keys import ALTERATIONS, key_signature, only_looks
from tokengan.music.lengths import default_unit, length, metre_length, tuplet, unit_length
from tokengan.music.malformed import MalformedTune
from tokengan.music.tokens import BAR, BROKEN, CLOSE, ENDING, FIELD, NOTE, REST, SILENT, TUPLET, tokens
from tokengan.music.tune import Bar, Note, Tune

__all__ = ["read_abc"]

# Groups of a token: what it is, in the order of the expression that cut it.
KIND = re.compile(
    "|".join(
        f"(?P<{name}>{pattern})"
        for name, pattern in (
            ("field", FIELD),
            ("silent", SILENT),
            ("bar", BAR),
            ("ending", ENDING),
            ("tuplet", TUPLET),
            ("note", NOTE),
            ("rest", REST),
            ("close", CLOSE),
            ("broken", BROKEN),
        )
    )
)
PITCH = re.compile(r"(\^{1,2}|_{1,2}|=|)([A-Ga-g])([,']*)(.*)")
SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
PLACES = "CDEFGAB"


def read_abc(text: str, key: str = "C", metre: str | None = None, unit: str | None = None) -> Tune:
    """Return the notes and bars of a tune.

    The key signature holds (all modes), an accidental holds for its letter in every octave to the bar's end, a tie
    joins two notes of one pitch into one and carries an accidental over the bar line, tuplets and broken rhythm change
    lengths. Repeats and endings are not played out. A chord `[CEG]` counts as its highest note, with the length of its
    first; of the ties between chords one must find its pitch again, and the highest notes are joined if their own does.
    Chord symbols, annotations, decorations, grace notes and slurs are not heard. Fields in the text, `[K:G]`,
    `[M:6/8]`, `[L:1/8]`, change what was given; other fields are passed over.

    Not read: several voices (`V:`, `&`), transposing clefs (`treble-8`), microtones, accidentals inside grace notes,
    and what ABC reserves or gives to line ends: `*`, `;`, `?`, `@`, `$` and the backslash.

    Args:
        text: The tune without its header, in one line.
        key: As after `K:`.
        metre: As after `M:`; None: not known, and bars are compared with each other. All bars fit `none`, free metre.
        unit: As after `L:`; None: by the metre, a sixteenth below 3/4, else an eighth.

    Raises MalformedTune naming the symbol for a text that is not well-formed.

    >>> tune = read_abc("^F2 f|(3CDE [CEG]>z|A-A", key="C")
    >>> [note.pitch for note in tune.notes], [str(note.duration) for note in tune.notes[2:]]
    ([66, 78, 60, 62, 64, 67, None, 69], ['1/12', '1/12', '1/12', '3/16', '1/16', '1/4'])
    >>> read_abc("c d q")
    Traceback (most recent call last):
    ...
    tokengan.music.malformed.MalformedTune: symbol 5, 'q', is no ABC
    """
    reader = _Reader(key, metre, unit)
    symbols = tokens(text)
    for number, token in enumerate(symbols, 1):
        try:
            reader.take(token)
        except MalformedTune as error:
            raise MalformedTune(f"symbol {number}, '{token[:40]}', {error}") from None
    return reader.end()


class _Reader:
    """What is in force between two symbols."""

    def __init__(self, key: str, metre: str | None, unit: str | None) -> None:
        self.signature = key_signature(key)
        self.metre = metre_length(metre) if metre is not None else None
        self.free = _free(metre or "")
        self.compound = _compound(metre or "")
        self.unit = unit_length(unit) if unit is not None else None
        self.notes: list[Note] = []
        self.bars: list[Bar] = []
        # Length of the last note, rest or chord as it was written, which a tie does not change; 0 where none was.
        self.written = Fraction(0)
        self.sum = Fraction(0)  # of the bar
        self.inner = False  # whether the bar began with a plain bar line
        self.accidentals: dict[str, int] = {}  # of the bar, by letter
        self.heard: list[Note] = []  # the last note, or those of the last chord
        self.ties: dict[int, int | None] = {}  # pitches that the next note or chord continues, with their places
        self.broken: Fraction | None = None  # what the next note is multiplied by
        self.factor, self.left = Fraction(1), 0  # of the tuplet, and how many of its notes are to come
        self.slurs = 0
        self.grace = False
        self.chord: list[Note] | None = None
        self.chord_ties: list[Note] = []
        self.last = ""  # the kind of the symbol before; what may stand between a note and its tie or `>` is none
        self.before_grace = ""

    def take(self, token: str) -> None:
        """Read a symbol."""
        found = KIND.fullmatch(token)
        kind = str(found.lastgroup) if found else token
        if kind not in HANDLERS or (kind == "/" and self.last != "{"):
            raise MalformedTune("is no ABC")
        if self.grace and kind not in ("note", "silent", "}", "close", "[", "broken", "/"):
            raise MalformedTune("stands among grace notes")
        if self.chord is not None and kind not in ("note", "silent", "close", "-"):
            raise MalformedTune("stands inside a chord")
        if not self.grace or kind == "}":
            HANDLERS[kind](self, token)
        if kind == "{":
            self.before_grace = self.last
        if kind == "}":
            self.last = self.before_grace
        elif kind not in ("silent", ")"):
            self.last = kind

    def end(self) -> Tune:
        """Return what was read. Raises MalformedTune for what was begun and not ended."""
        open_ = {
            "a chord": self.chord is not None,
            "a group of grace notes": self.grace,
            "a tuplet": self.left > 0,
            "a slur": self.slurs > 0,
            "a tie": bool(self.ties),
            "a broken rhythm": self.broken is not None,
        }
        for what, begun in open_.items():
            if begun:
                raise MalformedTune(f"the tune ends inside {what}")
        if self.bars and not self.sum:
            self.bars[-1] = self.bars[-1]._replace(inner=False)
        self._close_bar(plain=False)
        return Tune(tuple(self.notes), tuple(self.bars))

    def field(self, token: str) -> None:
        name, value = token[1], token[3:-1]
        if name == "K" and not only_looks(value):
            self.signature = key_signature(value)
            self.accidentals = {}
        elif name == "M":
            if self.notes:
                self._unit()  # a metre in the middle of a tune does not change the unit
            self.metre, self.compound, self.free = metre_length(value), _compound(value), _free(value)
        elif name == "L":
            self.unit = unit_length(value)
        elif name == "V":
            raise MalformedTune("begins another voice, and one is read")

    def silent(self, token: str) -> None:
        pass

    def bar(self, token: str) -> None:
        if self.broken is not None:
            raise MalformedTune("parts a broken rhythm")
        plain = token == "|"
        self._close_bar(plain)
        self.inner = plain and bool(self.bars)
        self.accidentals = {}

    def ending(self, token: str) -> None:
        if token[0] != "[" and self.last != "bar":
            raise MalformedTune("is a number where none belongs: an ending stands behind a bar line")
        self.inner = False

    def tuplet(self, token: str) -> None:
        if self.left:
            raise MalformedTune("stands inside a tuplet")
        self.factor, self.left = tuplet(token, self.compound)

    def note(self, token: str) -> None:
        parts = PITCH.match(token)
        assert parts is not None  # the expression that cut the token holds this one
        sign, letter, marks, written = parts.groups()
        octave = (5 if letter.islower() else 4) + marks.count("'") - marks.count(",")
        name = letter.upper()
        place = 7 * octave + PLACES.index(name)
        if sign:
            self.accidentals[name] = ALTERATIONS[sign]
        natural = 12 * (octave + 1) + SEMITONES[name]
        pitch = natural + self.accidentals.get(name, self.signature.get(name, 0))
        if place in self.ties.values() and not sign:  # an accidental goes with the tie
            pitch = next(tied for tied, at in self.ties.items() if at == place)
        note = Note(pitch, length(written) * self._unit(), place)
        if self.chord is not None:
            self.chord.append(note)
        else:
            self._sound(note, [note])

    def rest(self, token: str) -> None:
        if self.ties:
            raise MalformedTune("stands behind a tie")
        if token[0] in "ZX":
            self._whole_bars(int(token[1:] or 1))
        else:
            self._sound(Note(None, length(token[1:]) * self._unit()), [])

    def open_chord(self, token: str) -> None:
        self.chord, self.chord_ties = [], []

    def close(self, token: str) -> None:
        if not self.chord:
            raise MalformedTune("ends no chord" if self.chord is None else "ends a chord without notes")
        top = max(self.chord, key=lambda note: note.pitch or 0)
        heard, self.chord = self.chord, None
        self._sound(top._replace(duration=heard[0].duration * length(token[1:])), heard)
        self._tie(self.chord_ties)

    def tie(self, token: str) -> None:
        if self.last not in (("note",) if self.chord is not None else ("note", "close", "broken")):
            raise MalformedTune("is a tie behind no note")
        if self.chord:
            self.chord_ties.append(self.chord[-1])
        elif not self.heard:
            raise MalformedTune("is a tie behind a rest")
        else:
            self._tie(self.heard)

    def _tie(self, notes: list[Note]) -> None:
        self.ties |= {note.pitch: note.place for note in notes if note.pitch is not None}

    def slur(self, token: str) -> None:
        self.slurs += 1 if token == "(" else -1
        if self.slurs < 0:
            raise MalformedTune("ends no slur")

    def graces(self, token: str) -> None:
        if (token == "{") == self.grace:
            raise MalformedTune("stands where it should not")
        self.grace = token == "{"

    def broken_rhythm(self, token: str) -> None:
        if self.last not in ("note", "rest", "close", "-") or self.broken is not None or not self.written:
            raise MalformedTune("is a broken rhythm behind no note")
        short = Fraction(1, 2 ** len(token))
        before, self.broken = (2 - short, short) if token[0] == ">" else (short, 2 - short)
        added = self.written * (before - 1)
        self.sum += added
        self.notes[-1] = self.notes[-1]._replace(duration=self.notes[-1].duration + added)

    def _unit(self) -> Fraction:
        if self.unit is None:
            self.unit = default_unit(self.metre)
        return self.unit

    def _sound(self, note: Note, heard: list[Note]) -> None:
        """Add a note, rest or chord, of which all notes are heard, or lengthen the one that is tied to it."""
        duration = note.duration * (self.broken or 1)
        self.broken = None
        if self.left:
            duration *= self.factor
            self.left -= 1
        self.written = duration
        self.sum += duration
        if self.ties and not any(other.pitch in self.ties for other in heard):
            raise MalformedTune("is tied to another pitch")
        if note.pitch in self.ties and self.notes[-1].pitch == note.pitch:
            self.notes[-1] = self.notes[-1]._replace(duration=self.notes[-1].duration + duration)
        else:
            self.notes.append(note._replace(duration=duration))
        self.ties, self.heard = {}, heard

    def _whole_bars(self, count: int) -> None:
        if self.metre is None or not count:
            raise MalformedTune("is a rest of whole bars, for which a metre is needed")
        if self.sum or self.left or self.broken:
            raise MalformedTune("is a rest of whole bars in the middle of one")
        self.notes.append(Note(None, self.metre * count))
        self.heard, self.written = [], Fraction(0)
        self.bars += [Bar(self.metre, self.metre, self.inner)] * count

    def _close_bar(self, plain: bool) -> None:
        if self.sum:
            self.bars.append(Bar(self.sum, self.metre, self.inner and plain, self.free))
        self.sum = Fraction(0)


def _compound(metre: str) -> bool:
    return metre.replace(" ", "") in ("6/8", "9/8", "12/8")


def _free(metre: str) -> bool:
    return metre.strip().lower() == "none"


# What a symbol is -> what is done with it; a symbol of one character that is of no kind goes by itself.
HANDLERS = {
    "field": _Reader.field,
    "silent": _Reader.silent,
    "bar": _Reader.bar,
    "ending": _Reader.ending,
    "tuplet": _Reader.tuplet,
    "note": _Reader.note,
    "rest": _Reader.rest,
    "[": _Reader.open_chord,
    "close": _Reader.close,
    "-": _Reader.tie,
    "(": _Reader.slur,
    ")": _Reader.slur,
    "{": _Reader.graces,
    "}": _Reader.graces,
    "broken": _Reader.broken_rhythm,
    "/": _Reader.silent,  # as in {/a}, an acciaccatura
}
