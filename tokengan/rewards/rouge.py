"""ROUGE-L as reward (Lin 2004).

Axes: B batch, R references, P pairs of a sentence and one of its references.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from tokengan.rewards.base import Reward
from tokengan.rewards.overlap import Ints, Padded, common_length
from tokengan.rewards.references import Compared, References
from tokengan.sequences import Sequences

__all__ = ["RougeL", "pairs_of"]

AT_ONCE = 1 << 22  # pairs compared at once, and entries of the table that helps


class RougeL(Reward):
    """R(x) = the best over its references r of F = (1 + beta^2) P R / (R + beta^2 P), P = L / |x| and R = L / |r|.

    L is the length of the longest common subsequence of the words of x and r; EOS is not counted.
    """

    def __init__(self, beta: float = 1.0, references: int | None = 16, seed: int = 0) -> None:
        """Set the score.

        Args:
            beta: How much recall counts beside precision; 1 is F1, 1.2 the captioning field's.
            references: Training sentences to compare with where a row has no references of its own; None for all.
            seed: Seed by which they are drawn.
        """
        super().__init__()
        self.beta, self.references = beta, References(references, seed)

    def forward(self, x: Sequences, players: Any) -> Tensor:
        """Return the scores [B]."""
        compared = self.references.compare(x, players)
        sentences, references = compared.sentences, compared.references
        rows, others = pairs_of(compared)
        best = np.zeros(len(x))
        size = max(AT_ONCE // max(len(x), references.tokens.size), 1)
        for first in range(0, len(references.lengths), size):
            some = Padded(references.tokens[first : first + size], references.lengths[first : first + size])
            pairs = (others >= first) & (others < first + size)
            own, other = rows[pairs], others[pairs] - first
            common = common_length(sentences, some, own, other)
            precision, recall = (
                common / np.maximum(sentences.lengths[own], 1),
                common / np.maximum(some.lengths[other], 1),
            )
            square = self.beta**2
            scores = (1 + square) * precision * recall / np.where(common > 0, recall + square * precision, 1)
            np.maximum.at(best, own, scores)
        return torch.from_numpy(best).to(x.tokens.device, torch.float32)


def pairs_of(compared: Compared) -> tuple[Ints, Ints]:
    """Return the sentence [P] and the reference [P] of every pair that is compared, sentence by sentence."""
    begins, ends = (np.searchsorted(compared.owner, compared.family, side) for side in ("left", "right"))
    rows = np.repeat(np.arange(len(compared.family)), ends - begins)
    within = np.arange(len(rows)) - np.repeat(np.cumsum(ends - begins) - (ends - begins), ends - begins)
    return rows, begins[rows] + within
