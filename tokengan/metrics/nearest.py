"""How near each sample comes to a training sentence, or to another sample: the largest Jaccard index of token sets.

    overlap(g) = max over training sentences x of |tokens(g) & tokens(x)| / |tokens(g) | tokens(x)|.

1 says: the same words as another sentence, in whatever order. SentiGAN's diversity
(Wang & Wan 2018) is 1 less the mean of it over the other samples.

Axes: S sentences, P pairs of a sentence and a token.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tokengan.metrics.base import Figure, Given, Metric
from tokengan.metrics.ngrams import Sentences, encode

__all__ = ["NearestOverlap", "nearest_overlap"]


def nearest_overlap(samples: Sentences, train: Sentences | None = None) -> tuple[Sequence[float], Sequence[int]]:
    """Return the overlap of each sample with its nearest training sentence, and which that is.

    Without training text it is the nearest other sample. Two empty sentences are the same.

    >>> nearest_overlap([["a", "b", "d"], ["b", "a"], []], [["x"], ["a", "b", "c"]])
    ([0.5, 0.6666666666666666, 0.0], [1, 1, 0])
    >>> nearest_overlap([["a", "b"], ["b", "a"], ["b", "c"]])
    ([1.0, 1.0, 0.3333333333333333], [1, 0, 0])
    """
    among = train is None
    train = samples if train is None else train
    corpus = encode([*train, *samples])
    pairs = np.unique(corpus.sentence * (int(corpus.tokens.max(initial=0)) + 1) + corpus.tokens)
    sentence, token = np.divmod(pairs, int(corpus.tokens.max(initial=0)) + 1)
    sizes = np.bincount(sentence, minlength=len(corpus.lengths))
    known = sentence < len(train)
    order = np.argsort(token[known], kind="stable")
    holders = sentence[known][order]  # the training sentences that hold a token, token after token
    ends = np.searchsorted(token[known][order], np.arange(int(token.max(initial=0)) + 2))
    rows = np.searchsorted(sentence, np.arange(len(train), len(corpus.lengths) + 1))
    found: dict[tuple[int, ...], tuple[float, int]] = {}
    overlaps, places = [], []
    for i in range(len(samples)):
        own = tuple(token[rows[i] : rows[i + 1]].tolist())
        if among or own not in found:  # equal samples are looked up once, but each has others of its own
            shared = np.zeros(len(train), np.int64)
            for t in own:
                shared[holders[ends[t] : ends[t + 1]]] += 1
            union = sizes[: len(train)] + len(own) - shared
            overlap = np.where(union > 0, shared / np.maximum(1, union), 1.0)
            if among:
                overlap[i] = -1
            best = int(overlap.argmax())
            found[own] = float(overlap[best]), best
        overlaps.append(found[own][0])
        places.append(found[own][1])
    return overlaps, places


class NearestOverlap(Metric):
    """Mean over the samples of the overlap with the nearest training sentence.

    Near the value of the reference is right: above it the samples lean on the training text, below they leave it.

    >>> NearestOverlap().compute(Given([["a", "b"], ["c"]], train=[["a", "b"]]))[0].value
    0.5
    """

    name = "nearest-overlap"
    needs = frozenset({"samples", "train"})
    direction = "none"
    bounds = (0.0, 1.0)
    split = "train"
    cost = "costly"

    def compute(self, given: Given) -> list[Figure]:
        """Return the mean."""
        value = float(np.mean(nearest_overlap(given.samples, given.train or [])[0]))
        parts = ("Jaccard of token sets", given.size("samples", "sentences"), given.source("train", "train"))
        return [self.figure("nearest overlap", value, given, *parts)]
