"""The original game (Goodfellow et al. 2014), the discriminator's side of which is two-class cross-entropy.

Axes: B batch.
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor
from torch.nn.functional import softplus

from tokengan.discriminators.base import Judged
from tokengan.losses.base import AdversarialLoss, verdict

__all__ = ["Minimax"]


class Minimax(AdversarialLoss):
    """D minimises -(E_real log D + E_fake log(1 - D)) / 2; G minimises E_fake log(1 - D).

    The half makes D's loss the mean cross-entropy over a batch of both kinds, log 2 for an undecided D. Its optimum is
    D = p/(p + q), that is a logit of log p/q (Goodfellow et al. 2014, proposition 1).

    >>> import torch
    >>> from tokengan.sequences import Sequences
    >>> x = Sequences(torch.zeros(3, 1, dtype=torch.long), torch.ones(3, 1, dtype=torch.bool))
    >>> undecided = Judged({"logits": torch.zeros(3)}, x)
    >>> round(Minimax().discriminator(undecided, undecided)[0].item(), 4)
    0.6931
    """

    threshold = 0.0
    gives: ClassVar[frozenset[str]] = frozenset({"log_odds", "score"})

    def __init__(self, smoothing: float = 0.0) -> None:
        """Keep the smoothing.

        Args:
            smoothing: Real sequences get the target 1 - smoothing (one-sided, Salimans et al. 2016, section 3.4). D's
                optimum is then (1 - smoothing) p/(p + q): its logit stays below log (1 - smoothing)/smoothing.
        """
        super().__init__()
        if not 0 <= smoothing < 1:
            raise ValueError(f"smoothing must lie in [0, 1), not be {smoothing}")
        self.smoothing = smoothing

    def discriminator(self, real: Judged, fake: Judged) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the mean cross-entropy and the accuracy on this batch."""
        # Cross-entropy with the target 1 - s is softplus(-d) + s d.
        reals = softplus(-real.opinions) + self.smoothing * real.opinions
        loss = (reals.mean() + softplus(fake.opinions).mean()) / 2
        return loss, verdict(real.opinions, fake.opinions)

    def generator(self, fake: Judged, real: Judged | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        """Return E log(1 - D(fake))."""
        del real
        return -softplus(fake.opinions).mean(), {"D_fake": fake.opinions.detach().sigmoid().mean()}
