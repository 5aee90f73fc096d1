"""GRPO: advantages relative to a group, without a critic (Shao et al. 2024), and Dr. GRPO, DAPO and GSPO as settings.

Axes: B batch, T time.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from tokengan.estimators import groups
from tokengan.estimators.clipped import Clipped, Scale
from tokengan.estimators.divergence import kl_tokens
from tokengan.estimators.surrogate import LossType
from tokengan.sequences import Sequences

__all__ = ["GRPO"]


class GRPO(Clipped):
    """A_i = (Q_i - mean Q) / (std Q + 1e-4) over row i's group (section 4.1.2), clipped at each token.

    Not the gradient of E[R]: a group whose rewards lie close together counts as much as one whose rewards lie far apart
    (`scale_rewards="none"` mends it), and of the losses only `sum` and `dr_grpo` keep the direction where sequences
    differ in length. Dr. GRPO is `loss_type="dr_grpo", scale_rewards="none"`; DAPO is `loss_type="dapo",
    epsilon_high=0.28, mask_truncated_completions=True`; GSPO is `importance_sampling_level="sequence"`. Names and
    defaults are TRL's but for `use_bias_correction_kl`.

    >>> GRPO(scale_rewards="row")
    Traceback (most recent call last):
    ...
    ValueError: scale_rewards is one of group, batch, none, not row
    """

    def __init__(
        self,
        num_generations: int | None = 8,
        beta: float = 0.0,
        num_iterations: int = 1,
        epsilon: float = 0.2,
        epsilon_high: float | None = None,
        loss_type: LossType = "dapo",
        scale_rewards: Scale = "group",
        importance_sampling_level: Literal["token", "sequence"] = "token",
        mask_truncated_completions: bool = False,
        use_bias_correction_kl: bool = True,
    ) -> None:
        """Set up the estimator.

        Args:
            num_generations: Rows of a group, K (row i of B is in group i % (B/K)); null or 0 for the whole batch.
            beta: Weight of the KL divergence to the policy at the start of the game, in the loss; 0 for none.
            num_iterations: Moves made on each batch.
            epsilon: How far below 1 a ratio may fall before its gradient is cut off.
            epsilon_high: How far above 1 it may rise; null for `epsilon`.
            loss_type: What the sum over tokens is divided by: `grpo`, `dr_grpo`, `bnpo`, `dapo`, or `sum` for nothing.
            scale_rewards: What advantages are divided by: the standard deviation of the `group`, of the `batch`, or
                `none`.
            importance_sampling_level: One ratio a token, or one length-normalised ratio a sequence (GSPO).
            mask_truncated_completions: Leave out sequences without an end of their own.
            use_bias_correction_kl: Multiply the estimate k3 of a token by the ratio of the prefix that ends with it, so
                that the gradient is that of KL(pi || ref). Without it (the paper, and TRL's default) it is that of the
                other direction, KL(ref || pi) at the prefixes that pi wrote.
        """
        super().__init__(
            num_generations,
            num_iterations,
            beta,
            epsilon,
            epsilon_high,
            loss_type=loss_type,
            level="token" if importance_sampling_level == "token" else "sequence_mean",
            mask_truncated_completions=mask_truncated_completions,
        )
        if scale_rewards not in ("group", "batch", "none"):
            raise ValueError(f"scale_rewards is one of group, batch, none, not {scale_rewards}")
        self.scale_rewards: Scale = scale_rewards
        self.use_bias_correction_kl = use_bias_correction_kl

    def advantages(self, returns: Tensor, kl: Tensor, y: Sequences, players: Any) -> Tensor:
        """Return the advantages [B,T]."""
        del kl, y
        centred = returns - groups.mean(returns, self.num_generations, players.world)
        if self.scale_rewards == "none":
            return centred
        over = self.num_generations if self.scale_rewards == "group" else None
        # Outside the root: a group of equal rewards gets advantages of 0, not 0 / 0.
        return centred / (groups.std(returns, over, players.world) + 1e-4)

    def penalty(self, logp: Tensor, old: Tensor, reference: Tensor | None, y: Sequences) -> Tensor | None:
        """Return k3, where asked times the ratio pi / pi_old of the tokens up to it [B,T]."""
        if reference is None:
            return None
        kl = kl_tokens(logp, reference, "k3")
        if not self.use_bias_correction_kl:
            return kl
        return kl * torch.where(y.chosen, logp - old, logp.new_zeros(())).cumsum(1).exp()
