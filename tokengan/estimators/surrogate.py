"""The clipped surrogate of PPO and its relatives, and what a sum over tokens is divided by.

Axes: B batch, T time.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from tokengan.sequences import Sequences, masked_mean
from tokengan.spec import Spec

__all__ = ["Level", "LossType", "clipped", "normalise", "ratio", "unfinished"]

LossType = Literal["sum", "grpo", "dr_grpo", "bnpo", "dapo"]
Level = Literal["token", "sequence", "sequence_mean"]


def ratio(logp: Tensor, old: Tensor, where: Tensor, level: Level = "token") -> Tensor:
    """Return rho = pi / pi_old at each token [B,T], whose gradient at token t is rho grad log pi(y_t).

    At the level `token` rho is that token's own. At `sequence` it is the ratio of the whole sequence at every token, so
    that sum_t A rho has the gradient of A pi(y) / pi_old(y), and a return a token may differ from its neighbours'. At
    `sequence_mean` its |y|-th root is taken (GSPO, Zheng et al. 2025).

    >>> logp, where = torch.tensor([[0.5, 0.1]]).log(), torch.ones(1, 2, dtype=torch.bool)
    >>> old = torch.tensor([[0.25, 0.2]]).log()
    >>> [ratio(logp, old, where, level).round(decimals=3).tolist() for level in ("token", "sequence")]
    [[[2.0, 0.5]], [[1.0, 1.0]]]
    """
    gap = torch.where(where, logp - old, logp.new_zeros(()))
    if level == "token":
        return gap.exp()
    total = gap.detach().sum(1, keepdim=True)
    if level == "sequence_mean":
        total = total / where.sum(1, keepdim=True).clamp(min=1)
    return (total + gap - gap.detach()).exp()


def clipped(ratios: Tensor, advantages: Tensor, low: float, high: float) -> Tensor:
    """Return min(A rho, A clip(rho, 1 - low, 1 + high)) (Schulman et al. 2017, equation 7), of any shape.

    Where an advantage above 0 meets a ratio above 1 + high, or one below 0 a ratio below 1 - low, the gradient is 0.

    >>> clipped(torch.tensor([1.5, 0.5, 0.5]), torch.tensor([2.0, 2.0, -2.0]), 0.2, 0.2).tolist()
    [2.4000000953674316, 1.0, -1.600000023841858]
    """
    return torch.minimum(ratios * advantages, ratios.clamp(1 - low, 1 + high) * advantages)


def normalise(values: Tensor, where: Tensor, loss_type: LossType, spec: Spec, world: Any) -> Tensor:
    """Return one number of values a token [B,T], counted where `where` holds.

    `sum`: the sum over tokens, its mean over sequences; alone it leaves E[R] its gradient. `dr_grpo`: that, divided by
    the constant maximum length (Liu et al. 2025). `grpo`: the mean over each sequence's tokens, its mean over
    sequences: a token of a long sequence counts less (Shao et al. 2024). `dapo`: the mean over all tokens of all
    processes (Yu et al. 2025). `bnpo`: the mean over the tokens of each process.

    >>> from tokengan.methods.world import World
    >>> values, where = torch.tensor([[1.0, 1.0], [4.0, 9.0]]), torch.tensor([[True, True], [True, False]])
    >>> spec = Spec(vocab_size=5, max_length=4)
    >>> [normalise(values, where, kind, spec, World()).item() for kind in ("sum", "grpo", "dr_grpo", "dapo")]
    [3.0, 2.5, 0.75, 2.0]
    """
    if loss_type == "dapo":
        return world.mean(values, where)
    if loss_type == "bnpo":
        return masked_mean(values, where)
    total = torch.where(where, values, values.new_zeros(())).sum(1)
    if loss_type == "sum":
        return world.mean(total)
    if loss_type == "dr_grpo":
        return world.mean(total) / spec.max_length
    if loss_type == "grpo":
        return world.mean(total / where.sum(1).clamp(min=1))
    raise ValueError(f"the loss type is one of sum, grpo, dr_grpo, bnpo, dapo, not {loss_type}")


def unfinished(y: Sequences, spec: Spec) -> Tensor:
    """Return which sequences stopped at the maximum length without an end of their own [B].

    Raises ValueError where sequences have no end token, since then all have their full length.
    """
    if spec.end is None:
        raise ValueError("sequences of this task have no end token, so none is cut short: leave that setting off")
    return ~((y.tokens == spec.end) & y.mask).any(1)
