"""Key signatures of ABC 2.1 (section 3.1.14): which letters a key raises or lowers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from tokengan.music.malformed import MalformedTune

__all__ = ["ALTERATIONS", "key_signature", "only_looks"]

FIFTHS = {"F": -1, "C": 0, "G": 1, "D": 2, "A": 3, "E": 4, "B": 5}  # sharps of each major key
# A mode has so many sharps more than the major key of its first note; only three letters of its name count.
MODES = {
    "": 0, "maj": 0, "ion": 0, "mix": -1, "dor": -2, "m": -3, "min": -3, "aeo": -3, "phr": -4, "loc": -5, "lyd": 1,
}  # fmt: skip
ALTERATIONS = {"^^": 2, "^": 1, "=": 0, "_": -1, "__": -2}
SHARPENED = "FCGDAEB"  # in the order in which sharps are added; flats are added the other way round
# What else may stand in a K: field changes how it looks, not how it sounds; clefs with +8 or -8 do, and are refused.
LOOKS = re.compile(r"(middle|stafflines)=\S*|clef=[A-Za-z]+[1-5]?|(treble|alto|tenor|bass|perc|none)[1-5]?")
TONIC = re.compile(r"([A-G])([#b]?) *([A-Za-z]*)(?![A-Za-z0-9=+-])")


@lru_cache(256)
def key_signature(key: str) -> Mapping[str, int]:
    """Return the alteration in semitones of each letter that a key alters.

    Major, minor and the modes by any name that begins with their three letters, in any case; accidentals behind it
    (`D Phr ^f`); none but the accidentals behind `exp` (`D exp _b ^f`; the note in front may be missing, which the
    standard does not allow); `none`, an empty key and a clef alone alter nothing; both bagpipe keys raise F and C.

    Raises MalformedTune for anything else, for clefs that transpose (`treble-8`), and for keys of more than seven
    sharps or flats.

    >>> [dict(key_signature(key)) for key in ("D", "Bb", "A dorian")]
    [{'F': 1, 'C': 1}, {'B': -1, 'E': -1}, {'F': 1}]
    >>> [dict(key_signature(key)) for key in ("D Phr ^f", "D exp _b ^f", "C")]
    [{'B': -1, 'E': -1, 'F': 1}, {'B': -1, 'F': 1}, {}]
    """
    words = key.split()
    tonic = TONIC.match(key.strip())
    if words and words[0] in ("HP", "Hp"):
        signature, rest = {"F": 1, "C": 1}, words[1:]
    elif not words or words[0].lower() in ("none", "exp"):
        signature, rest = {}, words[1:]
    elif only_looks(key):
        signature, rest = {}, []
    elif tonic:
        letter, sign, mode = tonic.groups()
        rest = key.strip()[tonic.end() :].split()
        if LOOKS.fullmatch(mode):
            mode = ""
        explicit = mode.lower() == "exp"
        sharps = 0 if explicit else FIFTHS[letter] + {"#": 7, "b": -7, "": 0}[sign] + _mode(mode, key)
        signature = _altered(sharps, key)
    else:
        raise MalformedTune(f"there is no key '{key[:40]}': give a note and a mode, as G, Bb, F#m or D mixolydian")
    return MappingProxyType(signature | dict(_accidental(word, key) for word in rest if not LOOKS.fullmatch(word)))


def only_looks(key: str) -> bool:
    """Return whether a key names no tonic, only a clef and the like, so that the key in force stays.

    >>> only_looks(" clef=alto"), only_looks("G clef=alto"), only_looks("none"), only_looks("")
    (True, False, False, False)
    """
    words = key.split()
    return bool(words) and words[0].lower() != "none" and all(map(LOOKS.fullmatch, words))


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
    if word.endswith("8") or "=" in sign[1:]:
        raise MalformedTune(f"'{word[:20]}' in the key '{key[:40]}' is not read: it transposes, or is no clef")
    if sign not in ALTERATIONS or letter not in FIFTHS:
        raise MalformedTune(f"'{word[:20]}' in the key '{key[:40]}' is no accidental: write them as ^f or _b")
    return letter, ALTERATIONS[sign]
