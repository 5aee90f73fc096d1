"""Transforms by comparison: what a value is among its siblings', at each column by itself.

Axes: B batch, C copies, S siblings, T time.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from tokengan.rewards.siblings import average_ranks, gathered, own
from tokengan.rewards.transforms import Transform
from tokengan.sequences import Sequences

__all__ = ["RankTransform", "Relative", "Rescale", "Whiten"]


class Relative(Transform):
    """Compares each value with the rows of its own copy, over all processes, column by column where the mask holds."""

    alone = False

    @torch.no_grad()
    def forward(self, values: Tensor, x: Sequences, players: Any) -> Tensor:
        """Return the changed values, 0 outside the mask for returns [B,T]."""
        mask = x.mask if values.dim() > 1 else torch.ones_like(values, dtype=torch.bool).unsqueeze(1)
        every, there = (gathered(part, x, players.world) for part in (values.reshape(mask.shape), mask))
        changed = torch.where(there, self.among(every, there), every.new_zeros(()))
        return own(changed, x, players.world).reshape(values.shape)

    def among(self, values: Tensor, mask: Tensor) -> Tensor:
        """Return the values [C,S,T] compared along the second axis; only entries of `mask` count."""
        raise NotImplementedError


class Whiten(Relative):
    """Mean 0 and deviation 1: (r - mean) / (sd + eps).

    Notes `flat`, the share of columns in which all values are equal: these give no gradient.
    """

    def __init__(self, eps: float = 1e-4) -> None:
        """Set the guard.

        Args:
            eps: Added to the deviation itself, outside the square root, so that equal values give exactly 0.
        """
        super().__init__()
        self.eps = eps

    def among(self, values: Tensor, mask: Tensor) -> Tensor:
        """Return the whitened values [C,S,T]."""
        count = mask.sum(1, keepdim=True)
        some = count.clamp(min=1)
        away = torch.where(mask, values - torch.where(mask, values, 0.0).sum(1, keepdim=True) / some, 0.0)
        # From the extremes, since the deviation of equal values is not exactly 0 in floating point.
        highest, lowest = (values.masked_fill(~mask, end) for end in (-torch.inf, torch.inf))
        flat = highest.amax(1, keepdim=True) <= lowest.amin(1, keepdim=True)
        self.note("flat", flat[count > 0])
        deviation = (away.square().sum(1, keepdim=True) / some).sqrt()
        return torch.where(flat, 0.0, away / (deviation + self.eps))


class RankTransform(Relative):
    """Place among the siblings, from 0 (lowest) to 1 (highest); equal values share one, a lone value is at 1/2."""

    def among(self, values: Tensor, mask: Tensor) -> Tensor:
        """Return (rank - 1) / (n - 1) [C,S,T]."""
        others = mask.sum(1, keepdim=True) - 1
        return torch.where(others > 0, (average_ranks(values, mask) - 1) / others.clamp(min=1), 0.5).to(values.dtype)


class Rescale(Relative):
    """LeakGAN's bootstrapped rescaled activation (Guo et al. 2018): sigmoid(delta (0.5 - rank / n)).

    Rank 1 is the highest of n. Mean and spread are then the same whatever the discriminator says. These are real ranks,
    equal values sharing the mean of theirs; the authors' code numbers the keys of a dictionary, unsorted, so that its
    rewards have nothing to do with the discriminator.
    """

    def __init__(
        self, delta: float = 16.0, form: Literal["paper", "code", "symmetric"] = "paper", divide: float = 1.0
    ) -> None:
        """Set the scale.

        Args:
            delta: Steepness; 16 is the authors' code's.
            form: Ranks from 1 to n (`paper`, mean a little under 0.5), from 0 to n-1 (`code`, a little over), or
                from 1/2 to n-1/2 (`symmetric`, mean 0.5).
            divide: Divides the result; the authors' code divides by the number of roll-outs, 4.
        """
        super().__init__()
        self.delta, self.form, self.divide = delta, form, divide

    def among(self, values: Tensor, mask: Tensor) -> Tensor:
        """Return the rescaled values [C,S,T]."""
        count = mask.sum(1, keepdim=True).clamp(min=1)
        shift = {"paper": 0.0, "code": 1.0, "symmetric": 0.5}[self.form]
        rank = count + 1 - average_ranks(values, mask) - shift
        return (self.delta * (0.5 - rank / count)).sigmoid() / self.divide
