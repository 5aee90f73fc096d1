"""SentiGAN's penalty on probabilities (Wang & Wan 2018): G rather than log G, held near the data by likelihood.

Axes: B batch, T time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from tokengan.estimators.base import Estimator, Losses, behaviour_gap, spread, sum_of_chosen
from tokengan.sequences import Sequences, masked_mean

__all__ = ["Penalty"]


class Penalty(Estimator):
    """Mean over sequences of sum over chosen t of G(x_t | x_<t) V_t, V = 1 - Q the penalty, held fixed; minimised.

    The samples count as constants, so the expected gradient at a state is sum_a G(a) V(a) grad G(a), that of
    1/2 sum_a G(a)^2 V(a): at its optimum G is proportional to 1/V, uniform where all penalties are equal. Not the
    literal sum_a G(a) V(a), nor REINFORCE with the reward 1 - V: those put all mass on the least penalised token. It is
    thus a pull towards variety that likelihood (`mle_steps`) has to hold. Returns are probabilities, in [0, 1].
    """

    def forward(self, y: Sequences, returns: Tensor, players: Any) -> Iterator[Losses]:
        """Yield the one move."""
        logp = players.score(y)["logp"]
        # Outside the mask a score means nothing, and its exponential might be anything.
        written = torch.where(y.chosen, logp, logp.new_zeros(())).exp()
        loss = sum_of_chosen(written * (1 - returns).detach(), y, players)
        metrics = {
            "penalty": masked_mean(1 - returns, y.chosen),
            "reward": masked_mean(returns, y.chosen),
            "reward_spread": spread(returns, y.chosen),
        }
        yield {"policy": (loss, metrics | behaviour_gap(logp, y))}
