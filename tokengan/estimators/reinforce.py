"""REINFORCE (Williams 1992): the score-function gradient.

Axes: B batch, T time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from tokengan.estimators import groups
from tokengan.estimators.base import Estimator, Losses, behaviour_gap, spread, sum_of_chosen
from tokengan.estimators.baselines import Baseline, Zero
from tokengan.sequences import Sequences, masked_mean
from tokengan.spec import New

__all__ = ["Reinforce"]


class Reinforce(Estimator):
    """-mean over sequences of sum over chosen t of (Q_t - b_t) log p(x_t | x_<t), whose gradient is that of -E[R].

    Unbiased for any baseline b_t that does not depend on x_t. The paper's code sums over the batch; the mean differs by
    a constant factor.
    """

    def __init__(self, baseline: New[Baseline] = Zero, entropy_coef: float = 0.0) -> None:
        """Set up the estimator.

        Args:
            baseline: What is taken off the returns: `zero`, `ema`, `value`, `self_critical`, `leave_one_out`, `group`.
            entropy_coef: Weight of the entropy of the policy's sequences, nats, added to the objective.
        """
        super().__init__()
        self.baseline, self.entropy_coef = baseline(), entropy_coef
        self.moves = dict(self.baseline.moves)

    def attach(self, players: Any) -> None:
        """Let the baseline build what it needs."""
        self.baseline.attach(players)

    def trains(self) -> Mapping[str, list[nn.Parameter]]:
        """Return the baseline's parameters."""
        return self.baseline.trains()

    def forward(self, y: Sequences, returns: Tensor, players: Any) -> Iterator[Losses]:
        """Yield the one move."""
        scores = players.score(y)
        logp = scores["logp"]
        baseline = self.baseline(returns, y, scores, players)
        objective = sum_of_chosen((returns - baseline).detach() * logp, y, players)
        if self.entropy_coef:
            objective = objective + self.entropy_coef * entropy_bonus(scores, y, players)
        metrics = {"reward": masked_mean(returns, y.chosen), "reward_spread": spread(returns, y.chosen)}
        own = self.baseline.losses(returns, y, baseline, players)
        yield {"policy": (-objective, metrics | behaviour_gap(logp, y)), **own}


def entropy_bonus(scores: dict[str, Tensor], y: Sequences, players: Any) -> Tensor:
    """Return what has, on average, the gradient of the entropy of whole sequences, H = -E[log p(y)].

    grad H = E[sum_t grad log p(y_t) (-log p(y_t) + sum_{s>t} H_s)], with H_s the entropy of the law at place s, which
    `score` gives without a gradient: a token also decides how open the places after it are. H_t and the siblings' mean
    of the sum, neither of which depends on y_t, are taken off as baselines.
    """
    logp, entropy = scores["logp"], scores["entropy"]
    own = torch.where(y.chosen, entropy, entropy.new_zeros(()))
    ahead = own.flip(1).cumsum(1).flip(1) - own
    if len(y) * players.world.size > 1:
        ahead = ahead - groups.leave_one_out(ahead, None, players.world)
    return sum_of_chosen((ahead - logp - entropy).detach() * logp, y, players)
