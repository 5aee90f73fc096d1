"""The hinge game (Lim & Ye 2017, "Geometric GAN"; Tran, Ranganath & Blei 2017).

Axes: B batch.
"""

from __future__ import annotations

from torch import Tensor

from tokengan.discriminators.base import Judged
from tokengan.losses.base import AdversarialLoss, verdict

__all__ = ["Hinge"]


class Hinge(AdversarialLoss):
    """D minimises E_real max(0, 1 - d) + E_fake max(0, 1 + d); G minimises -E_fake d.

    A sequence scored beyond its margin teaches D nothing more. An undecided D has a loss of 2.

    >>> import torch
    >>> from tokengan.sequences import Sequences
    >>> x = Sequences(torch.zeros(2, 1, dtype=torch.long), torch.ones(2, 1, dtype=torch.bool))
    >>> real, fake = Judged({"logits": torch.tensor([3.0, 0.5])}, x), Judged({"logits": torch.tensor([-3.0, 0.5])}, x)
    >>> Hinge().discriminator(real, fake)[0].item(), Hinge().generator(fake)[0].item()
    (1.0, 1.25)
    """

    threshold = 0.0

    def discriminator(self, real: Judged, fake: Judged) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the sum of both hinges and the accuracy on this batch."""
        loss = (1 - real.opinions).relu().mean() + (1 + fake.opinions).relu().mean()
        return loss, verdict(real.opinions, fake.opinions)

    def generator(self, fake: Judged, real: Judged | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        """Return -E d(fake)."""
        del real
        loss = -fake.opinions.mean()
        return loss, {"score_fake": -loss.detach()}
