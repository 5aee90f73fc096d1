"""REINFORCE (Williams 1992): the score-function gradient.

Axes: B batch, T time, V vocabulary.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from tokengan.estimators.baselines import Baseline, Zero
from tokengan.generators.base import Outputs
from tokengan.sequences import Sequences, masked_mean
from tokengan.spec import New

__all__ = ["Reinforce"]


class Reinforce(nn.Module):
    """Loss whose gradient is that of -E[R]: -mean over sequences of sum over chosen t of (Q_t - b) log p(x_t | x_<t).

    Unbiased for any baseline b that does not depend on x_t. The paper's code sums over the batch; the mean differs by a
    constant factor.
    """

    def __init__(self, baseline: New[Baseline] = Zero) -> None:
        """Build with a factory of the baseline (`zero`, `ema`)."""
        super().__init__()
        self.baseline = baseline()

    def forward(
        self, outputs: Outputs, x: Sequences, returns: Tensor, players: Any
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss and what to log.

        Args:
            outputs: The generator's scores of `x`, with gradient: `logp` [B,T].
            x: The sequences it wrote; only `chosen` tokens count.
            returns: What each token is worth [B,T].
            players: The method (the world of processes is read).
        """
        logp = outputs["logp"]
        advantage = (returns - self.baseline(returns, x, players)).detach()
        weighted = torch.where(x.chosen, advantage * logp, 0.0)
        metrics = {"reward": masked_mean(returns, x.chosen), "reward_spread": _spread(returns, x.chosen)}
        if x.logp is not None:
            # Zero where the tokens were scored under the very law that drew them.
            metrics["behaviour_gap"] = masked_mean((logp.detach() - x.logp).abs(), x.chosen)
        return -players.world.mean(weighted.sum(1)), metrics


def _spread(values: Tensor, where: Tensor) -> Tensor:
    picked = values[where]
    return picked.std(correction=0) if len(picked) else values.new_zeros(())
