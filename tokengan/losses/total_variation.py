"""RelGAN's smooth total variation game (Nie, Narodytska & Patel, ICLR 2019: "tv" of the authors' code).

Axes: B batch, S views of a sequence, where the discriminator has several.
"""

from __future__ import annotations

from torch import Tensor

from tokengan.discriminators.base import Judged
from tokengan.losses.base import AdversarialLoss, verdict

__all__ = ["TotalVariation"]


class TotalVariation(AdversarialLoss):
    """D minimises E_fake tanh d - E_real tanh d; G minimises -E_fake tanh d.

    Half the best D's loss, with the sign turned, is the total variation distance: its d goes to infinity where p > q
    and to minus infinity elsewhere, so that the slopes of both players vanish as it gets there.

    >>> import torch
    >>> from tokengan.sequences import Sequences
    >>> x = Sequences(torch.zeros(1, 1, dtype=torch.long), torch.ones(1, 1, dtype=torch.bool))
    >>> real, fake = Judged({"logits": torch.tensor([9.0])}, x), Judged({"logits": torch.tensor([-9.0])}, x)
    >>> round(TotalVariation().discriminator(real, fake)[0].item(), 4)
    -2.0
    """

    threshold = 0.0

    def discriminator(self, real: Judged, fake: Judged) -> tuple[Tensor, dict[str, Tensor]]:
        """Return E tanh d(fake) - E tanh d(real) and the accuracy on this batch."""
        loss = fake.opinions.tanh().mean() - real.opinions.tanh().mean()
        return loss, verdict(real.opinions, fake.opinions)

    def generator(self, fake: Judged, real: Judged | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        """Return -E tanh d(fake)."""
        del real
        loss = -fake.opinions.tanh().mean()
        return loss, {"score_fake": fake.opinions.detach().mean()}
