"""What keeps a critic Lipschitz: a term in its loss, or something done to its weights after each step.

Axes: B batch, T time, E embedding.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tokengan.discriminators.base import Discriminator
from tokengan.sequences import Sequences

__all__ = ["Clip", "Constraint", "Unconstrained"]


class Constraint(nn.Module):
    """Bounds how fast a critic's score may change with its input. Subclasses give `penalty`, `after` or both."""

    def penalty(
        self, discriminator: Discriminator, real: Sequences, fake: Sequences, uniforms: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return what is added to the critic's loss, and what to log; 0 and nothing by default.

        Args:
            discriminator: The critic.
            real: Real sequences.
            fake: Generated ones, of the same number and length or others. No gradient reaches them.
            uniforms: One number in [0, 1) a row [B]. They are drawn by the caller, so that runs repeat themselves.
        """
        del real, fake, uniforms
        return next(discriminator.parameters()).new_zeros(()), {}

    def after(self, discriminator: Discriminator) -> None:
        """Change the critic's weights after its step; nothing by default."""
        del discriminator


class Unconstrained(Constraint):
    """No constraint.

    >>> from tokengan.discriminators.cnn import HighwayCNN
    >>> from tokengan.spec import Spec
    >>> x = Sequences(torch.zeros(2, 4, dtype=torch.long), torch.ones(2, 4, dtype=torch.bool))
    >>> Unconstrained().penalty(HighwayCNN(Spec(vocab_size=5, max_length=4)), x, x, torch.rand(2))
    (tensor(0.), {})
    """


class Clip(Constraint):
    """Clips every weight to [-limit, limit] after each step, the embeddings too (Arjovsky et al. 2017, algorithm 1).

    Kept for reference: it drives weights to the two bounds and makes simple critics (Gulrajani et al. 2017, section 3).

    >>> from tokengan.discriminators.cnn import HighwayCNN
    >>> from tokengan.spec import Spec
    >>> critic = HighwayCNN(Spec(vocab_size=5, max_length=4))
    >>> Clip(0.01).after(critic)
    >>> max(round(parameter.abs().max().item(), 4) for parameter in critic.parameters())
    0.01
    """

    def __init__(self, limit: float = 0.01) -> None:
        """Keep the limit.

        Args:
            limit: Largest size of a weight.
        """
        super().__init__()
        if limit <= 0:
            raise ValueError(f"limit must be positive, not {limit}")
        self.limit = limit

    @torch.no_grad()
    def after(self, discriminator: Discriminator) -> None:
        """Clip the weights."""
        for parameter in discriminator.parameters():
            parameter.clamp_(-self.limit, self.limit)
