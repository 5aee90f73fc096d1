"""How far the discriminator's features moved along the Manager's goals (LeakGAN, Guo et al. 2018).

Axes: B batch, T time, F features, c window.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

__all__ = ["intrinsic", "reached"]


def reached(goals: Tensor, features: Tensor, window: int) -> Tensor:
    """Return cos(f_{t+c} - f_t, g_t) [B,T] of goals [B,T,F] and the features of the first 0 to T tokens [B,T+1,F].

    Near the end the horizon is what is left: f_T in place of f_{t+c}. Where nothing moved the cosine is 0.

    >>> features = torch.tensor([[[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]]])
    >>> goals = torch.tensor([[[3.0, 0.0], [0.0, 1.0]]])
    >>> reached(goals, features, window=2).tolist(), reached(-goals, features, window=1).tolist()
    ([[1.0, 0.0]], [[-1.0, 0.0]])
    """
    length = goals.shape[1]
    ahead = torch.arange(window, length + window, device=goals.device).clamp(max=length)
    return cosine_similarity(features[:, ahead] - features[:, :-1], goals, dim=-1)


def intrinsic(goals: Tensor, features: Tensor, window: int) -> Tensor:
    """Return the Worker's reward of each token [B,T], each by its own row and place.

    With n tokens read after the choice, r = (1/c) sum_{i=1..c} cos(f_n - f_{n-i}, g_{n-i}), the mean over the goals
    that there are where these are fewer than c.

    >>> features = torch.tensor([[[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]]])
    >>> goals = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    >>> [round(r, 4) for r in intrinsic(goals, features, window=2)[0].tolist()]
    [1.0, 0.8536]
    """
    total = goals.new_zeros(goals.shape[:2])
    for back in range(1, min(window, goals.shape[1]) + 1):
        there = goals[:, : goals.shape[1] + 1 - back]
        moved = features[:, back:] - features[:, : features.shape[1] - back]
        total[:, back - 1 :] += cosine_similarity(moved, there, dim=-1)
    count = torch.arange(1, goals.shape[1] + 1, device=goals.device).clamp(max=window)
    return total / count
