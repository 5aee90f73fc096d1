"""The perfect judge, where the law of the data is known.

Axes: B batch.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from tokengan.errors import UserError
from tokengan.modes import evaluating
from tokengan.rewards.base import Reward
from tokengan.sequences import Sequences

__all__ = ["Oracle"]


class Oracle(Reward):
    """R(x) = log p_oracle(x) - log p_G(x): what the best possible discriminator would say, at every moment.

    The control from above: what a method does not reach with it, no discriminator will give it. p_G is the law that the
    policy writes by (its temperature included).
    """

    needs = frozenset({"oracle"})

    def __init__(self, form: Literal["log_ratio", "probability"] = "log_ratio", limit: float | None = None) -> None:
        """Set the form.

        Args:
            form: The log-ratio, or its sigmoid p_oracle / (p_oracle + p_G), which is the best D(x).
            limit: Largest size of the log-ratio, either way; None leaves it.
        """
        super().__init__()
        self.form, self.limit = form, limit

    @torch.no_grad()
    def forward(self, x: Sequences, players: Any) -> Tensor:
        """Return the judgement [B]. Raises UserError for a task whose law is not known."""
        oracle = players.task.oracle
        if oracle is None:
            raise UserError(
                "the reward 'oracle' needs the law of the data, which only a synthetic task knows: train on `oracle`, "
                "or choose another reward"
            )
        there = x.to(next(oracle.parameters()).device)
        with evaluating(oracle, players.generator):
            real = oracle.score(there)["logp"].to(x.tokens.device)
            own = players.generator.score(x, players.decoding.temperature)["logp"]
        ratio = torch.where(x.mask, real - own, 0.0).sum(1)
        ratio = ratio if self.limit is None else ratio.clamp(-self.limit, self.limit)
        ratio = ratio if ratio.dtype == torch.float64 else ratio.float()
        return ratio.sigmoid() if self.form == "probability" else ratio
