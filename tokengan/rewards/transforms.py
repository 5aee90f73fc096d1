"""What every change of scale is, and those that treat each value by itself.

Axes: B batch, T time.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from tokengan.rewards.notes import Noting
from tokengan.sequences import Sequences
from tokengan.spec import New

__all__ = ["Chain", "Clip", "Identity", "Power", "Transform"]


class Transform(Noting):
    """Changes rewards [B] or returns [B,T], so it fits after a reward and after a credit alike.

    Attributes:
        alone: Whether a value's change does not depend on the other rows.
    """

    alone: bool = True

    def forward(self, values: Tensor, x: Sequences, players: Any) -> Tensor:
        """Return the changed values, the same shape."""
        raise NotImplementedError


class Identity(Transform):
    """Changes nothing."""

    def forward(self, values: Tensor, x: Sequences, players: Any) -> Tensor:
        """Return the values."""
        del x, players
        return values


class Clip(Transform):
    """Cuts values off at both ends: min(max(r, low), high)."""

    def __init__(self, low: float | None = -5.0, high: float | None = 5.0) -> None:
        """Set the ends.

        Args:
            low: Lowest value; None leaves it open.
            high: Highest value; None leaves it open.
        """
        super().__init__()
        self.low, self.high = low, high

    def forward(self, values: Tensor, x: Sequences, players: Any) -> Tensor:
        """Return the values between the ends."""
        del x, players
        return values if self.low is None and self.high is None else values.clamp(self.low, self.high)


class Power(Transform):
    """Tempers values: sign(r) |r|^alpha. Below 1 it draws them together, above 1 apart.

    >>> import torch
    >>> Power(0.5)(torch.tensor([0.25, -4.0]), None, None).tolist()
    [0.5, -2.0]
    """

    def __init__(self, alpha: float = 0.5) -> None:
        """Set the exponent.

        Args:
            alpha: Exponent, above 0.
        """
        super().__init__()
        self.alpha = alpha

    def forward(self, values: Tensor, x: Sequences, players: Any) -> Tensor:
        """Return the tempered values."""
        del x, players
        return values.sign() * values.abs() ** self.alpha


class Chain(Transform):
    """One transform, then another."""

    def __init__(self, transform: New[Transform] = Identity, then: New[Transform] = Identity) -> None:
        """Build both.

        Args:
            transform: The first.
            then: The second; another `chain` for more.
        """
        super().__init__()
        self.transform, self.then = transform(), then()
        self.alone = self.transform.alone and self.then.alone

    def forward(self, values: Tensor, x: Sequences, players: Any) -> Tensor:
        """Return the values after both."""
        return self.then(self.transform(values, x, players), x, players)
