"""The order in which training rows are seen, with a cursor that a checkpoint remembers."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

__all__ = ["Batches"]


class Batches(nn.Module):
    """Row numbers of one batch after another: every epoch a new order, the rest that fills no batch left for another.

    The order of an epoch is a function of its number and the seed, so the state is one integer.

    Args:
        rows: Number of rows.
        size: Rows of a batch.
        seed: Seed of the orders.
        order: Returns as many row numbers, shuffled; None takes each of `range(rows)` once.

    >>> batches = Batches(rows=5, size=2, seed=0)
    >>> batches.per_epoch, len(set(torch.cat([batches.next(), batches.next()]).tolist()))
    (2, 4)
    """

    seen: Tensor

    def __init__(
        self, rows: int, size: int, seed: int = 0, order: Callable[[torch.Generator], Tensor] | None = None
    ) -> None:
        super().__init__()
        if rows < 1:
            raise ValueError("there are no training rows")
        self.rows, self.size, self.seed = rows, min(size, rows), seed
        self.order = order or (lambda rng: torch.randperm(rows, generator=rng))
        self.register_buffer("seen", torch.zeros((), dtype=torch.long))
        self._epoch, self._order = -1, torch.empty(0, dtype=torch.long)

    @property
    def per_epoch(self) -> int:
        """Number of batches in an epoch."""
        return self.rows // self.size

    def next(self) -> Tensor:
        """Return the row numbers of the next batch."""
        epoch, place = divmod(int(self.seen), self.per_epoch)
        if epoch != self._epoch:
            rng = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
            self._epoch, self._order = epoch, self.order(rng)
        self.seen += 1
        return self._order[place * self.size : (place + 1) * self.size]
