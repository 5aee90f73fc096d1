"""How the parameters of one player move: settings, as they stand in a config."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from tokengan.schedules import Schedule

__all__ = ["Optimiser"]


@dataclass(frozen=True)
class Optimiser:
    """How one player's parameters move.

    Args:
        name: `adam`, `adamw`, `rmsprop` or `sgd`.
        lr: Learning rate.
        weight_decay: Decoupled for `adamw`, added to the gradient otherwise.
        betas: Averaging rates of Adam.
        momentum: For `sgd`.
        clip: Largest norm of the player's whole gradient; None leaves it.
        factor: Multiplies `lr`, as a schedule over this player's updates.
    """

    name: Literal["adam", "adamw", "rmsprop", "sgd"] = "adam"
    lr: float = 1e-3
    weight_decay: float = 0.0
    betas: tuple[float, float] = (0.9, 0.999)
    momentum: float = 0.0
    clip: float | None = 5.0
    factor: Schedule = field(default_factory=Schedule)
