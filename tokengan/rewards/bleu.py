"""Sentence BLEU as reward, smoothed (Papineni et al. 2002; Lin and Och 2004).

Axes: B batch, S sentences, R references, T time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tokengan.rewards.base import Reward
from tokengan.rewards.overlap import Ints, Padded, ngram_ids, occurrence
from tokengan.rewards.references import Compared, References
from tokengan.sequences import Sequences

__all__ = ["Bleu", "Counted", "sentence_bleu"]


class Counted:
    """The n-grams of families of references: the largest count of each in any single one, and the lengths.

    Args:
        references: The references [R].
        owner: Family of each [R], ascending from 0.
        order: Largest n.
    """

    def __init__(self, references: Padded, owner: Ints, order: int) -> None:
        ids, self.keys = ngram_ids(references, order, owner)
        self.most: list[Ints] = []
        for keys, each in zip(self.keys, ids, strict=True):
            most = np.zeros(len(keys) + 1, np.int64)  # the last entry is for what no reference has
            np.maximum.at(most, each, np.where(each >= 0, occurrence(each) + 1, 0))
            most[-1] = 0
            self.most.append(most)
        borders = np.flatnonzero(np.diff(owner)) + 1
        self.lengths = [np.unique(part) for part in np.split(references.lengths, borders)]


def sentence_bleu(sentences: Padded, family: Ints, counted: Counted) -> NDArray[np.float64]:
    """Return BLEU-n of each sentence [S] against its family of references, n as they were counted.

    BP (p_1 ... p_n)^(1/n), p_1 = matches / |s| and p_k = (matches_k + 1) / (max(1, |s| - k + 1) + 1) for k > 1; BP =
    exp(1 - r / |s|) where |s| is below r, the length of the reference closest to it, the shorter of two equally close.
    No word matched gives 0. That is nltk's `method2`.
    """
    lengths = sentences.lengths
    ids, _ = ngram_ids(sentences, len(counted.keys), family, counted.keys)
    log_product = np.zeros(len(lengths))
    none = np.ones(len(lengths), bool)
    for n, (each, most) in enumerate(zip(ids, counted.most, strict=True), 1):
        allowed = most[np.where((each >= 0) & (each < len(most)), each, len(most) - 1)]
        matches = (occurrence(each) < allowed).sum(1)
        if n == 1:
            none = matches == 0
            log_product += np.log(np.maximum(matches, 1) / np.maximum(lengths, 1))
        else:
            log_product += np.log((matches + 1) / (np.maximum(lengths - n + 1, 1) + 1))
    closest = np.empty(len(lengths))
    for i in np.unique(family):
        own, known = family == i, counted.lengths[i]
        closest[own] = known[np.abs(lengths[own, None] - known).argmin(1)]
    penalty = np.exp(np.minimum(0.0, 1 - closest / np.maximum(lengths, 1)))
    return np.where(none, 0.0, penalty * np.exp(log_product / len(counted.keys)))


class Bleu(Reward):
    """R(x) = sentence BLEU-n with 1 added to matches and totals for n > 1, brevity penalty on the sentence.

    Unsmoothed, most samples would score 0 and teach nothing. Not the figure of any report: that is the metric's
    `method1`. EOS is not counted; the references are a row's own (`columns["references"]`) or training sentences.
    """

    def __init__(self, order: int = 4, references: int | None = 500, seed: int = 0) -> None:
        """Set the score.

        Args:
            order: Largest n.
            references: Training sentences to compare with where a row has no references of its own; None for all.
            seed: Seed by which they are drawn.
        """
        super().__init__()
        self.order, self.references = order, References(references, seed)
        self._shared: tuple[Padded, Counted] | None = None

    def forward(self, x: Sequences, players: Any) -> Tensor:
        """Return the scores [B]."""
        compared = self.references.compare(x, players)
        scores = sentence_bleu(compared.sentences, compared.family, self._counted(compared))
        return torch.from_numpy(scores).to(x.tokens.device, torch.float32)

    def _counted(self, compared: Compared) -> Counted:
        """Return the counts of the references; those that all rows share are counted once."""
        if not compared.shared:
            return Counted(compared.references, compared.owner, self.order)
        if self._shared is None or self._shared[0] is not compared.references:
            self._shared = compared.references, Counted(compared.references, compared.owner, self.order)
        return self._shared[1]
