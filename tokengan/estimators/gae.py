"""Generalised advantage estimation (Schulman et al. 2016), and the rewards behind returns.

Axes: B batch, T time.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["gae", "step_rewards"]


def step_rewards(returns: Tensor, mask: Tensor, gamma: float = 1.0) -> Tensor:
    """Return r_t = G_t - gamma G_{t+1} [B,T], with G = 0 after the end: what a step adds, whose sum is G_1 at gamma 1.

    A credit has summed (or completed) already, so this is what may be summed again; with lambda = 1 the returns come
    back whatever gamma is.

    >>> mask = torch.tensor([[True, True, False]])
    >>> step_rewards(torch.tensor([[1.0, 1.0, 1.0]]), mask).tolist()
    [[0.0, 1.0, 0.0]]
    """
    inside = torch.where(mask, returns, returns.new_zeros(()))
    return inside - gamma * torch.nn.functional.pad(inside[:, 1:], (0, 1))


def gae(rewards: Tensor, values: Tensor, mask: Tensor, gamma: float = 1.0, lam: float = 0.95) -> Tensor:
    """Return A_t = delta_t + gamma lam A_{t+1}, delta_t = r_t + gamma v_{t+1} - v_t (equations 11 and 16) [B,T].

    v = 0 after the end. A + v is what v should be: the lambda-return. lam = 1 gives G_t - v_t, lam = 0 delta_t.

    >>> rewards, values, mask = torch.tensor([[0.0, 1.0]]), torch.tensor([[0.25, 0.5]]), torch.ones(1, 2).bool()
    >>> gae(rewards, values, mask, lam=1.0).tolist(), gae(rewards, values, mask, lam=0.0).tolist()
    ([[0.75, 0.5]], [[0.25, 0.5]])
    """
    values = torch.where(mask, values, values.new_zeros(()))
    delta = rewards + gamma * torch.nn.functional.pad(values[:, 1:], (0, 1)) - values
    delta = torch.where(mask, delta, delta.new_zeros(()))
    advantages, ahead = torch.zeros_like(delta), delta.new_zeros(len(delta))
    for t in reversed(range(delta.shape[1])):
        ahead = delta[:, t] + gamma * lam * ahead
        advantages[:, t] = ahead
    return advantages
