"""Actor-critic on one action: the value of the next state stands in for what has not come yet.

Axes: B batch, T time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor, nn

from tokengan.estimators.base import Estimator, Losses, behaviour_gap, spread, sum_of_chosen
from tokengan.estimators.critics import Critic, value_metrics
from tokengan.estimators.gae import gae, step_rewards
from tokengan.optimiser import Optimiser
from tokengan.sequences import Sequences, masked_mean

__all__ = ["ActorCritic"]


class ActorCritic(Estimator):
    """-mean over sequences of sum over t of A_t log p(y_t), with A_t = r_t + gamma v(s_{t+1}) - v(s_t), or GAE.

    v, a linear layer on the policy's hidden states and a player of its own (`value`), is fitted to A_t + v(s_t). Less
    variance than REINFORCE; unbiased only for the exact v, or for lam = 1 and gamma = 1.
    """

    needs = frozenset({"hidden"})
    critic: Critic

    def __init__(self, lam: float = 0.0, gamma: float = 1.0, value_optimiser: Optimiser = Optimiser(lr=1e-3)) -> None:
        """Set up the estimator.

        Args:
            lam: GAE's lambda (Schulman et al. 2016): 0 is the one-step form, 1 REINFORCE with v as the baseline.
            gamma: Discount.
            value_optimiser: How the value moves.
        """
        super().__init__()
        if not (0 <= gamma <= 1 and 0 <= lam <= 1):
            raise ValueError(f"gamma and lam lie in [0, 1]: {gamma}, {lam}")
        self.lam, self.gamma = lam, gamma
        self.moves = {"value": value_optimiser}

    def attach(self, players: Any) -> None:
        """Make the value."""
        self.critic = Critic(players)

    def trains(self) -> Mapping[str, list[nn.Parameter]]:
        """Return the value's parameters."""
        return {"value": list(self.critic.parameters())}

    def forward(self, y: Sequences, returns: Tensor, players: Any) -> Iterator[Losses]:
        """Yield the one move of policy and value."""
        scores = players.score(y)
        logp, values = scores["logp"], self.critic(scores)
        rewards = step_rewards(returns, y.mask, self.gamma).to(values.dtype)
        advantages = gae(rewards, values.detach(), y.mask, self.gamma, self.lam)
        targets = advantages + values.detach()
        metrics = {"reward": masked_mean(returns, y.chosen), "reward_spread": spread(returns, y.chosen)}
        value_loss = players.world.mean((values - targets).square(), y.chosen)
        yield {
            "policy": (-sum_of_chosen(advantages * logp, y, players), metrics | behaviour_gap(logp, y)),
            "value": (value_loss, value_metrics(values, targets, y)),
        }
