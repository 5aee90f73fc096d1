"""A critic's raw score as reward (Wasserstein GAN, Arjovsky et al. 2017, with hard samples).

Axes: B batch.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from tokengan.rewards.base import Reward, judgement
from tokengan.rewards.running import Running
from tokengan.rewards.transforms import Transform
from tokengan.sequences import Sequences
from tokengan.spec import New

__all__ = ["Critic"]


class Critic(Reward):
    """R(x) = f(x), the output of a critic without a bound, brought to a common scale.

    A critic is known up to a shift, and its scale moves as it learns: by default the score is standardised by a running
    mean and deviation. `identity` gives the raw score; before mixing with a score in [0, 1], take `rank`.
    """

    needs = frozenset({"discriminator"})
    reads = frozenset({"score"})
    outputs = frozenset({"logits"})

    def __init__(self, transform: New[Transform] = Running) -> None:
        """Set the scale.

        Args:
            transform: What is done to the scores (`running`, `identity`, `rank`, `whiten` ...).
        """
        super().__init__()
        self.transform = transform()
        self.alone = self.transform.alone

    def forward(self, x: Sequences, players: Any) -> Tensor:
        """Return the score [B]."""
        score = judgement(x, players)
        self.note("score", score)
        return self.transform(score, x, players)
