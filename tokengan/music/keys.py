"""Key signatures of ABC 2.1 (section 3.1.14): which letters a key raises or lowers."""

from __future__ import annotations

import re
from functools import lru_cache

from tokengan.music.malformed import MalformedTune

__all__ = ["ALTERATIONS", "key_signature"]

FIFTHS = {"F": -1, "C": 0, "G": 1, "D": 2, "A": 3, "E": 4, "B": 5}  # sharps of each major key
# A mode has so many sharps more than the major key of its first note; only three letters of its name count.
MODES = {
    "": 0, "maj": 0, "ion": 0, "mix": -1, "dor": -2, "m": -3, "min": -3, "aeo": -3, "phr": -4, "loc": -5, "lyd": 1,
}  # fmt: skip
ALTERATIONS = {"^^": 2, "^": 1, "=": 0, "_": -1, "__": -2}
SHARPENED = "FCGDAEB"  # in the order in which sharps are added; flats are added the other way round
# What else may stand in a K: field changes how it looks, not how it sounds.
LOOKS = re.compile(r"(clef|middle|stafflines)=\S*|(treble|alto|tenor|bass|perc|none)[0-9]?")
TONIC = re.compile(r"([A-G])([#b]?) *([A-Za-z]*)(?![A-Za-z=])")


@lru_cache(256)
def key_signature(key: str) -> dict[str, int]:
    """Return the alteration in semitones of each letter that a key alters.

    Major, minor and the modes by any name that begins with their three letters, in any case; accidentals behind it
    (`D Phr ^f`), `exp` with accidentals only; `none` and an empty key alter nothing; both bagpipe keys raise F and C.

    Raises MalformedTune for anything else, and for keys of more than seven sharps or flats.

    >>> key_signature("D"), key_signature("Bb"), key_signature("A dorian")
    ({'F': 1, 'C': 1}, {'B': -1, 'E': -1}, {'F': 1})
    >>> key_signature("D Phr ^f"), key_signature("C")
    ({'B': -1, 'E': -1, 'F': 1}, {})
    """
    words = key.split()
    if words and words[0] in ("HP", "Hp"):
        return {"F": 1, "C": 1}
    if not words or words[0].lower() == "none":
        return {}
    tonic = TONIC.match(key.strip())
    if words[0] == "exp":
        signature, rest = {}, words[1:]
    elif tonic:
        letter, sign, mode = tonic.groups()
        rest = key.strip()[tonic.end() :].split()
        if LOOKS.fullmatch(mode):
            mode = ""
        signature = _altered(FIFTHS[letter] + {"#": 7, "b": -7, "": 0}[sign] + _mode(mode, key), key)
    else:
        raise MalformedTune(f"there is no key '{key[:40]}': give a note and a mode, as G, Bb, F#m or D mixolydian")
    return signature | dict(_accidental(word, key) for word in rest if not LOOKS.fullmatch(word))


def _mode(name: str, key: str) -> int:
    mode = name if name == "m" else name.lower()[:3]
    if mode not in MODES or name == "M":
        raise MalformedTune(f"the key '{key[:40]}' has no mode that ABC knows: write Am, A minor, A dorian, A mix ...")
    return MODES[mode]


def _altered(sharps: int, key: str) -> dict[str, int]:
    if abs(sharps) > 7:
        raise MalformedTune(f"the key '{key[:40]}' would have {abs(sharps)} accidentals, at most 7 are written")
    return dict.fromkeys(SHARPENED[:sharps], 1) if sharps >= 0 else dict.fromkeys(SHARPENED[: sharps - 1 : -1], -1)


def _accidental(word: str, key: str) -> tuple[str, int]:
    sign, letter = word[:-1], word[-1:].upper()
    if sign not in ALTERATIONS or letter not in FIFTHS:
        raise MalformedTune(f"'{word[:20]}' in the key '{key[:40]}' is no accidental: write them as ^f or _b")
    return letter, ALTERATIONS[sign]
