"""Updates by the clipped surrogate with a group's mean as the baseline: what RLOO and GRPO are settings of.

Axes: B batch, T time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import torch
from torch import Tensor

from tokengan.estimators import groups
from tokengan.estimators.base import Estimator, Losses, Metrics, behaviour_gap, spread
from tokengan.estimators.divergence import Reference
from tokengan.estimators.surrogate import Level, LossType, clipped, normalise, ratio, unfinished
from tokengan.sequences import Sequences, masked_mean

__all__ = ["Clipped", "Scale"]

Scale = Literal["group", "batch", "none"]


class Clipped(Estimator):
    """max over theta of the mean of min(A rho, A clip(rho, 1 - epsilon, 1 + epsilon_high)), rho = pi / pi_old.

    A_i = (Q_i - b_i) / s_i, with b and s statistics of row i's group at each place. pi_old is the policy before the
    first of `num_iterations` moves on the batch; at that one rho = 1 and nothing is clipped. A subclass says where a KL
    divergence to the reference policy enters, if `beta` asks for one.
    """

    def __init__(
        self,
        num_generations: int | None,
        num_iterations: int,
        beta: float,
        epsilon: float,
        epsilon_high: float | None,
        loss_type: LossType,
        level: Level,
        mask_truncated_completions: bool,
    ) -> None:
        """Set up the estimator; the arguments are those of `RLOO` and `GRPO`."""
        super().__init__()
        self.num_generations = groups.check_generations(num_generations)
        if num_iterations < 1:
            raise ValueError(f"a batch is used for at least one move, not {num_iterations}")
        self.low, self.high = epsilon, epsilon if epsilon_high is None else epsilon_high
        if not 0 <= self.low < 1 or self.high < 0:
            raise ValueError(f"epsilon lies in [0, 1) and epsilon_high is not negative: {self.low}, {self.high}")
        if beta < 0:
            raise ValueError(f"beta is not negative, and {beta} would pay for leaving the reference")
        self.num_iterations, self.beta = num_iterations, beta
        self.loss_type: LossType = loss_type
        self.level: Level = level
        self.mask_truncated_completions = mask_truncated_completions
        self.reference: Reference | None = None

    @property
    def moves_each(self) -> int:
        """Moves made on one batch."""
        return self.num_iterations

    def attach(self, players: Any) -> None:
        """Copy the reference policy, where beta is not 0."""
        if self.mask_truncated_completions and players.generator.spec.end is None:
            raise ValueError("mask_truncated_completions leaves out what has no end token, here every sequence")
        if self.beta:
            self.reference = Reference(players.generator)

    def begin(self) -> None:
        """Take the reference policy as the policy is now."""
        if self.reference is not None:
            self.reference.begin()

    def advantages(self, returns: Tensor, kl: Tensor, y: Sequences, players: Any) -> Tensor:
        """Return A [B,T] from returns and estimates k1 of the KL divergence a token [B,T], 0 without a reference."""
        raise NotImplementedError

    def penalty(self, logp: Tensor, old: Tensor, reference: Tensor | None, y: Sequences) -> Tensor | None:
        """Return what is added to the loss of each token [B,T]; None for nothing."""
        del logp, old, reference, y

    def forward(self, y: Sequences, returns: Tensor, players: Any) -> Iterator[Losses]:
        """Yield `num_iterations` moves."""
        spec, world = players.generator.spec, players.world
        scores = players.score(y)
        old = scores["logp"].detach()
        reference = None if self.reference is None else self.reference(y, players)
        zero = old.new_zeros(())
        kl = torch.zeros_like(old) if reference is None else torch.where(y.chosen, old - reference, zero)
        advantages = self.advantages(returns, kl, y, players).detach()
        where = y.chosen
        if self.mask_truncated_completions:
            where = where & ~unfinished(y, spec).unsqueeze(1)
        about = self._about(y, returns, scores["entropy"], players) | behaviour_gap(old, y)
        if reference is not None:
            about |= Reference.monitor(kl, y)
        for i in range(self.num_iterations):
            logp = scores["logp"] if i == 0 else players.score(y)["logp"]
            ratios = ratio(logp, old, y.chosen, self.level)
            losses = -clipped(ratios, advantages, self.low, self.high)
            penalty = self.penalty(logp, old, reference, y)
            if penalty is not None:
                losses = losses + self.beta * penalty
            loss = normalise(losses, where, self.loss_type, spec, world)
            yield {"policy": (loss, about | {"clip_ratio": self._clip_ratio(ratios.detach(), advantages, where)})}

    def _about(self, y: Sequences, returns: Tensor, entropy: Tensor, players: Any) -> Metrics:
        """Return what to log of the batch; the share of groups whose rewards are all equal teaches nothing."""
        flat = groups.siblings(returns, self.num_generations, players.world).std(0) == 0
        return {
            "reward": masked_mean(returns, y.chosen),
            "reward_spread": spread(returns, y.chosen),
            "frac_reward_zero_std": flat.all(-1).to(returns.dtype).mean(),
            "entropy": masked_mean(entropy, y.chosen),
        }

    def _clip_ratio(self, ratios: Tensor, advantages: Tensor, where: Tensor) -> Tensor:
        """Return the share of tokens whose gradient is cut off."""
        cut = ((ratios > 1 + self.high) & (advantages > 0)) | ((ratios < 1 - self.low) & (advantages < 0))
        return masked_mean(cut.to(ratios.dtype), where)
