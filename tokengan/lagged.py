"""A copy of a network that follows it at a distance.

Used for a roll-out policy that lags, a target network, an exponential moving average, or a frozen reference.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Generic, TypeVar

import torch
from torch import nn

from tokengan.borrowed import Borrowed

__all__ = ["Lagged"]

Network = TypeVar("Network", bound=nn.Module)


class Lagged(nn.Module, Generic[Network]):
    """w_lagged <- rate w_lagged + (1 - rate) w, at each `follow`. At rate 0 it is the network itself, not a copy.

    >>> live = nn.Linear(1, 1)
    >>> Lagged(live, 0.0).network is live, Lagged(live, 0.8).network is live
    (True, False)
    """

    def __init__(self, live: Network, rate: float = 0.0) -> None:
        """Copy the network where there is a lag.

        Args:
            live: The network that is followed; it stays its owner's.
            rate: Share of the old weights that stays at each step, in [0, 1]; 1 is a frozen copy.
        """
        super().__init__()
        if not 0 <= rate <= 1:
            raise ValueError(f"the lag is a share between 0 and 1, not {rate}")
        self.rate = rate
        self.copy = deepcopy(live).requires_grad_(False) if rate > 0 else None
        self._live = Borrowed(live)

    @property
    def network(self) -> Network:
        """The copy, or the network itself where there is no lag."""
        return self._live.module if self.copy is None else self.copy

    def follow(self) -> None:
        """Move the copy toward the network."""
        self._move(1 - self.rate)

    def catch_up(self) -> None:
        """Make the copy equal to the network, at the start of what it is to follow."""
        self._move(1.0)

    @torch.no_grad()
    def _move(self, share: float) -> None:
        if self.copy is not None:
            for old, new in zip(self.copy.parameters(), self._live.module.parameters(), strict=True):
                old.lerp_(new, share)
