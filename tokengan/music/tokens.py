"""The symbols of ABC notation 2.1: one regular expression that tokenizer and reader share.

A note is one token with its accidental, octave marks and length (`^c'3/2`), and so is a bar line, a rest, a chord
symbol in quotes, an inline field, the mark of a tuplet or an ending. What is no symbol of ABC is a token of one
character, so that the tokens of a text always join to the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from tokengan.music.lengths import tuplet
from tokengan.music.malformed import MalformedTune

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
_SOUND, _CLOSE, _TUPLET = re.compile(f"{NOTE}|{REST}"), re.compile(CLOSE), re.compile(TUPLET)


def tokens(text: str) -> list[str]:
    """Return the symbols of a text, which join to it again.

    >>> tokens('|:"Am"^c3/2>d (3efg-|[CE]2:|2 x')
    ['|:', '"Am"', '^c3/2', '>', 'd', ' ', '(3', 'e', 'f', 'g', '-', '|', '[', 'C', 'E', ']2', ':|', '2', ' ', 'x']
    """
    return _TOKEN.findall(text)


def plain(text: str) -> str:
    """Return the melody alone: without chord symbols, annotations, decorations, grace notes, slurs and blanks.

    A blank stays where two symbols would become another one without it.

    >>> plain('"G" {a}g2 (~f e) | (3def .g'), plain("C2|D| |E|F2")
    ('g2fe|(3defg', 'C2|D| |E|F2')
    """
    symbols, grace, kept = tokens(text), False, list[int]()
    for index, token in enumerate(symbols):
        if token in ("{", "}"):
            grace = token == "{"
        elif not grace and token not in ("(", ")") and not _SILENT.fullmatch(token):
            kept.append(index)
    return _joined(symbols, kept)


def _joined(symbols: list[str], kept: Iterable[int]) -> str:
    """Join some of the symbols of a text, with a blank between two that would not be the same symbols side by side."""
    parts: list[str] = []
    before = -1
    for index in kept:
        parted = 0 <= before < index - 1
        if parted and tokens(symbols[before] + symbols[index]) != [symbols[before], symbols[index]]:
            parts.append(" ")
        parts.append(symbols[index])
        before = index
    return "".join(parts)


def first_bars(text: str, count: int) -> str:
    """Return a tune up to the bar line that ends its `count`-th bar with notes or rests; an upbeat counts as a bar.

    Ties and slurs that lead further are left out, so that what could be read still can. A bar line inside a tuplet is
    no place to end: the tune then ends before that bar, and is empty if there is no bar line to end at.

    >>> first_bars("e|:d2B|A3-|A2:|", 3), first_bars("(A|B)|c|", 1)
    ('e|:d2B|A3|', 'A|')
    >>> first_bars("A|(3BC|D|", 2), first_bars("[A-C-]|[AC]|", 1)
    ('A|', '[AC]|')
    """
    symbols = tokens(text)
    bars, whole, left = 0, 0, 0  # `whole`: where the last bar ended outside a tuplet; `left`: notes of a tuplet to come
    sounds = grace = chord = False
    for end, token in enumerate(symbols, 1):
        if token in ("{", "}"):
            grace = token == "{"
        elif grace:
            continue
        elif _SOUND.fullmatch(token) or _CLOSE.fullmatch(token):
            sounds = True
            chord = chord and token[0] != "]"
            left -= left > 0 and not chord
        elif token == "[":
            chord = True
        elif _TUPLET.fullmatch(token):
            left = _notes(token)
        elif sounds and _BAR.fullmatch(token):
            bars, sounds = bars + 1, False
            whole = whole if left else end
            if bars == count:
                return _ended(symbols[:whole])
    return text


def _notes(mark: str) -> int:
    try:
        return tuplet(mark, False)[1]
    except MalformedTune:
        return 0


def _ended(symbols: list[str]) -> str:
    """Join the beginning of a tune without its unmatched `(`, and without ties of its last note or chord."""
    slurs: list[int] = []
    for index, token in enumerate(symbols):
        if token == "(":
            slurs.append(index)
        elif token == ")" and slurs:
            slurs.pop()
    dropped = {*slurs, *_last_ties(symbols)}
    return _joined(symbols, (index for index in range(len(symbols)) if index not in dropped))


def _last_ties(symbols: list[str]) -> list[int]:
    ties: list[int] = []
    grace = chord = False
    for index in range(len(symbols) - 1, -1, -1):
        token = symbols[index]
        if token in ("{", "}"):
            grace = token == "}"
        elif grace:
            continue
        elif token == "-":
            ties.append(index)
        elif _CLOSE.fullmatch(token):
            chord = True
        elif token == "[" or (not chord and _SOUND.fullmatch(token)):
            break
    return ties
