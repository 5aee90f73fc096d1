"""RLOO: REINFORCE with the mean of the siblings as the baseline (Kool et al. 2019; Ahmadian et al. 2024).

Axes: B batch, T time.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from tokengan.estimators import groups
from tokengan.estimators.clipped import Clipped
from tokengan.sequences import Sequences

__all__ = ["RLOO"]


class RLOO(Clipped):
    """A_i = Q_i - mean over j != i of Q_j, with the KL divergence to the reference taken off the reward.

    Q_i = R_i - beta sum_t (log pi(y_t) - log ref(y_t)), and one ratio pi / pi_old a sequence (Ahmadian et al. 2024,
    equation 6). The first move on a batch is unbiased. Names and defaults are TRL's.

    >>> RLOO(num_generations=1)
    Traceback (most recent call last):
    ...
    ValueError: num_generations is at least 2, or null for the whole batch: a group of 1 has nobody to compare ...
    """

    def __init__(
        self,
        num_generations: int | None = 2,
        beta: float = 0.05,
        num_iterations: int = 1,
        epsilon: float = 0.2,
        epsilon_high: float | None = None,
        normalize_advantages: bool = False,
        mask_truncated_completions: bool = False,
    ) -> None:
        """Set up the estimator.

        Args:
            num_generations: Rows of a group, K (row i of B is in group i % (B/K)); null or 0 for the whole batch.
            beta: Weight of the KL divergence to the policy at the start of the game, within the reward; 0 for none.
            num_iterations: Moves made on each batch.
            epsilon: How far below 1 the ratio of a sequence may fall before its gradient is cut off.
            epsilon_high: How far above 1 it may rise; null for `epsilon`.
            normalize_advantages: Centre and scale the advantages over the batch; biased.
            mask_truncated_completions: Leave out sequences without an end of their own.
        """
        super().__init__(
            num_generations,
            num_iterations,
            beta,
            epsilon,
            epsilon_high,
            loss_type="sum",
            level="sequence",
            mask_truncated_completions=mask_truncated_completions,
        )
        self.normalize_advantages = normalize_advantages

    def advantages(self, returns: Tensor, kl: Tensor, y: Sequences, players: Any) -> Tensor:
        """Return the advantages [B,T]."""
        returns = returns - self.beta * kl.sum(1, keepdim=True)
        advantages = returns - groups.leave_one_out(returns, self.num_generations, players.world)
        return groups.whiten(advantages, y.chosen, players.world) if self.normalize_advantages else advantages
