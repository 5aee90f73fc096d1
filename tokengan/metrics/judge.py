"""Does the discriminator know anything? Its accuracy on real sequences it never saw and on fresh samples.

Axes: B batch.
"""

from __future__ import annotations

import torch
from torch import Tensor

from tokengan.discriminators.base import Discriminator
from tokengan.metrics.base import Figure, Given, Metric
from tokengan.metrics.law import ROWS
from tokengan.sequences import Sequences

__all__ = ["HeldOutAccuracy", "logits_of", "verdict"]

NO_SIGNAL, MEMORISATION = 0.55, 0.5


@torch.no_grad()
def logits_of(critic: Discriminator, x: Sequences) -> Tensor:
    """Return the critic's logits [B], a few rows at a time."""
    return torch.cat([critic(part)["logits"].float() for part in x.split(4 * ROWS)])


def verdict(accuracy: float) -> str:
    """Return in words what a held-out accuracy means.

    >>> verdict(0.53), verdict(0.45), verdict(0.8)
    ('no signal', 'memorisation', 'signal')
    """
    if accuracy < MEMORISATION:
        return "memorisation"
    return "no signal" if accuracy < NO_SIGNAL else "signal"


class HeldOutAccuracy(Metric):
    """Share of held-out reals and fresh samples, half each, that the discriminator calls right; and its AUC.

    Under .55 its reward carries no signal, under .5 it has memorised its training reals. The accuracy on the batches it
    was trained with says neither.
    """

    name = "d-accuracy"
    needs = frozenset({"critic", "heldout", "written"})
    direction = "none"
    bounds = (0.0, 1.0)
    split = "heldout"

    def compute(self, given: Given) -> list[Figure]:
        """Return the accuracy and the AUC."""
        rows = min(len(given.extra["heldout"]), len(given.extra["written"]))
        critic, half = given.extra["critic"], slice(0, rows)
        real, fake = (logits_of(critic, given.extra[name].select(half)) for name in ("heldout", "written"))
        accuracy = ((real > 0).double().mean() + (fake < 0).double().mean()).item() / 2
        ranks = torch.cat([real, fake]).double().argsort().argsort()[:rows].double() + 1
        auc = (ranks.sum().item() - rows * (rows + 1) / 2) / rows**2
        size = f"n={rows}+{rows}"
        return [
            self.figure("D accuracy (held-out)", accuracy, given, size, note=verdict(accuracy)),
            self.figure("D AUC (held-out)", auc, given, size),
        ]
