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
from tokengan.training.health import D_ACCURACY, accuracy_verdict

__all__ = ["HeldOutAccuracy", "auc", "logits_of"]


@torch.no_grad()
def logits_of(critic: Discriminator, x: Sequences) -> Tensor:
    """Return the critic's logits [B], a few rows at a time."""
    return torch.cat([critic(part)["logits"].float() for part in x.split(4 * ROWS)])


def auc(real: Tensor, fake: Tensor) -> float:
    """Return the probability that a real one has the higher logit than a fake one, ties counted half.

    >>> auc(torch.tensor([1.0, 1.0]), torch.tensor([0.0, 1.0])), auc(torch.zeros(3), torch.zeros(2))
    (0.75, 0.5)
    """
    ordered = fake.double().sort().values
    below = torch.searchsorted(ordered, real.double(), right=False)
    up_to = torch.searchsorted(ordered, real.double(), right=True)
    return ((below + up_to).double().mean() / (2 * len(fake))).item()


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
        """Return the accuracy and the AUC; the AUC alone of a critic that gives no verdict."""
        rows = min(len(given.extra["heldout"]), len(given.extra["written"]))
        critic, half = given.extra["critic"], slice(0, rows)
        real, fake = (logits_of(critic, given.extra[name].select(half)) for name in ("heldout", "written"))
        size = f"n={rows}+{rows}"
        area = self.figure("D AUC (held-out)", auc(real, fake), given, size)
        threshold = given.extra.get("threshold", 0.0)
        if threshold is None:  # a critic, whose scores have no zero
            return [area]
        # A logit at the threshold says neither, and counts half.
        signs = [(scores - threshold).sign().double().mean() for scores in (real, fake)]
        accuracy = 0.5 + ((signs[0] - signs[1]) / 4).item()
        return [self.figure(D_ACCURACY, accuracy, given, size, note=accuracy_verdict(accuracy)), area]
