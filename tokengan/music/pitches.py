"""ORGAN's pitch sequences: a whole number for each time step."""

from __future__ import annotations

import re
from fractions import Fraction

from tokengan.music.malformed import MalformedTune
from tokengan.music.tune import Note, Tune

__all__ = ["HOLD", "REST", "is_pitches", "read_pitches"]

REST, HOLD = 0, 1
LOWEST = 46  # symbol m is the MIDI pitch 46 + m, so 440 * 2^((46 + m - 69) / 12) Hz
HIGHEST = 127 - LOWEST
NUMBERS = re.compile(r"\s*[0-9]+(?:\s+[0-9]+)*\s*")


def is_pitches(text: str) -> bool:
    """Return whether a text is whole numbers between blanks and nothing else.

    >>> is_pitches("18 1 0"), is_pitches("c2 z"), is_pitches("")
    (True, False, False)
    """
    return NUMBERS.fullmatch(text) is not None


def read_pitches(text: str) -> Tune:
    """Return the notes of a pitch sequence; durations are time steps.

    0 is a rest, 1 holds what sounds (silence, at the beginning), m from 2 to 81 strikes the MIDI pitch 46 + m, also
    where that sounds already. Rests that follow each other are one.

    Raises MalformedTune for anything else.

    >>> [(note.pitch, int(note.duration)) for note in read_pitches("14 1 14 0 0 21").notes]
    [(60, 2), (60, 1), (None, 2), (67, 1)]
    """
    notes: list[Note] = []
    for number, word in enumerate(text.split(), 1):
        if re.fullmatch(r"[0-9]{1,3}", word) is None or int(word) > HIGHEST:
            raise MalformedTune(f"step {number} is '{word[:20]}': it should be a whole number from 0 to {HIGHEST}")
        symbol = int(word)
        pitch = symbol + LOWEST if symbol > HOLD else None
        held = symbol == HOLD or (symbol == REST and notes[-1:] != [] and notes[-1].pitch is None)
        if held and notes:
            notes[-1] = notes[-1]._replace(duration=notes[-1].duration + 1)
        else:
            notes.append(Note(pitch, Fraction(1)))
    return Tune(tuple(notes))
