"""The processes that train together; one process is the ordinary case."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor

from tokengan.sequences import masked_mean

__all__ = ["World"]


@dataclass(frozen=True)
class World:
    """This process among all: which rows of a global batch are its own, and sums over everybody.

    Draws are made for the global batch and sliced, so that several processes see what one would.

    >>> World().share(64), World(rank=1, size=2).share(64)
    (slice(0, 64, None), slice(32, 64, None))
    """

    rank: int = 0
    size: int = 1

    def share(self, rows: int) -> slice:
        """Return the slice of a global batch that this process owns."""
        if rows % self.size:
            raise ValueError(f"a batch of {rows} rows cannot be shared by {self.size} processes evenly")
        each = rows // self.size
        return slice(self.rank * each, (self.rank + 1) * each)

    def sum(self, value: Tensor) -> Tensor:
        """Return the sum over all processes of a tensor without gradient."""
        total = value.detach().clone()
        if self.size > 1:
            dist.all_reduce(total)
        return total

    def gather(self, value: Tensor) -> Tensor:
        """Return the rows of all processes, in the order of their ranks; every process has equally many."""
        if self.size == 1:
            return value
        parts = [torch.empty_like(value) for _ in range(self.size)]
        dist.all_gather(parts, value.contiguous())
        return torch.cat(parts)

    def mean(self, values: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return this process's part of the global mean: gradients of it, averaged over processes, are the mean's.

        >>> World().mean(torch.tensor([1.0, 3.0])).item()
        2.0
        """
        mask = torch.ones_like(values, dtype=torch.bool) if mask is None else mask
        if self.size == 1:
            return masked_mean(values, mask)
        count = self.sum(mask.sum()).clamp(min=1) / self.size
        return torch.where(mask, values, values.new_zeros(())).sum() / count
