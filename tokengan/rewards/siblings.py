"""Which rows a row is compared with: those of the same copy, over all processes.

Axes: B rows of this process, C copies, S siblings (rows of one copy, all processes together), T time.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from tokengan.sequences import Sequences

__all__ = ["average_ranks", "gathered", "own"]


def gathered(values: Tensor, x: Sequences, world: Any) -> Tensor:
    """Return values [B,...] as [C,S,...]: block c holds the rows of copy c, those of all processes.

    A roll-out is compared with the other roll-outs of the same prefix length and number, so that a limit on the rows
    judged at once changes no comparison. Shorter rows of other processes are filled up with zeros.

    >>> from tokengan.methods.world import World
    >>> x = Sequences(torch.zeros(2, 1, dtype=torch.long), torch.ones(2, 1, dtype=torch.bool)).repeat(2)
    >>> gathered(torch.tensor([1.0, 2.0, 3.0, 4.0]), x, World()).tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    """
    if world.size > 1 and values.dim() > 1:
        longest = int(world.gather(torch.tensor([values.shape[1]], device=values.device)).max())
        values = torch.nn.functional.pad(values, (0, longest - values.shape[1]))
    blocks = values.reshape(x.copies, -1, *values.shape[1:])
    return world.gather(blocks.transpose(0, 1).contiguous()).transpose(0, 1)


def own(values: Tensor, x: Sequences, world: Any) -> Tensor:
    """Return this process's rows [B,...] of what `gathered` gave."""
    mine = values[:, world.share(values.shape[1])].reshape(len(x), *values.shape[2:])
    return mine[:, : x.length] if mine.dim() > 1 else mine


def average_ranks(values: Tensor, mask: Tensor) -> Tensor:
    """Return ranks 1 (lowest) to n along the second axis of [C,S,T], among the n entries where `mask` holds.

    Equal values share the mean of their ranks. Entries outside the mask mean nothing.

    >>> values = torch.tensor([[[3.0], [1.0], [3.0], [9.0]]])
    >>> average_ranks(values, torch.tensor([[[True], [True], [True], [False]]]))[0, :3, 0].tolist()
    [2.5, 1.0, 2.5]
    """
    along = values.masked_fill(~mask, torch.inf).transpose(1, 2).contiguous()
    ordered = along.sort(-1).values
    lower, upper = torch.searchsorted(ordered, along), torch.searchsorted(ordered, along, right=True)
    return ((lower + upper + 1) / 2).to(values.dtype).transpose(1, 2)
