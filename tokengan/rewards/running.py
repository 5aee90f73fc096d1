"""Standardisation by what came before.

Axes: B batch, T time.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from tokengan.rewards.transforms import Transform
from tokengan.sequences import Sequences

__all__ = ["Running"]


class Running(Transform):
    """(r - m) / (s + eps) with a running mean m and deviation s, both part of the checkpoint.

    Only batches that the policy wrote (they carry `logp`) move the running figures, each after it was used: at the next
    one. So the roll-outs of a batch are measured as the batch itself was, however many are judged at once, and what is
    subtracted does not depend on what it is subtracted from. The very first batch has no past, so it measures itself.
    """

    moments: Tensor
    waiting: Tensor
    seen: Tensor

    def __init__(self, decay: float = 0.99, eps: float = 1e-4) -> None:
        """Set the memory.

        Args:
            decay: Share of the old figures that stays at each batch.
            eps: Added to the deviation, outside the square root.
        """
        super().__init__()
        self.decay, self.eps = decay, eps
        # Mean and mean square; of all before, and of the batch that comes in at the next one.
        self.register_buffer("moments", torch.zeros(2, dtype=torch.float64))
        self.register_buffer("waiting", torch.zeros(2, dtype=torch.float64))
        self.register_buffer("seen", torch.zeros((), dtype=torch.long))

    @torch.no_grad()
    def forward(self, values: Tensor, x: Sequences, players: Any) -> Tensor:
        """Return the standardised values, 0 outside the mask for returns [B,T]."""
        mask = x.mask if values.dim() > 1 else torch.ones_like(values, dtype=torch.bool)
        if x.logp is not None:
            self._take_in(values[mask].double(), players)
        if self.seen == 0:
            return values
        mean, square = self.moments
        deviation = (square - mean.square()).clamp(min=0).sqrt()
        changed = (values.double() - mean) / (deviation + self.eps)
        return torch.where(mask, changed, 0.0).to(values.dtype)

    def _take_in(self, values: Tensor, players: Any) -> None:
        """Let the last batch count, and keep this one for the next time."""
        if self.seen > 0:
            self.moments.lerp_(self.waiting, 1 - self.decay)
        count, total, squares = players.world.sum(
            torch.stack([values.new_tensor(len(values)), values.sum(), values.square().sum()])
        )
        self.waiting.copy_(torch.stack([total, squares]) / count.clamp(min=1))
        if self.seen == 0:
            self.moments.copy_(self.waiting)
        self.seen += 1
