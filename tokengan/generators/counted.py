"""Generators that are counted, not trained: their state is as large as the data made it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from tokengan.generators.base import Generator
from tokengan.sequences import Sequences

__all__ = ["Counted", "spans"]


class Counted(Generator):
    """A generator that learns by counting once through the data.

    Its counts are persistent buffers of integers, empty at first; what follows from them (`refresh`) is not saved.
    """

    def count(self, x: Sequences) -> Mapping[str, int]:
        """Learn from training data, in place of what was counted before; return what there is to say of it."""
        raise NotImplementedError

    def refresh(self) -> None:
        """Make anew what follows from the counts."""

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *rest: Any, **more: Any) -> None:
        # The number of counts is known only now: the buffers take the sizes of what is loaded into them.
        for name, buffer in self._buffers.items():
            found = state_dict.get(prefix + name)
            if buffer is not None and found is not None:
                self._buffers[name] = buffer.new_empty(found.shape)
        super()._load_from_state_dict(state_dict, prefix, *rest, **more)
        self.refresh()


def spans(first: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
    """Return all entries of some groups of a table that is sorted by group: which asked group each is of, and where.

    Args:
        first: Where each group begins, and the end of the last one [G+1].
        index: Groups asked for [N].

    >>> which, place = spans(torch.tensor([0, 2, 5]), torch.tensor([1, 0]))
    >>> which.tolist(), place.tolist()
    ([0, 0, 0, 1, 1], [2, 3, 4, 0, 1])
    """
    lengths = first[index + 1] - first[index]
    which = torch.repeat_interleave(lengths)
    before = first[index] - (lengths.cumsum(0) - lengths)
    return which, torch.arange(len(which), device=index.device) + before[which]
