"""PPO: the clipped surrogate with a learned value (Schulman et al. 2017), as it is used on sequences.

Axes: B batch, T time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn

from tokengan.estimators import groups
from tokengan.estimators.base import Estimator, Losses, behaviour_gap, spread
from tokengan.estimators.critics import Critic, value_metrics
from tokengan.estimators.divergence import Reference, kl_tokens
from tokengan.estimators.gae import gae, step_rewards
from tokengan.estimators.surrogate import LossType, clipped, normalise, ratio, unfinished
from tokengan.optimiser import Optimiser
from tokengan.sequences import Sequences, masked_mean

__all__ = ["PPO"]


class PPO(Estimator):
    """Epochs of min(A rho, A clip(rho, 1 +- cliprange)) on one batch, with advantages by GAE and a clipped value loss.

    The reward of a step is what the credit's return adds there, less kl_coef times an estimate of the KL divergence to
    the policy at the start of the game. The value is a linear layer on the policy's hidden states and a player of its
    own, `value`: no gradient of it reaches the policy. Names and defaults are TRL's, who always whiten advantages.

    With lam = 1, no whitening and loss_type `sum` the first move is unbiased.
    """

    needs = frozenset({"hidden"})
    critic: Critic

    def __init__(
        self,
        num_ppo_epochs: int = 4,
        num_mini_batches: int = 1,
        kl_coef: float = 0.05,
        kl_estimator: Literal["k1", "k3"] = "k1",
        cliprange: float = 0.2,
        cliprange_value: float = 0.2,
        vf_coef: float = 0.1,
        gamma: float = 1.0,
        lam: float = 0.95,
        whiten_rewards: bool = False,
        whiten_advantages: bool = True,
        loss_type: LossType = "dapo",
        missing_eos_penalty: float | None = None,
        value_optimiser: Optimiser = Optimiser(lr=1e-3),
    ) -> None:
        """Set up the estimator.

        Args:
            num_ppo_epochs: Passes over each batch.
            num_mini_batches: Moves in a pass; must divide the rows of a process.
            kl_coef: Weight of the KL divergence to the policy at the start of the game, in the reward; 0 for none.
            kl_estimator: `k1`, right as a reward, or `k3`, never negative but with another gradient.
            cliprange: How far from 1 a ratio may go before its gradient is cut off.
            cliprange_value: How far a value may go from what it was before its gradient is cut off.
            vf_coef: Weight of the value's loss.
            gamma: Discount.
            lam: GAE's lambda: 1 trusts the returns, 0 the value.
            whiten_rewards: Divide the rewards of steps by their standard deviation over the batch.
            whiten_advantages: Centre and scale advantages over the batch; biased.
            loss_type: What the policy's sum over tokens is divided by: `dapo` (a mean over tokens), `sum` ...
            missing_eos_penalty: Taken off the reward of a sequence without an end of its own; null for nothing.
            value_optimiser: How the value moves.
        """
        super().__init__()
        if num_ppo_epochs < 1 or num_mini_batches < 1:
            raise ValueError(f"at least one epoch and one mini-batch, not {num_ppo_epochs} and {num_mini_batches}")
        if not (0 <= gamma <= 1 and 0 <= lam <= 1):
            raise ValueError(f"gamma and lam lie in [0, 1]: {gamma}, {lam}")
        if not 0 <= cliprange < 1 or cliprange_value < 0:
            raise ValueError(
                f"cliprange lies in [0, 1), cliprange_value is not negative: {cliprange}, {cliprange_value}"
            )
        if kl_coef < 0:
            raise ValueError(f"kl_coef is not negative, and {kl_coef} would pay for leaving the reference")
        if kl_estimator not in ("k1", "k3"):
            raise ValueError(f"kl_estimator is k1 or k3, not {kl_estimator}")
        self.num_ppo_epochs, self.num_mini_batches = num_ppo_epochs, num_mini_batches
        self.kl_coef = kl_coef
        self.kl_estimator: Literal["k1", "k3"] = kl_estimator
        self.cliprange, self.cliprange_value, self.vf_coef = cliprange, cliprange_value, vf_coef
        self.gamma, self.lam = gamma, lam
        self.whiten_rewards, self.whiten_advantages = whiten_rewards, whiten_advantages
        self.loss_type: LossType = loss_type
        self.missing_eos_penalty = missing_eos_penalty
        self.moves = {"value": value_optimiser}
        self.reference: Reference | None = None

    @property
    def moves_each(self) -> int:
        """Moves made on one batch."""
        return self.num_ppo_epochs * self.num_mini_batches

    def attach(self, players: Any) -> None:
        """Make the value, and copy the reference policy where kl_coef is not 0."""
        if self.missing_eos_penalty is not None and players.generator.spec.end is None:
            raise ValueError("missing_eos_penalty punishes what has no end token, here every sequence")
        self.critic = Critic(players)
        if self.kl_coef:
            self.reference = Reference(players.generator)

    def begin(self) -> None:
        """Take the reference policy as the policy is now."""
        if self.reference is not None:
            self.reference.begin()

    def trains(self) -> Mapping[str, list[nn.Parameter]]:
        """Return the value's parameters."""
        return {"value": list(self.critic.parameters())}

    def forward(self, y: Sequences, returns: Tensor, players: Any) -> Iterator[Losses]:
        """Yield one move of policy and value a mini-batch."""
        with torch.no_grad():
            scores = players.score(y)
            old, values = scores["logp"].detach(), self.critic(scores)
            rewards = step_rewards(returns, y.mask, self.gamma).to(values.dtype)
            about = behaviour_gap(old, y) | {
                "reward": masked_mean(returns, y.chosen),
                "reward_spread": spread(returns, y.chosen),
                "entropy": masked_mean(scores["entropy"], y.chosen),
            }
            if self.missing_eos_penalty is not None:
                last = y.mask & (y.mask.cumsum(1) == y.lengths.unsqueeze(1))
                rewards = rewards - self.missing_eos_penalty * (last & unfinished(y, players.generator.spec)[:, None])
            if self.reference is not None:
                reference = self.reference(y, players)
                kl = kl_tokens(old, reference, self.kl_estimator)
                rewards = rewards - self.kl_coef * torch.where(y.chosen, kl, kl.new_zeros(()))
                about |= Reference.monitor(old - reference, y)
            if self.whiten_rewards:
                rewards = groups.whiten(rewards, y.mask, players.world, shift_mean=False)
            advantages = gae(rewards, values, y.mask, self.gamma, self.lam)
            targets = advantages + values  # before whitening: a value predicts returns, not whitened ones
            if self.whiten_advantages:
                advantages = groups.whiten(advantages, y.chosen, players.world)
        for rows in self._mini_batches(len(y), players, y.tokens.device):
            part = y.select(rows)
            yield self._move(part, old[rows], advantages[rows], values[rows], targets[rows], players, about)

    def _mini_batches(self, rows: int, players: Any, device: torch.device) -> Iterator[Tensor | slice]:
        """Yield rows, in a new order each epoch."""
        if rows % self.num_mini_batches:
            raise ValueError(f"{rows} rows in a process do not divide into {self.num_mini_batches} mini-batches")
        for _ in range(self.num_ppo_epochs):
            if self.num_mini_batches == 1:
                yield slice(None)
                continue
            uniforms = players.noise("ppo", rows * players.world.size).uniforms(rows, 1)
            yield from uniforms[:, 0].argsort().to(device).chunk(self.num_mini_batches)

    def _move(
        self,
        y: Sequences,
        old: Tensor,
        advantages: Tensor,
        old_values: Tensor,
        targets: Tensor,
        players: Any,
        about: dict[str, Tensor],
    ) -> Losses:
        """Return the losses of policy and value on a mini-batch."""
        scores = players.score(y)
        ratios = ratio(scores["logp"], old, y.chosen)
        losses = -clipped(ratios, advantages, self.cliprange, self.cliprange)
        loss = normalise(losses, y.chosen, self.loss_type, players.generator.spec, players.world)
        values = self.critic(scores)
        near = old_values + (values - old_values).clamp(-self.cliprange_value, self.cliprange_value)
        errors = torch.maximum((values - targets).square(), (near - targets).square())
        value_loss = self.vf_coef * 0.5 * players.world.mean(errors, y.chosen)
        cut = (ratios.detach() - 1).abs() > self.cliprange
        metrics = about | {"clip_ratio": masked_mean(cut.to(old.dtype), y.chosen)}
        return {"policy": (loss, metrics), "value": (value_loss, value_metrics(values, targets, y))}
