"""The discriminator's log-odds, an estimate of log p_data / p_G (AIRL, Fu et al. 2018).

Axes: B batch.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from tokengan.rewards.base import Reward, judgement
from tokengan.sequences import Sequences

__all__ = ["LogRatio"]


class LogRatio(Reward):
    """R(x) = log D(x) - log(1 - D(x)) = d(x), clipped.

    With the best D this is log p_data(x) - log p_G(x), so the expected reward is minus the reverse KL divergence. Taken
    from the logit itself: D(x) rounds to 1 in float32 from d = 17 on.
    """

    needs = frozenset({"discriminator"})
    reads = frozenset({"log_odds"})
    outputs = frozenset({"logits"})

    def __init__(self, limit: float = 10.0) -> None:
        """Set the limit.

        Args:
            limit: Largest size of the log-ratio, either way.
        """
        super().__init__()
        self.limit = limit

    def forward(self, x: Sequences, players: Any) -> Tensor:
        """Return d(x) within the limit [B]."""
        return judgement(x, players).clamp(-self.limit, self.limit)
