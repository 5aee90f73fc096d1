"""The original game with the generator's loss that does not saturate (Goodfellow et al. 2014, section 3).

Axes: B batch.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import softplus

from tokengan.discriminators.base import Judged
from tokengan.losses.minimax import Minimax

__all__ = ["NonSaturating"]


class NonSaturating(Minimax):
    """D plays as in `Minimax`; G minimises -E_fake log D, whose slope is largest where D is sure of a fake.

    >>> import torch
    >>> from tokengan.sequences import Sequences
    >>> x = Sequences(torch.zeros(1, 1, dtype=torch.long), torch.ones(1, 1, dtype=torch.bool))
    >>> seen_through = Judged({"logits": torch.tensor([-9.0])}, x)
    >>> round(NonSaturating().generator(seen_through)[0].item(), 4)
    9.0001
    """

    def generator(self, fake: Judged, real: Judged | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        """Return -E log D(fake)."""
        _, metrics = super().generator(fake, real)
        return softplus(-fake.opinions).mean(), metrics
