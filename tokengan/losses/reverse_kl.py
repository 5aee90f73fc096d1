"""The generator's loss of GSGAN (Kusner & Hernandez-Lobato 2016, section 3): a divergence read off the discriminator.

Axes: B batch.
"""

from __future__ import annotations

from torch import Tensor

from tokengan.discriminators.base import Judged
from tokengan.losses.minimax import Minimax

__all__ = ["ReverseKL"]


class ReverseKL(Minimax):
    """D as in `Minimax`; G minimises -E_fake log D/(1 - D), the mean of its logit with the sign turned.

    For the optimal D = p/(p+q) that is E_q log q/p = KL(q || p).

    >>> import torch
    >>> from tokengan.sequences import Sequences
    >>> x = Sequences(torch.zeros(2, 1, dtype=torch.long), torch.ones(2, 1, dtype=torch.bool))
    >>> ReverseKL().generator(Judged({"logits": torch.tensor([1.0, -3.0])}, x))[0]
    tensor(1.)
    """

    def generator(self, fake: Judged, real: Judged | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        """Return -E log D/(1 - D) at generated sequences."""
        del real
        return -fake.opinions.mean(), {"D_fake": fake.opinions.detach().sigmoid().mean()}
