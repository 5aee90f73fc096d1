"""Novelty against the training text: n-grams that are not in it, sentences copied from it.

High BLEU with a high copy share is memory, high novelty with low BLEU is gibberish: neither says much alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tokengan.metrics.base import Figure, Given, Metric, no_ngrams
from tokengan.metrics.ngrams import Sentences, encode, ngrams

__all__ = ["CopyShare", "Novelty", "copy_share", "novelty"]

ORDERS = (2, 3, 4)


def novelty(samples: Sentences, train: Sentences, orders: Sequence[int] = ORDERS) -> dict[int, float]:
    """Return novelty_n = n-grams of the samples that are not in the training text / all n-grams of the samples.

    Every occurrence counts. Not a number where no sample has n tokens.

    >>> novelty([["a", "b", "d"], ["a", "b", "c"]], [["a", "b", "c"]], [2])     # ab bd ab bc: only bd is new
    {2: 0.25}
    """
    corpus = encode([*samples, *train])
    lengths = corpus.lengths[: len(samples)]
    shares = {}
    # A known n-gram stands at least twice: in the samples and in the training text.
    for n, places, ids in ngrams(corpus, max(orders), repeated=True):
        if n in orders:
            written = corpus.sentence[places] < len(samples)
            known = np.zeros(int(ids.max(initial=-1)) + 1, bool)
            known[ids[~written]] = True
            total = int(np.maximum(0, lengths - n + 1).sum())
            shares[n] = (total - int(np.count_nonzero(known[ids[written]]))) / total if total else math.nan
    return shares


def copy_share(samples: Sentences, train: Sentences) -> float:
    """Return the share of samples that are, token for token, a training sentence.

    >>> copy_share([["a", "b", "d"], ["a", "b", "c"]], [["a", "b", "c"]])
    0.5
    """
    known = set(map(tuple, train))
    return sum(tuple(sample) in known for sample in samples) / len(samples)


class Novelty(Metric):
    """novelty-2..4: share of the samples' n-grams that the training text does not have.

    >>> [f.value for f in Novelty().compute(Given([["a", "b", "d"], ["a", "b", "c"]], train=[["a", "b", "c"]]))]
    [0.25, 0.5, nan]
    """

    name = "novelty"
    needs = frozenset({"samples", "train"})
    direction = "none"
    bounds = (0.0, 1.0)
    split = "train"

    def compute(self, given: Given) -> list[Figure]:
        """Return novelty-2..4."""
        parts = (given.size("samples", "sentences"), given.source("train", "train"))
        return [
            self.figure(f"novelty-{n}", value, given, *parts, note=no_ngrams(value, n))
            for n, value in novelty(given.samples, given.train or []).items()
        ]


class CopyShare(Metric):
    """Share of the samples that stand in the training text word for word.

    >>> CopyShare().compute(Given([["a", "b", "d"], ["a", "b", "c"]], train=[["a", "b", "c"]]))[0].value
    0.5
    """

    name = "copy-share"
    needs = frozenset({"samples", "train"})
    direction = "lower"
    bounds = (0.0, 1.0)
    split = "train"

    def compute(self, given: Given) -> list[Figure]:
        """Return the share."""
        value = copy_share(given.samples, given.train or [])
        parts = (given.size("samples", "sentences"), given.source("train", "train"))
        return [self.figure("copy share", value, given, *parts)]
