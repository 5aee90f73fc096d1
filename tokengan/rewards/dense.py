"""A judgement of every token by a discriminator that reads from left to right (ScratchGAN, d'Autume et al. 2019).

Axes: B batch, T time.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from tokengan.rewards.base import Reward, judgement
from tokengan.sequences import Sequences

__all__ = ["Dense"]


class Dense(Reward):
    """r_t = 2 D(x_t | x_<t) - 1, in [-1, 1], the ending token included, 0 after it; the credit sums.

    >>> from types import SimpleNamespace as Namespace
    >>> d = torch.nn.Identity()
    >>> d_logits = Namespace(outputs={"token_logits": torch.tensor([[0.0, 100.0, 100.0]])})
    >>> x = Sequences(torch.tensor([[5, 2, 0]]), torch.tensor([[True, True, False]]))
    >>> Dense()(x, Namespace(discriminator=d, judge=lambda x: d_logits)).tolist()
    [[0.0, 1.0, 0.0]]
    """

    per_step = True
    needs = frozenset({"discriminator"})
    reads = frozenset({"log_odds"})
    outputs = frozenset({"token_logits"})

    def __init__(self, form: Literal["probability", "log_ratio"] = "probability", limit: float = 10.0) -> None:
        """Set the form.

        Args:
            form: 2 D - 1 (`probability`), or the logit log D - log(1 - D).
            limit: Largest size of the logit, for `log_ratio`.
        """
        super().__init__()
        self.form, self.limit = form, limit

    @torch.no_grad()
    def forward(self, x: Sequences, players: Any) -> Tensor:
        """Return the reward of every token [B,T]."""
        logits = judgement(x, players, "token_logits")
        # 2 sigmoid(d) - 1 without the loss of digits near 0.
        reward = (logits / 2).tanh() if self.form == "probability" else logits.clamp(-self.limit, self.limit)
        return torch.where(x.mask, reward, 0.0)
