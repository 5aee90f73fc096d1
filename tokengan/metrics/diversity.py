"""Diversity of a set of texts by itself: distinct n-grams, unique sentences, the commonest sentence, entropy.

All of them but the share of the commonest sentence reward gibberish, and all but distinct-n on a fixed budget move with
the number of samples: read them beside the same figure of real text, which `evaluate` puts there.
"""

from __future__ import annotations

import math
from collections import Counter
from statistics import fmean

import numpy as np

from tokengan.metrics.base import Figure, Given, Metric, no_ngrams
from tokengan.metrics.ngrams import Corpus, Ints, Sentences, encode, ngrams

__all__ = [
    "Distinct",
    "Entropy",
    "TopSentenceShare",
    "UniqueShare",
    "distinct",
    "distinct_at",
    "entropy",
    "top_sentence_share",
    "unique_share",
]

ORDER = 4


def distinct(sentences: Sentences, order: int = ORDER) -> dict[int, float]:
    """Return distinct-n = different n-grams / all n-grams of the set, for n = 1 .. `order`.

    Not a number where no sentence has n tokens. Li et al. 2016.

    >>> {n: round(value, 3) for n, value in distinct([["a", "b", "a"], ["a", "b"]], 2).items()}
    {1: 0.4, 2: 0.667}
    """
    return {n: _different(ids) for n, _, ids in ngrams(encode(sentences), order)}


def distinct_at(
    sentences: Sentences, budget: int, draws: int = 10, seed: int = 0, order: int = ORDER
) -> dict[int, float]:
    """Return distinct-n of exactly `budget` tokens, the mean over seeded draws, for n = 1 .. `order`.

    A draw puts the sentences in random order and cuts after `budget` tokens, through a sentence if need be; n-grams
    never reach from one sentence into the next. Unlike distinct-n of the whole set it can be compared between sets of
    different sizes. Not a number when the set has fewer tokens.

    >>> distinct_at([["a", "b"]] * 50, budget=20, order=2)
    {1: 0.1, 2: 0.1}
    """
    # Sorted, so that the draws do not depend on the order in which the sentences come.
    corpus = encode(sorted(sentences, key=tuple))
    if len(corpus.tokens) < budget:
        return dict.fromkeys(range(1, order + 1), math.nan)
    random = np.random.default_rng(seed)
    drawn = [_cut(corpus, budget, random) for _ in range(draws)]
    means = {}
    for n, places, ids in ngrams(corpus, order):
        sentence = corpus.sentence[places]
        ends = corpus.lengths[sentence] - corpus.left[places] + n
        means[n] = fmean(_different(ids[ends <= kept[sentence]]) for kept in drawn)
    return means


def _different(ids: Ints) -> float:
    return int(np.count_nonzero(np.bincount(ids))) / len(ids) if len(ids) else math.nan


def _cut(corpus: Corpus, budget: int, random: np.random.Generator) -> Ints:
    """Return how many tokens of each sentence [S] fall within the budget when they come in random order."""
    order = random.permutation(len(corpus.lengths))
    lengths = corpus.lengths[order]
    kept = np.empty_like(lengths)
    kept[order] = np.clip(budget - (np.cumsum(lengths) - lengths), 0, lengths)
    return kept


def unique_share(sentences: Sentences) -> float:
    """Return different sentences / all sentences.

    >>> unique_share([["a"], ["a"], ["b"], ["c"]])
    0.75
    """
    return len(set(map(tuple, sentences))) / len(sentences)


def top_sentence_share(sentences: Sentences) -> float:
    """Return the share of the commonest sentence; 1 is collapse to one sentence.

    >>> top_sentence_share([["a"], ["a"], ["b"], ["c"]])
    0.5
    """
    return max(Counter(map(tuple, sentences)).values()) / len(sentences)


def entropy(sentences: Sentences, order: int = ORDER) -> dict[int, float]:
    """Return Ent-n = -sum_w f(w) log f(w) of the n-grams' relative frequencies, in nats, for n = 1 .. `order`.

    Not a number where no sentence has n tokens. Zhang et al. 2018, whose sum over counts is the same number.

    >>> {n: round(value, 4) for n, value in entropy([["a", "b"], ["a", "b"]], 2).items()}     # log 2, 0
    {1: 0.6931, 2: 0.0}
    """
    return {n: _entropy(ids) for n, _, ids in ngrams(encode(sentences), order)}


def _entropy(ids: Ints) -> float:
    if not len(ids):
        return math.nan
    counts = np.bincount(ids)
    shares = counts[counts > 0] / len(ids)
    return float(-(shares * np.log(shares)).sum()) + 0.0  # + 0.0 turns the -0.0 of a single word into 0.0


class Distinct(Metric):
    """distinct-1..4 of all samples, and of a fixed token budget (`distinct-2@10000`); higher is more diverse.

    Args:
        budget: Tokens of a draw. 10,000 by default, which 1,000 captions reach.
        draws: Draws averaged over.
        seed: Seed of the draws.

    >>> [(f.name, f.value) for f in Distinct(budget=4).compute(Given([["a", "b", "a", "b"]]))][1:6:4]
    [('distinct-2', 0.6666666666666666), ('distinct-2@4', 0.6666666666666666)]
    """

    name = "distinct"
    needs = frozenset({"samples"})
    direction = "higher"
    bounds = (0.0, 1.0)
    split = "samples"

    def __init__(self, budget: int = 10_000, draws: int = 10, seed: int = 0) -> None:
        self.budget, self.draws, self.seed = budget, draws, seed

    def compute(self, given: Given) -> list[Figure]:
        """Return distinct-1..4 of all samples, then on the budget."""
        tokens = sum(map(len, given.samples))
        whole = [
            self.figure(f"distinct-{n}", value, given, given.size("samples", "sentences"), note=no_ngrams(value, n))
            for n, value in distinct(given.samples).items()
        ]
        short = (
            f"the samples have {tokens} tokens, fewer than the {self.budget} of a draw" if tokens < self.budget else ""
        )
        parts = (f"budget={self.budget}", f"draws={self.draws}", f"seed={self.seed}")
        return whole + [
            self.figure(f"distinct-{n}@{self.budget}", value, given, *parts, note=short or no_ngrams(value, n))
            for n, value in distinct_at(given.samples, self.budget, self.draws, self.seed).items()
        ]


class UniqueShare(Metric):
    """Share of different sentences among the samples.

    >>> UniqueShare().compute(Given([["a"], ["a"]]))[0].value
    0.5
    """

    name = "unique-share"
    needs = frozenset({"samples"})
    direction = "higher"
    bounds = (0.0, 1.0)
    split = "samples"

    def compute(self, given: Given) -> list[Figure]:
        """Return the share."""
        return [self.figure("unique share", unique_share(given.samples), given, given.size("samples", "sentences"))]


class TopSentenceShare(Metric):
    """Share of the commonest sentence among the samples: how far they have collapsed.

    >>> TopSentenceShare().compute(Given([["a"], ["a"]]))[0].value
    1.0
    """

    name = "top-sentence-share"
    needs = frozenset({"samples"})
    direction = "lower"
    bounds = (0.0, 1.0)
    split = "samples"

    def compute(self, given: Given) -> list[Figure]:
        """Return the share."""
        value = top_sentence_share(given.samples)
        return [self.figure("top-sentence share", value, given, given.size("samples", "sentences"))]


class Entropy(Metric):
    """Ent-1..4, entropy of the samples' n-gram frequencies, in nats.

    Neither way is better by itself: real text is the mark. Unlike distinct-n it sees how evenly n-grams are used; it is
    at most the logarithm of their number, so it too grows with the samples.

    >>> round(Entropy().compute(Given([["a", "b"]]))[0].value, 4)
    0.6931
    """

    name = "entropy"
    needs = frozenset({"samples"})
    direction = "none"
    bounds = (0.0, math.inf)
    split = "samples"

    def compute(self, given: Given) -> list[Figure]:
        """Return the entropies."""
        parts = ("nats", given.size("samples", "sentences"))
        return [
            self.figure(f"Ent-{n}", value, given, *parts, note=no_ngrams(value, n))
            for n, value in entropy(given.samples).items()
        ]
