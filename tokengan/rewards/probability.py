"""The discriminator's probability that a sequence is real (SeqGAN, Yu et al. 2017, equation 4).

Axes: B batch.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from tokengan.rewards.base import Reward, judgement
from tokengan.sequences import Sequences

__all__ = ["Probability"]


class Probability(Reward):
    """R(x) = D(x) = sigmoid(d(x)), with the discriminator's dropout off."""

    needs = frozenset({"discriminator"})
    reads = frozenset({"log_odds"})
    outputs = frozenset({"logits"})

    def forward(self, x: Sequences, players: Any) -> Tensor:
        """Return D(x) [B]."""
        return judgement(x, players).sigmoid()
