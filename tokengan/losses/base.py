"""What every adversarial loss is: two players' losses from the judgements of real and generated sequences."""

from __future__ import annotations

from torch import Tensor, nn

from tokengan.discriminators.base import Judged

__all__ = ["AdversarialLoss"]


class AdversarialLoss(nn.Module):
    """The game that discriminator and generator play. Both losses are minimised."""

    def discriminator(self, real: Judged, fake: Judged) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the discriminator's loss and what to log."""
        raise NotImplementedError

    def generator(self, fake: Judged, real: Judged | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss of a generator whose samples carry a gradient, and what to log."""
        raise NotImplementedError
