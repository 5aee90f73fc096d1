"""MaliGAN's estimator (Che et al. 2017): maximum likelihood on the policy's own sequences, weighted by p_data / p_G.

Axes: B batch, N rows of a group, T time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from tokengan.estimators import groups
from tokengan.estimators.base import Estimator, Losses, Metrics, behaviour_gap, spread, sum_of_chosen
from tokengan.schedules import Schedule
from tokengan.sequences import Sequences, masked_mean

__all__ = ["ImportanceWeights", "importance"]


def importance(log_ratio: Tensor, num_generations: int | None, world: Any, tempering: float = 1.0) -> Tensor:
    """Return w = N r^alpha / sum r^alpha over each row's group, whose mean is 1, from log r [B,...].

    A softmax of the log-ratios: r itself overflows where a discriminator is sure.

    >>> from tokengan.methods.world import World
    >>> [round(w, 3) for w in importance(torch.tensor([1.5, 0.9, 0.6]).log(), None, World()).tolist()]
    [1.5, 0.9, 0.6]
    >>> importance(torch.tensor([80.0, -80.0]), None, World()).tolist()
    [2.0, 0.0]
    """
    group = groups.siblings(tempering * log_ratio, num_generations, world)
    largest = group.amax(0)
    total = (group - largest).exp().sum(0)
    own = (tempering * log_ratio - groups.to_rows(largest, len(log_ratio))).exp()
    return len(group) * own / groups.to_rows(total, len(log_ratio))


class ImportanceWeights(Estimator):
    """-mean over sequences of sum over t of (w_t - b) log p(y_t), w = r / mean r over the batch, r = p_data / p_G.

    The returns are log r: the reward is the discriminator's log-odds (`log_ratio`), whose exponential D / (1 - D) is
    p_data / p_G for the best D; the expected gradient is then that of maximum likelihood on the data. Weights are
    normalised over the rows at each place, so that roll-outs are weighted by what is still to come (their mean is taken
    of log r, a geometric mean of r, where the paper averages r). With w of mean 1 the centred choice is b = 1.

    Logged: `ess` = 1 / sum of (w/N)^2, the number of sequences that the gradient rests on. Near 1 this is maximum
    likelihood on a single sample: weaken D, take a larger batch, or temper.
    """

    updates: Tensor

    def __init__(
        self,
        baseline: Schedule = Schedule(0.0, end=1.0, over=100),
        tempering: float = 1.0,
        num_generations: int | None = None,
    ) -> None:
        """Set up the estimator.

        Args:
            baseline: b by update, "raised slowly" from 0 to 1 in the paper.
            tempering: alpha in r^alpha: 1 for the paper's weights, 0 for none.
            num_generations: Rows over which weights are normalised: completions of one prefix in the mixed mode; null
                or 0 for the whole batch.
        """
        super().__init__()
        if tempering < 0:
            raise ValueError(f"tempering is not negative: {tempering} would weigh the likeliest fakes most")
        self.scheduled, self.tempering = baseline, tempering
        self.num_generations = groups.check_generations(num_generations)
        self.register_buffer("updates", torch.zeros((), dtype=torch.long))

    def forward(self, y: Sequences, returns: Tensor, players: Any) -> Iterator[Losses]:
        """Yield the one move."""
        logp = players.score(y)["logp"]
        weights = importance(returns, self.num_generations, players.world, self.tempering)
        b = self.scheduled.at(int(self.updates))
        objective = sum_of_chosen((weights - b).detach() * logp, y, players)
        metrics = {"reward": masked_mean(returns, y.chosen), "reward_spread": spread(returns, y.chosen)}
        self.updates += 1
        yield {"policy": (-objective, metrics | self._sizes(weights, y, players) | behaviour_gap(logp, y))}

    def _sizes(self, weights: Tensor, y: Sequences, players: Any) -> Metrics:
        """Return the effective number of rows in a group, and its share of all."""
        group = groups.siblings(weights, self.num_generations, players.world)
        ess = masked_mean(groups.to_rows(len(group) ** 2 / group.square().sum(0), len(y)), y.chosen)
        return {"ess": ess, "ess_share": ess / len(group)}
