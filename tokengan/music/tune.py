"""A tune as its notes and bars, whatever it was written in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

__all__ = ["Bar", "Note", "Tune"]


class Note(NamedTuple):
    """A note or a rest.

    Args:
        pitch: MIDI number, 60 the middle C; None for a rest.
        duration: In whole notes; in time steps where the source has those.
        place: Place on the staff, whatever the accidental: 7 times the octave plus the letter, 0 for C to 6 for B, 28
            for middle C. None for a rest and where there is no staff.
    """

    pitch: int | None
    duration: Fraction
    place: int | None = None


class Bar(NamedTuple):
    """What stands between two bar lines.

    Args:
        length: Sum of its notes and rests, in whole notes.
        metre: What it should be, None in free metre or where none is given.
        inner: Whether both its bar lines are plain ones: no beginning or end, no repeat, no double bar, no ending.
        free: Whether it is in free metre, in which a bar is as long as it likes.
    """

    length: Fraction
    metre: Fraction | None
    inner: bool
    free: bool = False


class Tune(NamedTuple):
    """Notes and rests in order, repeats not played again, and the bars that are not empty."""

    notes: tuple[Note, ...]
    bars: tuple[Bar, ...] = ()

    @property
    def sounding(self) -> list[Note]:
        """The notes without the rests."""
        return [note for note in self.notes if note.pitch is not None]

    def fitting_bars(self) -> int:
        """Return how many bars add up to the metre; where none is given, to the commonest length, the longest of such.

        A bar at a beginning or end, a repeat, a double bar or an ending may be shorter: an upbeat and what completes
        it. A bar in free metre always adds up.

        >>> whole, half = Fraction(1), Fraction(1, 2)
        >>> Tune((), (Bar(half, whole, False), Bar(whole, whole, True), Bar(half, whole, True))).fitting_bars()
        2
        """
        usual = _commonest([bar.length for bar in self.bars if not bar.free])
        return sum(_fits(bar, bar.metre or usual) for bar in self.bars)


def _commonest(lengths: Sequence[Fraction]) -> Fraction:
    counts = Counter(lengths)
    return max(counts, key=lambda value: (counts[value], value), default=Fraction(1))


def _fits(bar: Bar, whole: Fraction) -> bool:
    return bar.free or bar.length == whole or (not bar.inner and bar.length < whole)
