"""What texts look like from afar: how long they are, how many words they use, how steeply word frequencies fall.

A model that breaks off early or writes on and on shows here at once, and no BLEU says it.
"""

from __future__ import annotations

import math

import numpy as np

from tokengan.chem.distances import wasserstein
from tokengan.metrics.base import Figure, Given, Metric
from tokengan.metrics.ngrams import Sentences, encode

__all__ = ["Lengths", "Vocabulary", "zipf"]

QUANTILES = (5, 50, 95)
RANKS = 1000


class Lengths(Metric):
    """Tokens of a sample: their mean less the reference's, three quantiles less the reference's, and how far in all.

    The distance is Wasserstein-1, the tokens by which the sorted lengths differ on average; the differences keep their
    sign: below 0 the samples are too short.

    >>> [(f.name, f.value) for f in Lengths().compute(Given([["a"], ["a", "b"]], [["a"], ["a", "b", "c", "d"]]))][:2]
    [('length distance', 1.0), ('mean length - real', -1.0)]
    """

    name = "lengths"
    needs = frozenset({"samples", "reference"})
    direction = "none"
    bounds = (-math.inf, math.inf)
    split = "reference"

    def compute(self, given: Given) -> list[Figure]:
        """Return the distance, then the differences."""
        mine, real = ([len(sentence) for sentence in text] for text in (given.samples, given.reference or []))
        parts = ("tokens", given.size("samples", "sentences"), given.source("reference", "refs"))
        figures = [
            self.figure("length distance", wasserstein(mine, real), given, *parts).replace(direction="lower"),
            self.figure("mean length - real", float(np.mean(mine) - np.mean(real)), given, *parts),
        ]
        for percent in QUANTILES:
            a, b = (float(np.percentile(lengths, percent, method="inverted_cdf")) for lengths in (mine, real))
            figures.append(self.figure(f"length at {percent}% - real", a - b, given, *parts))
        return figures


def zipf(sentences: Sentences, ranks: int = RANKS) -> float:
    """Return the exponent s of frequency ~ rank^-s: least squares of log frequency on log rank, each rank once.

    Not a number for fewer than three different tokens.

    >>> round(zipf([["a"] * 60, ["b"] * 30, ["c"] * 20, ["d"] * 15]), 6)
    1.0
    """
    counts = np.sort(np.bincount(encode(sentences).tokens))[::-1][:ranks]
    if len(counts) < 3:
        return math.nan
    x, y = np.log(np.arange(1, len(counts) + 1)), np.log(counts)
    return -float(((x - x.mean()) @ (y - y.mean())) / ((x - x.mean()) @ (x - x.mean()))) + 0.0


class Vocabulary(Metric):
    """Different tokens of the samples, and their Zipf exponent over the first 1,000 ranks.

    Neither way is better: real text is the mark. The share of different tokens among all, the type-token ratio, is
    `distinct-1`, and on a fixed budget `distinct-1@10000`.

    >>> [(f.name, f.value) for f in Vocabulary().compute(Given([["a", "b"], ["c"]]))]
    [('vocabulary', 3.0), ('Zipf exponent', 0.0)]
    """

    name = "vocabulary"
    needs = frozenset({"samples"})
    direction = "none"
    bounds = (0.0, math.inf)
    split = "samples"

    def compute(self, given: Given) -> list[Figure]:
        """Return both."""
        exponent = zipf(given.samples)
        size = given.size("samples", "sentences")
        types = len(set().union(*given.samples))
        note = "fewer than three different tokens" if math.isnan(exponent) else ""
        return [
            self.figure("vocabulary", float(types), given, size),
            self.figure("Zipf exponent", exponent, given, f"first {RANKS} ranks", size, note=note),
        ]
