"""Actor-critic on all actions (Bahdanau et al. 2017): every word at every place is credited, not the one drawn alone.

Axes: B batch, T time, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor, nn

from tokengan.estimators.base import Estimator, Losses, behaviour_gap, spread, sum_of_chosen
from tokengan.estimators.critics import Critic, law_of, value_metrics
from tokengan.estimators.gae import gae, step_rewards
from tokengan.lagged import Lagged
from tokengan.optimiser import Optimiser
from tokengan.sequences import Sequences, masked_mean

__all__ = ["AllActions"]


class AllActions(Estimator):
    """-mean over sequences of sum over t of sum over a of p(a | s_t) Q(s_t, a), differentiated through p (equation 7).

    Q, a linear layer on the policy's hidden states [H -> V] and a player of its own (`value`), is fitted to
    q_t = r_t + gamma sum_a p(a | s_{t+1}) Q'(s_{t+1}, a) at the words drawn; lam > 0 mixes the returns in. Q' is Q, or
    follows it at a distance. `drift` holds the others near their mean, which nothing else would. Unbiased only for the
    exact Q, and then with the least variance of all. Unlike the paper's critic this one does not read the gold text.

    Train Q before the policy (`moves["policy"]` with a warm-up): an actor that follows an untrained critic is lost.
    """

    needs = frozenset({"hidden", "logits"})
    critic: Critic
    delayed: Lagged[Critic]

    def __init__(
        self,
        lam: float = 0.0,
        gamma: float = 1.0,
        drift: float = 1e-3,
        critic_lag: float = 0.0,
        value_optimiser: Optimiser = Optimiser(lr=1e-3),
    ) -> None:
        """Set up the estimator.

        Args:
            lam: Share of the returns in what Q is fitted to, as in GAE: 0 is the paper's target, 1 the returns alone.
            gamma: Discount.
            drift: Weight of sum_a (Q(a) - mean of Q)^2, the paper's lambda_C.
            critic_lag: Share of its old weights that Q' keeps at each move; 0 takes Q itself, the paper .99 or more.
            value_optimiser: How Q moves.
        """
        super().__init__()
        if not (0 <= gamma <= 1 and 0 <= lam <= 1):
            raise ValueError(f"gamma and lam lie in [0, 1]: {gamma}, {lam}")
        if drift < 0:
            raise ValueError(f"the weight of the drift penalty is not negative: {drift}")
        self.lam, self.gamma, self.drift, self.critic_lag = lam, gamma, drift, critic_lag
        self.moves = {"value": value_optimiser}

    def attach(self, players: Any) -> None:
        """Make Q and what follows it."""
        self.critic = Critic(players, players.generator.spec.vocab_size)
        self.delayed = Lagged(self.critic, self.critic_lag)

    def begin(self) -> None:
        """Let Q' start where Q is."""
        self.delayed.catch_up()

    def trains(self) -> Mapping[str, list[nn.Parameter]]:
        """Return Q's parameters."""
        return {"value": list(self.critic.parameters())}

    def forward(self, y: Sequences, returns: Tensor, players: Any) -> Iterator[Losses]:
        """Yield the one move of policy and critic."""
        law, outputs = law_of(y, players)
        q = self.critic(outputs)
        objective = sum_of_chosen((law.exp() * q.detach()).sum(-1), y, players)
        drawn = y.tokens.unsqueeze(-1)
        logp, taken = law.detach().gather(-1, drawn).squeeze(-1), q.gather(-1, drawn).squeeze(-1)
        values = (law.detach().exp() * self.delayed.network(outputs).detach()).sum(-1)
        rewards = step_rewards(returns, y.mask, self.gamma).to(values.dtype)
        targets = gae(rewards, values, y.mask, self.gamma, self.lam) + values
        apart = (q - q.mean(-1, keepdim=True)).square().sum(-1)
        value_loss = players.world.mean((taken - targets).square() + self.drift * apart, y.chosen)
        metrics = {"reward": masked_mean(returns, y.chosen), "reward_spread": spread(returns, y.chosen)}
        yield {
            "policy": (-objective, metrics | behaviour_gap(logp, y)),
            "value": (value_loss, value_metrics(taken, targets, y)),
        }
        self.delayed.follow()
