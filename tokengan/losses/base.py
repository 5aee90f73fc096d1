"""What every adversarial loss is: two players' losses from the judgements of real and generated sequences."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from tokengan.discriminators.base import Judged

__all__ = ["AdversarialLoss", "output_of", "reals_of", "verdict"]

Played = tuple[Tensor, dict[str, Tensor]]


def verdict(real: Tensor, fake: Tensor, threshold: float | Tensor = 0.0) -> dict[str, Tensor]:
    """Return, as `train_accuracy`, the share of scores on the right side of a threshold, over both kinds together.

    >>> verdict(torch.tensor([2.0, -1.0]), torch.tensor([-1.0, -3.0]))
    {'train_accuracy': tensor(0.7500)}
    """
    hits = torch.cat([(real > threshold).flatten(), (fake < threshold).flatten()])
    return {"train_accuracy": hits.float().mean()}


def output_of(judged: Judged, name: str) -> Tensor:
    """Return a named output of the discriminator. Raises ValueError, saying what there is, where it is missing."""
    if name not in judged.outputs:
        there = ", ".join(judged.outputs)
        raise ValueError(
            f"the loss reads '{name}' of the discriminator, which gives {there}: choose another of the two"
        )
    return judged.outputs[name]


def reals_of(real: Judged | None) -> Judged:
    """Return the judged real sequences. Raises ValueError where the generator's loss was called without them."""
    if real is None:
        raise ValueError("this generator's loss compares with real sequences: call generator(fake, real)")
    return real


class AdversarialLoss(nn.Module):
    """The game that discriminator and generator play. Both losses are minimised.

    Attributes:
        needs: Which outputs of a discriminator it reads (of `Discriminator.gives`).
        gives: What the discriminator's judgement means after this game: `log_odds`, its logit estimates
            log p_real/p_fake; `score`, a higher logit is more real, on any scale; `ranks`, its features are compared by
            cosine; `classes`, its class logits tell the real classes from each other and from fakes.
        threshold: The logit above which the discriminator says "real", None where it gives no such verdict.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"logits"})
    threshold: float | None = None
    gives: ClassVar[frozenset[str]] = frozenset({"score"})

    def discriminator(self, real: Judged, fake: Judged) -> Played:
        """Return the discriminator's loss and what to log."""
        raise NotImplementedError

    def generator(self, fake: Judged, real: Judged | None = None) -> Played:
        """Return the loss of a generator whose samples carry a gradient, and what to log."""
        raise NotImplementedError
