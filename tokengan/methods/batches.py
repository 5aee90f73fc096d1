"""The order in which training rows are seen, with a cursor that a checkpoint remembers."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

__all__ = ["Batches", "bucketed"]


def bucketed(lengths: Tensor, size: int, bucket: int) -> Callable[[torch.Generator], Tensor]:
    """Return an order for `Batches` in which the rows of a batch are of about one length, to pad and read less.

    A shuffled order is cut into pools of `bucket` batches, each sorted by length, and the batches shuffled again. What
    fills no batch is left out before the sorting, so that it may be of any length.

    Args:
        lengths: Tokens of each row.
        size: Rows of a batch.
        bucket: Batches that are sorted together.

    >>> order = bucketed(torch.tensor([3, 9, 1, 8, 2, 9]), size=2, bucket=3)(torch.Generator().manual_seed(0))
    >>> sorted(sorted(pair) for pair in torch.tensor([3, 9, 1, 8, 2, 9])[order].view(3, 2).tolist())
    [[1, 2], [3, 8], [9, 9]]
    """
    rows = len(lengths)
    size = min(size, rows)

    def order(rng: torch.Generator) -> Tensor:
        shuffled = torch.randperm(rows, generator=rng)
        whole, left = shuffled.split([rows - rows % size, rows % size])
        pools = whole.split(size * bucket)
        batches = torch.cat([pool[lengths[pool].argsort(stable=True)] for pool in pools]).view(-1, size)
        return torch.cat([batches[torch.randperm(len(batches), generator=rng)].flatten(), left])

    return order


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
