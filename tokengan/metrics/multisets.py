"""Two sets of texts by the n-grams they hold: MS-Jaccard and the Jensen-Shannon divergence.

MS-Jaccard (Montahaei, Alihosseini and Soleymani Baghshah 2019): with c_S(g) = count of n-gram g in S / sentences of S,

    J_n = sum_g min(c_G(g), c_R(g)) / sum_g max(c_G(g), c_R(g)),    MS-Jaccard-N = (J_1 * ... * J_N)^(1/N).

Jensen-Shannon (as in Gulrajani et al. 2017): with relative frequencies p, q of n-grams and m = (p + q) / 2,

    JS-n = (KL(p|m) + KL(q|m)) / 2 in bits, between 0 and 1.

Axes: A different n-grams of both sets.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tokengan.metrics.base import Figure, Given, Metric
from tokengan.metrics.ngrams import Ints, Sentences, draw, encode, ngrams

__all__ = ["JensenShannon", "MSJaccard", "jensen_shannon", "ms_jaccard"]

ORDER = 4


def _counts(a: Sentences, b: Sentences, order: int) -> Iterator[tuple[int, Ints, Ints]]:
    """Yield n and how often each n-gram of both sets stands in the first [A] and in the second [A]."""
    corpus = encode([*a, *b])
    for n, places, ids in ngrams(corpus, order):
        first = corpus.sentence[places] < len(a)
        size = int(ids.max(initial=-1)) + 1
        yield n, np.bincount(ids[first], minlength=size), np.bincount(ids[~first], minlength=size)


def ms_jaccard(a: Sentences, b: Sentences, order: int = ORDER) -> dict[int, float]:
    """Return MS-Jaccard-N for N = 1 .. `order`; not a number where neither set has an n-gram so long.

    >>> ms_jaccard([["a", "b"], ["a", "a"]], [["a", "b"], ["b", "b"]], 2)
    {1: 0.3333333333333333, 2: 0.3333333333333333}
    """
    values, product = {}, 1.0
    for n, mine, real in _counts(a, b, order):
        c, r = mine / len(a), real / len(b)
        largest = float(np.maximum(c, r).sum())
        product *= float(np.minimum(c, r).sum()) / largest if largest else math.nan
        values[n] = product ** (1 / n)
    return values


def _bits(p: NDArray[np.float64], m: NDArray[np.float64]) -> float:
    some = p > 0
    return float((p[some] * np.log2(p[some] / m[some])).sum())


def jensen_shannon(a: Sentences, b: Sentences, order: int = ORDER) -> dict[int, float]:
    """Return JS-n for n = 1 .. `order`; not a number where a set has no n-gram so long.

    >>> round(jensen_shannon([["x"], ["x"]], [["x"], ["y"]], 1)[1], 3)
    0.311
    """
    values = {}
    for n, mine, real in _counts(a, b, order):
        if not mine.sum() or not real.sum():
            values[n] = math.nan
            continue
        p, q = mine / mine.sum(), real / real.sum()
        middle = (p + q) / 2
        values[n] = min(1.0, max(0.0, (_bits(p, middle) + _bits(q, middle)) / 2))
    return values


class _Multisets(Metric):
    """What the two share: equal numbers of sentences, since both move with that number."""

    needs = frozenset({"samples", "reference"})
    bounds = (0.0, 1.0)
    split = "reference"

    def drawn(self, given: Given) -> tuple[Sentences, Sentences, tuple[str, str]]:
        """Return as many samples as reference sentences, and the parts of the signature."""
        reference = given.reference or []
        size = min(len(given.samples), len(reference))
        parts = (f"n={size}+{size}", given.source("reference", "refs"))
        return draw(given.samples, size), draw(reference, size), parts


class MSJaccard(_Multisets):
    """MS-Jaccard-2..4: overlap of the multisets of n-grams, precision and recall in one; 1 is the same.

    >>> [f.value for f in MSJaccard().compute(Given([["a", "b"]], [["b", "c"]]))]
    [0.0, nan, nan]
    """

    name = "ms-jaccard"
    direction = "higher"

    def compute(self, given: Given) -> list[Figure]:
        """Return MS-Jaccard-2..4."""
        mine, real, parts = self.drawn(given)
        return [
            self.figure(f"MS-Jaccard-{n}", value, given, *parts, note=_too_short(value, n))
            for n, value in ms_jaccard(mine, real).items()
            if n > 1
        ]


class JensenShannon(_Multisets):
    """JS-1..4 of n-gram frequencies, in bits; 0 is the same, 1 has nothing in common.

    >>> [f.value for f in JensenShannon().compute(Given([["a", "b"]], [["c", "d"]]))]
    [1.0, 1.0, nan, nan]
    """

    name = "js"
    direction = "lower"

    def compute(self, given: Given) -> list[Figure]:
        """Return JS-1..4."""
        mine, real, parts = self.drawn(given)
        return [
            self.figure(f"JS-{n}", value, given, "bits", *parts, note=_too_short(value, n))
            for n, value in jensen_shannon(mine, real).items()
        ]


def _too_short(value: float, n: int) -> str:
    return f"too few texts have {n} tokens" if math.isnan(value) else ""
