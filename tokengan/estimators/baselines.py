"""Baselines: what is taken off the return before it weighs a token's gradient.

Axes: B batch, T time.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from tokengan.sequences import Sequences

__all__ = ["EMA", "Baseline", "Zero"]


class Baseline(nn.Module):
    """A number that does not depend on the token it is compared with, so that the gradient stays unbiased."""

    def forward(self, returns: Tensor, x: Sequences, players: Any) -> Tensor:
        """Return the baseline, broadcastable to [B,T]."""
        raise NotImplementedError


class Zero(Baseline):
    """No baseline, as in the published SeqGAN."""

    def forward(self, returns: Tensor, x: Sequences, players: Any) -> Tensor:
        """Return 0."""
        del x, players
        return returns.new_zeros(())


class EMA(Baseline):
    """A running mean of the returns, brought up to date only after it was used.

    b <- decay b + (1 - decay) mean(Q). The first batch has no past, so its baseline is 0.
    """

    mean: Tensor

    def __init__(self, decay: float = 0.9) -> None:
        """Set the decay; the mean is part of the checkpoint."""
        super().__init__()
        self.decay = decay
        self.register_buffer("mean", torch.zeros((), dtype=torch.float64))
        self.register_buffer("used", torch.zeros((), dtype=torch.long))

    @torch.no_grad()
    def forward(self, returns: Tensor, x: Sequences, players: Any) -> Tensor:
        """Return the mean so far, then take the batch in."""
        past = self.mean.clone()
        chosen = players.world.sum(torch.stack([(returns * x.chosen).sum(), x.chosen.sum()]).double())
        now = chosen[0] / chosen[1].clamp(min=1)
        self.mean.copy_(now if self.used == 0 else self.decay * self.mean + (1 - self.decay) * now)
        self.used += 1
        return past.to(returns.dtype)
