"""Another's module, held without owning it."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any, Generic, TypeVar

from torch import nn

__all__ = ["Borrowed"]

Network = TypeVar("Network", bound=nn.Module)


class Borrowed(Generic[Network]):
    """Holds a module that stays its owner's: it is not registered, so not in a state, not moved and not trained here.

    A copy borrows the same module, or the module's copy where the owner is copied in the same `deepcopy`, before.

    >>> from copy import deepcopy
    >>> judge, writer = nn.Linear(1, 1), nn.Linear(1, 1)
    >>> writer.judge = Borrowed(judge)
    >>> len(list(writer.parameters())), deepcopy(writer).judge.module is judge
    (2, True)
    >>> both = deepcopy(nn.ModuleList([judge, writer]))
    >>> both[1].judge.module is both[0]
    True
    """

    def __init__(self, module: Network) -> None:
        """Borrow a module."""
        self.module = module

    def __deepcopy__(self, memo: MutableMapping[int, Any]) -> Borrowed[Network]:
        return Borrowed(memo.get(id(self.module), self.module))
