"""Objectives of plain texts, for trying out what a reward does: short names of the group `tokengan.objectives`."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["length", "variety"]


def length(texts: Sequence[str]) -> list[float]:
    """Return the number of words of each text as a share of twenty, at most 1.

    >>> length(["a b c d e", ""])
    [0.25, 0.0]
    """
    return [min(len(text.split()) / 20, 1.0) for text in texts]


def variety(texts: Sequence[str]) -> list[float]:
    """Return the share of distinct words in each text, 0 for an empty one.

    >>> variety(["a b a a", ""])
    [0.5, 0.0]
    """
    return [len({*words}) / len(words) if (words := text.split()) else 0.0 for text in texts]
