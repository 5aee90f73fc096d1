"""The control that knows a sequence again but nothing about it.

Axes: B batch.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from tokengan.rewards.base import Reward
from tokengan.rewards.keys import sequence_keys
from tokengan.sequences import Sequences

__all__ = ["Random"]


class Random(Reward):
    """R(x) = a fixed number in [0, 1) for every distinct sequence, as good as drawn.

    What a generator gains from it, it gains from being rewarded at all: nothing in it is about the data.
    """

    def __init__(self, seed: int = 0) -> None:
        """Choose the numbers.

        Args:
            seed: Another seed, other numbers.
        """
        super().__init__()
        self.seed = seed

    def forward(self, x: Sequences, players: Any) -> Tensor:
        """Return the numbers [B]."""
        del players
        bits = sequence_keys(x, self.seed) >> 40 & (1 << 24) - 1
        return bits.to(torch.float32) / (1 << 24)
