"""The reward of ORGAN (Guimaraes et al. 2017): a discriminator and objectives, in turn.

Axes: B batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from torch import Tensor, nn

from tokengan.rewards.base import Reward
from tokengan.rewards.mixture import Mixture
from tokengan.rewards.objective import Objective
from tokengan.rewards.probability import Probability
from tokengan.rewards.repetition import Repetition
from tokengan.rewards.transforms import Identity, Transform
from tokengan.sequences import Sequences
from tokengan.spec import FunctionPath, New

__all__ = ["ObjectiveReinforced"]


class ObjectiveReinforced(Reward):
    """R(x) = weight D(x) + (1 - weight) O(x) u / c(x), the objective O changing every so many rounds.

    Weight 1 is SeqGAN and never calls an objective; weight 0 is naive RL and reads no discriminator. Notes the means of
    both parts, and of the repetition penalty u / c, unweighted.
    """

    def __init__(
        self,
        objectives: Sequence[FunctionPath] = ("variety",),
        weight: float = 0.5,
        each: int = 1,
        repetition: bool = True,
        canonical: FunctionPath | None = None,
        first: New[Reward] = Probability,
        transform: New[Transform] = Identity,
    ) -> None:
        """Build the parts.

        Args:
            objectives: Functions of texts, by short name or as `module:function`; each is to give numbers in [0, 1].
            weight: Share of the discriminator, lambda.
            each: Rounds that each objective lasts before the next one's turn.
            repetition: Whether the objective is shared by equal sequences of a batch.
            canonical: Path of a function from a text to its canonical form, for the repetition penalty.
            first: What the discriminator's judgement is worth; `critic` for a Wasserstein critic.
            transform: What brings that to [0, 1]; a critic needs `rank`.
        """
        super().__init__()
        if not objectives or each < 1:
            raise ValueError("ORGAN needs at least one objective, and each lasts at least one round")
        self.each = each
        self.program = nn.ModuleList(
            Mixture(first, self._objective(path, repetition, canonical), weight, transform) for path in objectives
        )
        now = self.now(0)
        self.alone, self.needs, self.reads, self.outputs = now.alone, now.needs, now.reads, now.outputs

    @staticmethod
    def _objective(path: str, repetition: bool, canonical: str | None) -> New[Reward]:
        objective: New[Reward] = partial(Objective, path)
        return partial(Repetition, objective, canonical) if repetition else objective

    def now(self, iteration: int) -> Mixture:
        """Return the mixture of a round."""
        turn = iteration // self.each % len(self.program)
        return self.program[turn]  # pyright: ignore[reportReturnType]

    def forward(self, x: Sequences, players: Any) -> Tensor:
        """Return the weighted sum [B]."""
        return self.now(players.iteration)(x, players)
