"""Scores of melodies in [0, 1]: the music objectives of ORGAN (Guimaraes et al. 2017), mended.

Each is a function from texts to numbers, so it can be a reward: `--reward objective --reward.function melodicity`. A
text is a tune in ABC, its key given inside as `[K:G]` (C without), or a pitch sequence, whole numbers from 0
(`tokengan.music.pitches`). A pair is two notes that follow each other, a rest between them or not; what is held or tied
is one note, what is struck again is another. A text that cannot be read, or has fewer than two notes, scores 0.

A score depends on its text alone. In the released code the best of a batch is made 1 and the worst 0 whatever they are,
and melodicity reads an undefined name inside a `try`, so that it is 0 for every melody.

All of them can be gamed: two notes in turn are worth 1/2 of every interval. Read them beside distinctness and the
distance to the data.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise

from tokengan.music.malformed import MalformedTune
from tokengan.music.pitches import is_pitches, read_pitches
from tokengan.music.reader import read_abc
from tokengan.music.tune import Note, Tune

__all__ = ["canonical", "diatonic_steps", "melodicity", "ratio_of_steps", "tonality", "validity", "whole_bars"]

CACHE = 20_000
# Ascending intervals by the ratio of the frequencies, open at both ends. In equal temperament the only ones inside are
# 7, 5 and 9 semitones: 1.498, 1.335 and 1.682.
FIFTH, FOURTH, MAJOR_SIXTH = (1.45, 1.55), (1.28, 1.38), (1.62, 1.72)


@lru_cache(CACHE)
def _read(text: str) -> Tune | None:
    try:
        return read_pitches(text) if is_pitches(text) else read_abc(text)
    except MalformedTune:
        return None


def _frequency(pitch: int) -> float:
    return 440.0 * 2.0 ** ((pitch - 69) / 12)


def _rises(a: Note, b: Note, *intervals: tuple[float, float]) -> bool:
    ratio = _frequency(b.pitch or 0) / _frequency(a.pitch or 0)
    return any(low < ratio < high for low, high in intervals)


def _share(text: str, holds: Callable[[Note, Note], bool]) -> float:
    """Return the share of the pairs of notes for which something holds."""
    tune = _read(text)
    pairs = list(pairwise(tune.sounding)) if tune is not None else []
    return sum(holds(a, b) for a, b in pairs) / len(pairs) if pairs else 0.0


def tonality(texts: Sequence[str]) -> list[float]:
    """Return the share of pairs that rise by a fifth: frequency ratio in (1.45, 1.55).

    >>> tonality(["C G", "G C", "C G C", "14 1 21", "C", "C G ("])      # 14 and 21 are C and G too
    [1.0, 0.0, 0.5, 1.0, 0.0, 0.0]
    """
    return [_share(text, lambda a, b: _rises(a, b, FIFTH)) for text in texts]


def melodicity(texts: Sequence[str]) -> list[float]:
    """Return the share of pairs that rise by a fifth, a fourth, (1.28, 1.38), or a major sixth, (1.62, 1.72).

    >>> melodicity(["C G", "C F", "C A", "C E", "C F A d"])
    [1.0, 1.0, 1.0, 0.0, 0.6666666666666666]
    """
    return [_share(text, lambda a, b: _rises(a, b, FIFTH, FOURTH, MAJOR_SIXTH)) for text in texts]


def ratio_of_steps(texts: Sequence[str]) -> list[float]:
    """Return the share of pairs one pitch apart, up or down: one semitone, one number of a pitch sequence.

    >>> ratio_of_steps(["E F", "F E", "C D", "C ^C", "[K:D] F G", "14 15 1 0 14"])
    [1.0, 1.0, 0.0, 1.0, 1.0, 1.0]
    """
    return [_share(text, lambda a, b: abs((a.pitch or 0) - (b.pitch or 0)) == 1) for text in texts]


def diatonic_steps(texts: Sequence[str]) -> list[float]:
    """Return the share of pairs a step of the scale apart, up or down: from one line or space of the staff to the next.

    This is how the released code counts steps in ABC (neighbouring letters, whatever the accidentals). In a pitch
    sequence, which has no staff, a step is one or two semitones.

    >>> diatonic_steps(["C D", "E F", "C ^C", "B c", "C E", "14 16", "14 17"])
    [1.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0]
    """
    return [_share(text, _is_step) for text in texts]


def _is_step(a: Note, b: Note) -> bool:
    if a.place is None or b.place is None:
        return abs((a.pitch or 0) - (b.pitch or 0)) in (1, 2)
    return abs(a.place - b.place) == 1


def validity(texts: Sequence[str]) -> list[float]:
    """Return 1 for a text that can be read and has at least two notes.

    >>> validity(["C G|", "C", "C G (", "[K:H] C G", "18 1 1 20", "18 1 1 1", ""])
    [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0]
    """
    return [float((tune := _read(text)) is not None and len(tune.sounding) > 1) for text in texts]


def whole_bars(texts: Sequence[str]) -> list[float]:
    """Return the share of bars that add up (`Tune.fitting_bars`); 0 for what scores 0 in `validity` or has no bars.

    >>> whole_bars(["[M:2/4]C|DEFGABAB|c6|", "CD|EF|G|AB|", "18 1 20"])
    [1.0, 0.75, 0.0]
    """
    return [
        _bars(tune) if good and (tune := _read(text)) else 0.0
        for text, good in zip(texts, validity(texts), strict=True)
    ]


def _bars(tune: Tune) -> float:
    return tune.fitting_bars() / len(tune.bars) if tune.bars else 0.0


def canonical(text: str) -> str | None:
    """Return what a melody sounds like as text, pitch:length by pitch:length, for `--reward.canonical`.

    Rests that follow each other are one. None where it cannot be read.

    >>> canonical('"Am" A2 (Bz)'), canonical("A2 z|z") == canonical("A2 z2")
    ('69:1/4 71:1/8 z:1/8', True)
    >>> canonical("[L:1/8] A A-|A") == canonical("AA2"), canonical("A2 (")
    (True, None)
    """
    tune = _read(text)
    if tune is None:
        return None
    notes: list[Note] = []
    for note in tune.notes:
        if note.pitch is None and notes and notes[-1].pitch is None:
            notes[-1] = notes[-1]._replace(duration=notes[-1].duration + note.duration)
        else:
            notes.append(note)
    return " ".join(f"{'z' if note.pitch is None else note.pitch}:{note.duration}" for note in notes)
