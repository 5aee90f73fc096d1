"""The least-squares game (Mao, Li, Xie, Lau, Wang & Smolley, ICCV 2017, equation 2).

Axes: B batch.
"""

from __future__ import annotations

from torch import Tensor

from tokengan.discriminators.base import Judged
from tokengan.losses.base import AdversarialLoss, verdict

__all__ = ["LeastSquares"]


class LeastSquares(AdversarialLoss):
    """D minimises (E_real (d - b)^2 + E_fake (d - a)^2) / 2; G minimises E_fake (d - c)^2 / 2. d is the bare logit.

    The optimum is d = (b p + a q)/(p + q). a, b, c = 0, 1, 1 as in the paper's experiments; -1, 1, 0 makes G minimise
    the Pearson divergence of p + q and 2 q (equation 8).

    >>> import torch
    >>> from tokengan.sequences import Sequences
    >>> x = Sequences(torch.zeros(2, 1, dtype=torch.long), torch.ones(2, 1, dtype=torch.bool))
    >>> real, fake = Judged({"logits": torch.tensor([1.0, 3.0])}, x), Judged({"logits": torch.tensor([0.0, 2.0])}, x)
    >>> LeastSquares().discriminator(real, fake)[0].item(), LeastSquares().generator(fake)[0].item()
    (2.0, 0.5)
    """

    def __init__(self, a: float = 0.0, b: float = 1.0, c: float = 1.0) -> None:
        """Keep the targets.

        Args:
            a: D's target for generated sequences.
            b: D's target for real ones, above `a`.
            c: The value that G wants D to give its sequences.
        """
        super().__init__()
        if not a < min(b, c):
            raise ValueError(f"a, the target of generated sequences, must lie below b and c: {a}, {b}, {c}")
        self.a, self.b, self.c = a, b, c
        self.threshold = (a + b) / 2

    def discriminator(self, real: Judged, fake: Judged) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the squared error and the accuracy of calling real what lies nearer to b than to a."""
        loss = ((real.opinions - self.b).square().mean() + (fake.opinions - self.a).square().mean()) / 2
        return loss, verdict(real.opinions, fake.opinions, (self.a + self.b) / 2)

    def generator(self, fake: Judged, real: Judged | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        """Return E (d(fake) - c)^2 / 2."""
        del real
        return (fake.opinions - self.c).square().mean() / 2, {"score_fake": fake.opinions.detach().mean()}
