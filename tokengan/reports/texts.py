"""Samples beside what they are nearest to, and the n-grams that a text has too much or too little of.

Axes: P places of n-grams.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence

from tokengan.data.levels import SPECIAL_NAMES
from tokengan.metrics.nearest import nearest_overlap
from tokengan.metrics.ngrams import Sentences
from tokengan.reports.comparison import Rate, Sample

UNKNOWN = SPECIAL_NAMES[-1]

__all__ = ["rates", "side_by_side", "surprise"]


def side_by_side(
    texts: Sequence[str], train: Sequence[str], cut: Callable[[str], Sequence[str]] = str.split
) -> tuple[Sample, ...]:
    """Return texts, each with the training sentence whose set of tokens is nearest by the Jaccard index.

    >>> [(one.nearest, round(one.overlap, 2)) for one in side_by_side(["a b c"], ["x", "b a"])]
    [('b a', 0.67)]
    >>> side_by_side(["a"], [])
    (Sample(text='a', nearest='', overlap=0.0),)
    """
    if not train:
        return tuple(map(Sample, texts))
    overlaps, places = nearest_overlap([cut(text) for text in texts], [cut(text) for text in train])
    return tuple(
        Sample(text, train[place] if overlap else "", overlap)
        for text, overlap, place in zip(texts, overlaps, places, strict=True)
    )


def rates(samples: Sentences, reference: Sentences, orders: int = 3, most: int = 10) -> tuple[Rate, ...]:
    """Return the n-grams most over-produced, then those most under-produced, against the reference.

    Ordered by Dunning's log-likelihood ratio (1993), which weighs a difference of rates by how much text speaks for it:
    ratios of rare n-grams do not come first as they would by rate alone. An n-gram whose ratio is under 10.83 (p .001
    of one test) is left out, and so is one with the unknown word, which stands for many.

    Args:
        samples: What was written, tokenised.
        reference: Real text.
        orders: n-grams of 1 .. `orders` tokens.
        most: n-grams of each kind.

    >>> over, under = rates([["a", "b"]] * 20, [["a", "c"]] * 20, orders=1)
    >>> (over.ngram, over.here, over.real), (under.ngram, under.here, under.real)
    (('b', 500.0, 0.0), ('c', 0.0, 500.0))
    """
    over: list[tuple[float, Rate]] = []
    under: list[tuple[float, Rate]] = []
    for n in range(1, orders + 1):
        here, real = _counts(samples, n), _counts(reference, n)
        sizes = here.total(), real.total()
        if not all(sizes):
            continue
        for ngram in here.keys() | real.keys():
            if UNKNOWN in ngram:
                continue
            a, b = here[ngram], real[ngram]
            found = surprise(a, sizes[0], b, sizes[1])
            if found > 10.83:
                kind = over if a / sizes[0] > b / sizes[1] else under
                kind.append((found, Rate(" ".join(ngram), 1000 * a / sizes[0], 1000 * b / sizes[1])))
    return tuple(rate for kind in (over, under) for _, rate in sorted(kind, key=_first)[:most])


def surprise(a: int, n: int, b: int, m: int) -> float:
    """Return G^2 = 2 sum observed log(observed / expected) of a among n and b among m; 0 where the rates are equal.

    >>> surprise(5, 100, 10, 200), round(surprise(10, 100, 0, 100), 2)
    (0.0, 14.39)
    """
    share = (a + b) / (n + m)

    def part(observed: int, of: int, p: float) -> float:
        return observed * math.log(observed / (of * p)) if observed else 0.0

    rest = part(n - a, n, 1 - share) + part(m - b, m, 1 - share) if share < 1 else 0.0
    return 2 * (part(a, n, share) + part(b, m, share) + rest)


def _counts(sentences: Sentences, n: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(s[i : i + n]) for s in sentences for i in range(len(s) - n + 1))


def _first(one: tuple[float, Rate]) -> tuple[float, str]:
    return -one[0], one[1].ngram
