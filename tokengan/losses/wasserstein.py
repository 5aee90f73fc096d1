"""The Wasserstein game (Arjovsky, Chintala & Bottou, ICML 2017, equations 2 and 3).

Axes: B batch.
"""

from __future__ import annotations

from torch import Tensor

from tokengan.discriminators.base import Judged
from tokengan.losses.base import AdversarialLoss

__all__ = ["Wasserstein"]


class Wasserstein(AdversarialLoss):
    """The critic minimises E_fake f - E_real f; G minimises -E_fake f. No sigmoid anywhere.

    Over 1-Lipschitz critics the supremum of E_real f - E_fake f is the earth mover's distance. What keeps the critic
    Lipschitz is a `Constraint`; without one the loss has no minimum. The difference is signed: a critic that is wrong
    about who is real must turn round, not shrink.

    The estimate is logged as `wasserstein`; it is one only while the critic is near its optimum and its slope near 1
    (`input_gradient_norm`). A critic has no verdict: adding a constant to f changes nothing.

    >>> import torch
    >>> from tokengan.sequences import Sequences
    >>> x = Sequences(torch.zeros(2, 1, dtype=torch.long), torch.ones(2, 1, dtype=torch.bool))
    >>> real, fake = Judged({"logits": torch.tensor([3.0, 1.0])}, x), Judged({"logits": torch.tensor([0.0, -1.0])}, x)
    >>> Wasserstein().discriminator(real, fake)
    (tensor(-2.5000), {'wasserstein': tensor(2.5000)})
    """

    def discriminator(self, real: Judged, fake: Judged) -> tuple[Tensor, dict[str, Tensor]]:
        """Return E f(fake) - E f(real) and the estimate of the distance."""
        loss = fake.opinions.mean() - real.opinions.mean()
        return loss, {"wasserstein": -loss.detach()}

    def generator(self, fake: Judged, real: Judged | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        """Return -E f(fake)."""
        del real
        loss = -fake.opinions.mean()
        return loss, {"score_fake": -loss.detach()}
