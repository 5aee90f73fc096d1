"""The control: a reward that knows nothing."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from tokengan.rewards.base import Reward
from tokengan.sequences import Sequences

__all__ = ["Constant"]


class Constant(Reward):
    """R(x) = value, for every sequence.

    The expected policy gradient is exactly 0, yet without a baseline each batch reinforces whatever it happened to
    hold: the law sharpens, and NLL-oracle falls with it. What a method gains over this control it owes to its reward.
    """

    def __init__(self, value: float = 0.5, per_step: bool = False) -> None:
        """Keep the settings.

        Args:
            value: What everything is worth; 0.5 is what an undecided discriminator says.
            per_step: Whether every token is worth it, as a credit that sums steps asks, and not the sequence.
        """
        super().__init__()
        self.value, self.per_step = value, per_step

    def forward(self, x: Sequences, players: Any) -> Tensor:
        """Return the value for each row [B], or for each real token [B,T]."""
        del players
        return self.value * x.mask.float() if self.per_step else torch.full((len(x),), self.value, device=x.mask.device)
