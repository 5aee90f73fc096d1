"""Two rewards in a fixed ratio (ORGAN, Guimaraes et al. 2017).

Axes: B batch, T time.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from tokengan.errors import UserError
from tokengan.rewards.base import Reward
from tokengan.rewards.bleu import Bleu
from tokengan.rewards.probability import Probability
from tokengan.rewards.transforms import Identity, Transform
from tokengan.sequences import Sequences
from tokengan.spec import New

__all__ = ["Mixture"]


class Mixture(Reward):
    """R(x) = weight R_1(x) + (1 - weight) R_2(x).

    At weight 1 the second is never called, at 0 neither is the first, and what only it needs is not needed: with a
    discriminator first and an objective second, 1 is SeqGAN and 0 is naive RL, for which no discriminator is trained.
    Notes the means of both parts, unweighted.
    """

    def __init__(
        self,
        first: New[Reward] = Probability,
        second: New[Reward] = Bleu,
        weight: float = 0.5,
        transform: New[Transform] = Identity,
    ) -> None:
        """Build both.

        Args:
            first: The reward that counts `weight`.
            second: The reward that counts the rest.
            weight: Share of the first, lambda, in [0, 1].
            transform: What is done to the first before it is mixed: a critic's score needs `rank`.
        """
        super().__init__()
        if not 0 <= weight <= 1:
            raise UserError(f"the weight of a mixture is a share from 0 to 1, not {weight}")
        self.first, self.second, self.weight, self.transform = first(), second(), weight, transform()
        parts = [part for part, share in ((self.first, weight), (self.second, 1 - weight)) if share > 0]
        if len({part.per_step for part in parts}) > 1:
            raise UserError(
                "a mixture takes two rewards of sequences or two of tokens, not one of each: "
                + " and ".join(f"{type(part).__name__} is one of {_what(part)}" for part in parts)
            )
        self.per_step = parts[0].per_step
        self.alone = all(part.alone for part in parts) and (weight == 0 or self.transform.alone)
        self.needs, self.reads, self.outputs = (
            frozenset[str]().union(*(getattr(part, name) for part in parts)) for name in ("needs", "reads", "outputs")
        )

    def forward(self, x: Sequences, players: Any) -> Tensor:
        """Return the weighted sum [B], or [B,T] for two rewards of tokens."""
        # A part alone is given as it is, bit for bit.
        if self.weight == 0:
            return self._noted("second", self.second(x, players), x)
        first = self.transform(self._noted("first", self.first(x, players), x), x, players)
        if self.weight == 1:
            return first
        return self.weight * first + (1 - self.weight) * self._noted("second", self.second(x, players), x)

    def _noted(self, name: str, values: Tensor, x: Sequences) -> Tensor:
        self.note(name, values[x.mask] if values.dim() > 1 else values)
        return values


def _what(part: Reward) -> str:
    return "tokens" if part.per_step else "sequences"
