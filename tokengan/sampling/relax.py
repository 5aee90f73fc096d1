"""Relaxed draws: a token that a gradient can pass through.

Axes: B rows, V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from tokengan.schedules import Schedule

__all__ = ["GumbelSoftmax", "Relaxed", "gumbel"]


def gumbel(uniforms: Tensor) -> Tensor:
    """Return standard Gumbel noise -log(-log u) from uniforms in [0, 1).

    >>> [round(g, 4) for g in gumbel(torch.tensor([0.1, 0.5, 0.9])).tolist()]
    [-0.834, 0.3665, 2.2504]
    """
    tiny = torch.finfo(uniforms.dtype).tiny
    return -(-uniforms.clamp(min=tiny).log()).log()


@dataclass(frozen=True)
class Relaxed:
    """One relaxed draw: the token [B], what the generator reads next, and what is shown to the judge [B,V]."""

    token: Tensor
    fed: Tensor
    shown: Tensor


@dataclass(frozen=True)
class GumbelSoftmax:
    """y = softmax(beta (o + g)) with Gumbel noise g (Jang et al. 2017; Maddison et al. 2017).

    The largest entry of o + g is an exact draw from softmax(o) whatever beta is; as beta grows y becomes its one-hot
    row. beta is the inverse of the papers' temperature tau, and annealed up where they anneal tau down.

    Args:
        sharpness: beta by round, 1/tau.
        feed: What the generator reads next: the `hard` token (as it will when it writes; no gradient through what it
            reads), the `soft` row, or `straight_through`, the hard row with the soft one's gradient.
        show: What the judge sees: the `soft` row, which differs from real text by its softness alone, or
            `straight_through`, a hard row with the soft one's gradient.

    >>> relax = GumbelSoftmax(Schedule(2.0))
    >>> logits, noise = torch.tensor([[0.0, 3.0]], requires_grad=True), torch.full((1, 2), 0.5)
    >>> drawn = relax.draw(logits, noise, iteration=0)
    >>> drawn.token.tolist(), [round(p, 3) for p in drawn.shown[0].tolist()]
    ([1], [0.002, 0.998])
    """

    sharpness: Schedule = field(default_factory=lambda: Schedule(1.0))
    feed: Literal["hard", "soft", "straight_through"] = "hard"
    show: Literal["soft", "straight_through"] = "soft"

    def draw(self, logits: Tensor, uniforms: Tensor, iteration: int) -> Relaxed:
        """Return a draw from logits [B,V] and uniforms [B,V]; gradients pass through `shown`, and `fed` where asked."""
        noisy = logits + gumbel(uniforms)
        token = noisy.detach().argmax(-1)
        soft = (self.sharpness.at(iteration) * noisy).softmax(-1)
        straight = soft
        if "straight_through" in (self.feed, self.show):  # four passes over [B,V]
            straight = functional.one_hot(token, logits.shape[-1]).to(soft.dtype) + soft - soft.detach()
        fed = {"hard": token, "soft": soft, "straight_through": straight}[self.feed]
        return Relaxed(token, fed, soft if self.show == "soft" else straight)
