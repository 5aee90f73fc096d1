"""Texts to pieces in Python, for the levels where that gives what the tokenizers library gives, several times as fast.

The library walks through a text with a general regular expression engine and keeps offsets of every piece; a molecule
has forty pieces of a character or two, and most of the time goes there.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import cache

import tokenizers
from tokenizers import models

from tokengan.data.levels import SMILES, SPECIAL, UNK, Level, pipeline

__all__ = ["in_python", "vocabulary_of"]

Split = Callable[[str], list[str]]

# Without case folding, where Python and Rust differ in a few letters.
SPLITS: Mapping[Level, Split] = {"smiles": re.compile(SMILES).findall, "char": list}


def in_python(inner: tokenizers.Tokenizer) -> Split | None:
    r"""Return a function that cuts a text as a pipeline does, None where only the pipeline itself can.

    >>> split = in_python(pipeline("smiles", lowercase=False, pattern=None))
    >>> split("CCl\n[NH3+]"), in_python(pipeline("word", lowercase=False, pattern=None))
    (['C', 'Cl', ' ', '[NH3+]'], None)
    """
    if not isinstance(inner.model, models.WordLevel) or inner.model.unk_token != SPECIAL[UNK]:
        return None
    for level, split in SPLITS.items():
        if _state(inner) == _states()[level]:
            return lambda text: split(text.replace("\n", " "))
    return None


def _state(inner: tokenizers.Tokenizer) -> tuple[bytes, bytes]:
    """Return what decides how texts are cut: a saved pipeline is known by it too."""
    parts = inner.normalizer, inner.pre_tokenizer
    return parts[0].__getstate__() if parts[0] else b"", parts[1].__getstate__() if parts[1] else b""


@cache
def _states() -> dict[Level, tuple[bytes, bytes]]:
    return {level: _state(pipeline(level, lowercase=False, pattern=None)) for level in SPLITS}


def vocabulary_of(texts: Iterable[str], split: Split, size: int | None, min_count: int) -> dict[str, int]:
    """Return the ids of the special tokens and of the pieces, the most frequent first, ties by their characters.

    >>> list(vocabulary_of(["CCO", "OC"], list, None, 1))[4:]
    ['C', 'O']
    """
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(split(text))
    ranked = sorted((-count, piece) for piece, count in counts.items() if count >= min_count)
    pieces = [*SPECIAL, *(piece for _, piece in ranked)]
    return {piece: i for i, piece in enumerate(pieces[:size])}
