"""The discriminator's probability that a sequence is real (SeqGAN, Yu et al. 2017, equation 4).

Axes: B batch.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from tokengan.modes import evaluating
from tokengan.rewards.base import Reward
from tokengan.sequences import Sequences

__all__ = ["Probability"]


class Probability(Reward):
    """R(x) = D(x) = sigmoid(d(x)), with the discriminator's dropout off."""

    needs: ClassVar[frozenset[str]] = frozenset({"discriminator"})

    @torch.no_grad()
    def forward(self, x: Sequences, players: Any) -> Tensor:
        """Return D(x) [B]."""
        with evaluating(players.discriminator):
            return players.judge(x).logits.float().sigmoid()
