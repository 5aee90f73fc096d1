"""The original game (Goodfellow et al. 2014), the discriminator's side of which is two-class cross-entropy."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import softplus

from tokengan.discriminators.base import Judged
from tokengan.losses.base import AdversarialLoss

__all__ = ["Minimax"]


class Minimax(AdversarialLoss):
    """D minimises -(E_real log D + E_fake log(1 - D)) / 2; G minimises E_fake log(1 - D).

    The half makes D's loss the mean cross-entropy over a batch of both kinds, log 2 for an undecided D.

    >>> from tokengan.sequences import Sequences
    >>> x = Sequences(torch.zeros(3, 1, dtype=torch.long), torch.ones(3, 1, dtype=torch.bool))
    >>> undecided = Judged({"logits": torch.zeros(3)}, x)
    >>> round(Minimax().discriminator(undecided, undecided)[0].item(), 4)
    0.6931
    """

    def discriminator(self, real: Judged, fake: Judged) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the mean cross-entropy and the accuracy on this batch."""
        loss = (softplus(-real.logits).mean() + softplus(fake.logits).mean()) / 2
        hits = torch.cat([real.logits > 0, fake.logits < 0]).float()
        return loss, {"train_accuracy": hits.mean()}

    def generator(self, fake: Judged, real: Judged | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        """Return E log(1 - D(fake))."""
        del real
        return -softplus(fake.logits).mean(), {"D_fake": fake.logits.detach().sigmoid().mean()}
