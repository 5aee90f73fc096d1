"""LM score and reverse LM score: real text's judge reads the samples, the samples' judge reads real text.

    LM score         = -1/M sum log p_R(token | before)  over the M tokens of the samples, p_R counted on the reference
    reverse LM score = -1/M sum log p_G(token | before)  over the M tokens of the reference, p_G counted on the samples

in nats per token, the end of each sentence counted (Zhao et al. 2018; Semeniuta et al. 2018; Caccia et al. 2020). The
first is quality alone: repetition lowers it. The second is quality and diversity: what the samples lack, their judge
finds improbable. The judge is never the generator nor of its kind: an interpolated modified Kneser-Ney model of order 4
with a fixed vocabulary, the reference's words and one unknown word, so that every text has a finite score by the same
words.

Axes: B sentences, T tokens, V words.
"""

from __future__ import annotations

import math

import torch

from tokengan.generators.ngram import NGram
from tokengan.metrics.base import Figure, Given, Metric
from tokengan.metrics.law import Spread
from tokengan.metrics.ngrams import Sentences, draw
from tokengan.sequences import Sequences, pad_lists
from tokengan.spec import Spec

__all__ = ["LMScore", "judged"]

ORDER = 4
AT_ONCE = 1024  # sentences read together
PAD, START, END, UNKNOWN = range(4)


@torch.no_grad()
def judged(text: Sentences, learnt: Sentences, words: Sentences, order: int = ORDER) -> Spread:
    """Return the negative log-likelihood per token of a text under an n-gram model of another one.

    Args:
        text: What is judged.
        learnt: What the judge has counted.
        words: The text whose words the judge knows; any other is the unknown word.
        order: Longest n-gram.

    >>> round(judged([["a"], ["a"]], [["a"]] * 50, [["a"]]).mean, 2) < judged([["b"]], [["a"]] * 50, [["a"]]).mean
    True
    """
    places = {word: k for k, word in enumerate(sorted(set().union(*words)), start=UNKNOWN + 1)}
    longest = max(order, 1 + max(max(map(len, part), default=0) for part in (text, learnt)))
    judge = NGram(Spec(UNKNOWN + 1 + len(places), longest, START, END, PAD, UNKNOWN), order)

    def read(part: Sentences) -> list[Sequences]:
        # Shortest first and in parts, so that one long sentence does not pad all of them.
        rows = sorted([[places.get(word, UNKNOWN) for word in sentence] + [END] for sentence in part], key=_by_length)
        return [Sequences(*pad_lists(rows[i : i + AT_ONCE], PAD)) for i in range(0, len(rows), AT_ONCE)]

    judge.count(*read(learnt))
    parts = read(text)
    sums = torch.cat([-judge.likelihood(part).sum(1) for part in parts])
    return Spread.of(sums, torch.cat([part.lengths for part in parts]))


def _by_length(row: list[int]) -> tuple[int, list[int]]:
    return len(row), row


class LMScore(Metric):
    """Both scores. Real text of the same number of sentences is the mark: below its LM score lies lost diversity.

    The reverse score falls with the number of samples, which the signature says: as many as the reference has, or all.

    >>> real = [["a", "cat", "sat"], ["a", "dog", "sat"], ["the", "cat", "ran"]] * 9
    >>> one = LMScore().compute(Given([["a", "cat", "sat"]] * 27, real))
    >>> same = LMScore().compute(Given(real, real))
    >>> [a.value < b.value for a, b in zip(one, same)]      # repetition pleases the judge and does not teach one
    [True, False]
    """

    name = "lm-score"
    needs = frozenset({"samples", "reference"})
    direction = "lower"
    bounds = (0.0, math.inf)
    split = "reference"

    def compute(self, given: Given) -> list[Figure]:
        """Return both, with their standard errors."""
        real = given.reference or []
        mine = draw(given.samples, len(real))
        about = f"judge=Kneser-Ney, order {ORDER}, words of the reference; nats per token, end counted"
        parts = (about, f"n={len(mine)}", given.source("reference", "refs"))
        pairs = {"LM score": (mine, real), "reverse LM score": (real, mine)}
        figures = []
        for name, (text, learnt) in pairs.items():
            spread = judged(text, learnt, real)
            note = f"+-{spread.error:.4f}" if math.isfinite(spread.error) else "one sentence has no standard error"
            figures.append(self.figure(name, spread.mean, given, *parts, note=note))
        return figures
