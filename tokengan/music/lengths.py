"""Lengths in ABC 2.1 as fractions of a whole note: notes, metres, unit lengths, tuplets."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache

from tokengan.music.malformed import MalformedTune

__all__ = ["default_unit", "length", "metre_length", "tuplet", "unit_length"]

LENGTH = re.compile(r"([0-9]{0,3})(/{0,6})([0-9]{0,3})")
# A sum in front, as in 2+3+2/8 and (2+3)/8, is the metre's own; a bar is as long as without it.
METRE = re.compile(r"\(?([0-9]{1,3}(?:\+[0-9]{1,3})*)\)?/([0-9]{1,3})")
UNIT = re.compile(r"([0-9]{1,2})/([0-9]{1,3})")


@lru_cache(1024)
def length(written: str) -> Fraction:
    """Return the multiple of the unit length that stands behind a note. Raises MalformedTune for zero.

    >>> [str(length(text)) for text in ("", "2", "3/2", "/2", "/", "//", "3/")]
    ['1', '2', '3/2', '1/2', '1/2', '1/4', '3/2']
    """
    found = LENGTH.fullmatch(written)
    number, slashes, divisor = found.groups() if found else ("0", "", "")
    top = int(number or 1)
    bottom = int(divisor) if divisor else 2 ** len(slashes)
    if not top or not bottom:
        raise MalformedTune(f"a note of the length '{written}' has no length")
    return Fraction(top, bottom)


@lru_cache(256)
def metre_length(metre: str) -> Fraction | None:
    """Return how long a bar is, None in free metre.

    >>> [str(metre_length(text)) for text in ("6/8", "C", "C|", "2+3+2/8", "none")]
    ['3/4', '1', '1', '7/8', 'None']
    """
    text = metre.replace(" ", "")
    if text.lower() in ("", "none"):
        return None
    if text in ("C", "C|"):
        return Fraction(1)
    found = METRE.fullmatch(text)
    beats = sum(map(int, found[1].split("+"))) if found else 0
    if found is None or not beats or not int(found[2]):
        raise MalformedTune(f"there is no metre '{metre[:40]}': write 6/8, 2+3/8, C, C| or none")
    return Fraction(beats, int(found[2]))


def unit_length(unit: str) -> Fraction:
    """Return the length of a note with no number behind it.

    >>> unit_length("1/8")
    Fraction(1, 8)
    """
    found = UNIT.fullmatch(unit.strip())
    if found is None or not int(found[1]) or not int(found[2]):
        raise MalformedTune(f"there is no unit length '{unit[:40]}': write 1/8")
    return Fraction(int(found[1]), int(found[2]))


def default_unit(bar: Fraction | None) -> Fraction:
    """Return the unit length where none is given: a sixteenth in metres below 3/4, else an eighth.

    >>> default_unit(Fraction(2, 4)), default_unit(Fraction(3, 4)), default_unit(None)
    (Fraction(1, 16), Fraction(1, 8), Fraction(1, 8))
    """
    return Fraction(1, 16) if bar is not None and bar < Fraction(3, 4) else Fraction(1, 8)


def tuplet(mark: str, compound: bool) -> tuple[Fraction, int]:
    """Return what a tuplet `(p:q:r` multiplies its notes by, q/p, and their number r.

    Without q it is 3 for p = 2, 4 and 8, 2 for p = 3 and 6, and for the others 3 in compound metres, 2 in simple ones.
    Without r it is p.

    >>> tuplet("(3", False), tuplet("(5", True), tuplet("(3:2:4", False), tuplet("(3::2", False)
    ((Fraction(2, 3), 3), (Fraction(3, 5), 5), (Fraction(2, 3), 4), (Fraction(2, 3), 2))
    """
    p, q, r = (int(part) if part else None for part in (*mark[1:].split(":"), "", "")[:3])
    if not p or p == 1 or q == 0 or r == 0:
        raise MalformedTune(f"there is no tuplet '{mark}': it groups 2 to 9 notes")
    usual = {2: 3, 3: 2, 4: 3, 6: 2, 8: 3}.get(p, 3 if compound else 2)
    return Fraction(q or usual, p), r or p
