"""The game of a language model as discriminator (DP-GAN, Xu, Ren, Lin & Sun, EMNLP 2018), with a bound.

Axes: B batch, T time.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from tokengan.discriminators.base import Judged
from tokengan.losses.base import AdversarialLoss, output_of

__all__ = ["Surprise"]


class Surprise(AdversarialLoss):
    """D minimises E_fake s + repulsion E_real max(0, margin - (s - mean s_fake)), G minimises -E_fake s.

    s(x) = -(1/T) sum_t log D(x_t | x_<t) is the sentence reward, in nats. The paper minimises E_fake s - E_real s,
    which has no lower bound: D gains for ever by holding real words impossible. Here a real sentence that is `margin`
    nats more surprising than generated ones are on average teaches D nothing more, so the loss is never below 0. Up to
    there, repulsion 1 is the paper's loss (`wasserstein` is that without a bound). With repulsion 0, D is a language
    model of past fakes, as in the released code, whose negative weights were rounded to 0.

    Both surprises are logged, `nll_real` and `nll_fake`.

    >>> from tokengan.sequences import Sequences
    >>> x = Sequences(torch.zeros(2, 1, dtype=torch.long), torch.ones(2, 1, dtype=torch.bool))
    >>> real, fake = (Judged({"logp": torch.tensor([[-2.0], [last]])}, x) for last in (-9.0, -2.0))
    >>> Surprise(repulsion=0.5, margin=1.0).discriminator(real, fake)[0].item(), Surprise().generator(fake)[0].item()
    (2.25, -2.0)
    """

    needs: ClassVar[frozenset[str]] = frozenset({"logp"})

    def __init__(self, repulsion: float = 1.0, margin: float = 1.0) -> None:
        """Keep the settings.

        Args:
            repulsion: Weight of real text, of which D is to expect less; 0 shows D none.
            margin: Nats per token by which real text is to be more surprising than generated text.
        """
        super().__init__()
        if repulsion < 0:
            raise ValueError(f"repulsion must be at least 0, not {repulsion}: below, D would be taught real text")
        self.repulsion, self.margin = repulsion, margin

    def discriminator(self, real: Judged, fake: Judged) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss and both surprises."""
        reals, fakes = surprise(real), surprise(fake).mean()
        lacking = (self.margin - (reals - fakes.detach())).relu().mean()
        return fakes + self.repulsion * lacking, {"nll_real": reals.detach().mean(), "nll_fake": fakes.detach()}

    def generator(self, fake: Judged, real: Judged | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        """Return -E s(fake), and E s(fake) to log."""
        del real
        loss = -surprise(fake).mean()
        return loss, {"nll_fake": -loss.detach()}


def surprise(judged: Judged) -> Tensor:
    """Return the mean of -log D over the real tokens of each sequence [B]; padding counts for nothing."""
    logp, mask = output_of(judged, "logp"), judged.x.mask
    return -torch.where(mask, logp, logp.new_zeros(())).sum(1) / mask.sum(1).clamp(min=1)
