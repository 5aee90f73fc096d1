"""The symbols of ABC notation 2.1: one regular expression that tokenizer and reader share.

A note is one token with its accidental, octave marks and length (`^c'3/2`), and so is a bar line, a rest, a chord
symbol in quotes, an inline field, the mark of a tuplet or an ending. What is no symbol of ABC is a token of one
character, so that the tokens of a text always join to the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = [
    "ABC",
    "BAR",
    "BROKEN",
    "CLOSE",
    "ENDING",
    "FIELD",
    "NOTE",
    "REST",
    "SILENT",
    "TUPLET",
    "first_bars",
    "plain",
    "tokens",
]

# Multiples and fractions of the unit length: 3, 3/2, /2, /, //. Bounded, for a generator may write any number of
# digits.
LENGTH = r"[0-9]{0,3}(?:/[0-9]{1,3}|/{0,6})"

FIELD = r"\[[A-Za-z]:[^\]]*\]"
BAR = r":*\|+(?:\]|:+)?|\[\|+(?:\]|:+)?|::+"
ENDING = r"\[[0-9](?:[0-9,-]*[0-9])?|[0-9]+(?:[,-][0-9]+)*"
TUPLET = r"\([0-9](?::[0-9]?(?::[0-9]{0,2})?)?"
NOTE = rf"(?:\^{{1,2}}|_{{1,2}}|=)?[A-Ga-g][,']{{0,4}}{LENGTH}"
REST = rf"[zx]{LENGTH}|[ZX][0-9]{{0,3}}"
CLOSE = rf"\]{LENGTH}"
BROKEN = r">{1,3}|<{1,3}"
# Heard by nobody who only asks for pitches and lengths: chord symbols and annotations, decorations, spacers, beams,
# blanks.
SILENT = r'"[^"]*"|![^!|]*!|y[0-9]*|[.~HLMOPSTuv`\s]'

ABC = "|".join((FIELD, SILENT, BAR, ENDING, TUPLET, NOTE, REST, CLOSE, BROKEN, r"[\s\S]"))
_TOKEN, _BAR, _SILENT = re.compile(ABC), re.compile(BAR), re.compile(SILENT)
_SOUND = re.compile(f"{NOTE}|{REST}")


def tokens(text: str) -> list[str]:
    """Return the symbols of a text, which join to it again.

    >>> tokens('|:"Am"^c3/2>d (3efg-|[CE]2:|2 x')
    ['|:', '"Am"', '^c3/2', '>', 'd', ' ', '(3', 'e', 'f', 'g', '-', '|', '[', 'C', 'E', ']2', ':|', '2', ' ', 'x']
    """
    return _TOKEN.findall(text)


def plain(text: str) -> str:
    """Return the melody alone: without chord symbols, annotations, decorations, grace notes, slurs and blanks.

    >>> plain('"G" {a}g2 (~f e) | (3def .g')
    'g2fe|(3defg'
    """
    return "".join(_melody(text))


def _melody(text: str) -> Iterator[str]:
    grace = False
    for token in tokens(text):
        if token in ("{", "}"):
            grace = token == "{"
        elif not grace and token not in ("(", ")") and not _SILENT.fullmatch(token):
            yield token


def first_bars(text: str, count: int) -> str:
    """Return a tune up to the bar line that ends its `count`-th bar with notes or rests; an upbeat counts as a bar.

    A tie into the next bar is left out, for it would lead nowhere.

    >>> first_bars("e|:d2B|A3-|A2:|", 3)
    'e|:d2B|A3|'
    """
    symbols = tokens(text)
    bars, sounds = 0, False
    for end, token in enumerate(symbols):
        sounds = sounds or _SOUND.fullmatch(token) is not None
        if sounds and _BAR.fullmatch(token):
            bars, sounds = bars + 1, False
            if bars == count:
                kept = symbols[: end - 1] if symbols[end - 1] == "-" else symbols[:end]
                return "".join([*kept, token])
    return text
