"""Statistics over the rows that a row is compared with: its group, or the whole batch.

Axes: B rows of this process, N rows of a group, G groups, T time.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

__all__ = ["check_generations", "leave_one_out", "mean", "siblings", "std", "to_rows", "whiten"]


def check_generations(num_generations: int | None) -> int | None:
    """Return the size of a group, None for the whole batch; raise ValueError for a size that compares nothing."""
    if num_generations is not None and num_generations != 0 and num_generations < 2:
        raise ValueError(
            f"num_generations is at least 2, or null for the whole batch: a group of {num_generations} has nobody to "
            "compare a sequence with"
        )
    return num_generations or None


def siblings(values: Tensor, num_generations: int | None, world: Any) -> Tensor:
    """Return values [B,...] as [N,G,...]: groups of `num_generations` rows, or one group of all processes' rows.

    Rows are copy-major, as `Sequences.repeat` lays them out: row i is in group i % G. Groups lie within a process.

    >>> import torch
    >>> from tokengan.methods.world import World
    >>> siblings(torch.tensor([1.0, 2.0, 3.0, 4.0]), 2, World()).tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    >>> siblings(torch.tensor([1.0, 2.0, 3.0, 4.0]), None, World()).shape
    torch.Size([4, 1])
    """
    if not num_generations:
        return world.gather(values.contiguous()).unsqueeze(1)
    if len(values) % num_generations:
        raise ValueError(
            f"a batch of {len(values)} rows in a process does not divide into groups of {num_generations}: choose a "
            "batch size that num_generations divides"
        )
    return values.reshape(num_generations, -1, *values.shape[1:])


def to_rows(statistic: Tensor, rows: int) -> Tensor:
    """Return each row's share [B,...] of a statistic of groups [G,...]."""
    return statistic.repeat(rows // len(statistic), *[1] * (statistic.dim() - 1))


def mean(values: Tensor, num_generations: int | None, world: Any) -> Tensor:
    """Return the mean of each row's group, itself included [B,...]."""
    return to_rows(siblings(values, num_generations, world).mean(0), len(values))


def leave_one_out(values: Tensor, num_generations: int | None, world: Any) -> Tensor:
    """Return the mean of each row's group without itself [B,...].

    >>> import torch
    >>> from tokengan.methods.world import World
    >>> leave_one_out(torch.tensor([1.0, 2.0, 6.0]), None, World()).tolist()
    [4.0, 3.5, 1.5]
    """
    group = siblings(values, num_generations, world)
    if len(group) < 2:
        raise ValueError("a batch of one row has nobody to compare it with: choose a larger batch size")
    return (to_rows(group.sum(0), len(values)) - values) / (len(group) - 1)


def std(values: Tensor, num_generations: int | None, world: Any) -> Tensor:
    """Return the standard deviation of each row's group, N - 1 degrees of freedom [B,...]."""
    group = siblings(values, num_generations, world)
    if len(group) < 2:
        raise ValueError("a batch of one row has no standard deviation: choose a larger batch size")
    return to_rows(group.std(0), len(values))


def whiten(values: Tensor, mask: Tensor, world: Any, shift_mean: bool = True) -> Tensor:
    """Return values [B,T] divided by their standard deviation over the batch's masked tokens, and centred.

    Without `shift_mean` the mean stays. Entries outside the mask mean nothing.

    >>> import torch
    >>> from tokengan.methods.world import World
    >>> white = whiten(torch.tensor([[1.0, 3.0]]), torch.ones(1, 2, dtype=torch.bool), World())
    >>> [round(value, 3) for value in white[0].tolist()]
    [-0.707, 0.707]
    """
    count = world.sum(mask.sum())
    centre = world.sum(values.masked_fill(~mask, 0.0).sum()) / count.clamp(min=1)
    variance = world.sum((values - centre).masked_fill(~mask, 0.0).square().sum()) / (count - 1).clamp(min=1)
    whitened = (values - centre) * (variance + 1e-8).rsqrt()
    return whitened if shift_mean else whitened + centre
