"""The likelihood family: NLL-oracle, NLL-test, NLL-div, in nats per real token at temperature 1 with dropout off.

Of a law that is known by a bound only (a latent code is integrated over), every figure is the upper bound on -log p
that `Generator.bound` gives, of at most 1,000 sequences; its signature says so, and no exact one is compared with it.

Axes: B batch, T time, V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from tokengan.generators.base import Autoregressive
from tokengan.metrics.base import Figure, Given, Metric
from tokengan.modes import evaluating
from tokengan.noise import Noise, seeded
from tokengan.sequences import Sequences

__all__ = ["NLLDiv", "NLLOracle", "NLLTest", "Spread", "cross_entropy", "per_sequence"]

ROWS = 128  # rows scored together: their logits stay small
BOUND_ROWS, BOUND_SAMPLES = 1000, 10  # of a bound: each draw of a code costs a whole pass


@dataclass(frozen=True)
class Spread:
    """A mean over sequences, weighted by their tokens, and its standard error."""

    mean: float
    error: float

    @classmethod
    def of(cls, sums: Tensor, counts: Tensor) -> Spread:
        """Return the mean per token of sums per sequence [B], and the standard error of that ratio.

        >>> Spread.of(torch.tensor([2.0, 4.0]), torch.tensor([1, 1])).mean
        3.0
        """
        sums, counts = sums.double(), counts.double()
        mean = (sums.sum() / counts.sum()).item()
        deviation = (sums - mean * counts).std().item() if len(sums) > 1 else math.nan
        return cls(mean, deviation / (counts.mean().item() * math.sqrt(len(sums))))


def per_sequence(score: Callable[[Sequences], Tensor], x: Sequences, rows: int = ROWS) -> Tensor:
    """Return the sum over real tokens of a score [B,T], for each sequence [B]."""
    return torch.cat([torch.where(part.mask, score(part), 0.0).sum(1) for part in x.split(rows)])


@torch.no_grad()
def cross_entropy(law: Autoregressive, x: Sequences, temperature: float = 1.0) -> Spread:
    """Return -log p(x) per token under a law, sharpened or flattened by a temperature where one is given.

    Of a law with a bound only: the bound, of the first 1,000 rows.
    """
    if law.density != "bound":
        return Spread.of(per_sequence(lambda part: -law.score(part, temperature)["logp"], x), x.lengths)
    x, noise = x.select(slice(0, BOUND_ROWS)), Noise(seeded("bound", 0, x.tokens.device))
    return Spread.of(-torch.cat([law.bound(y, noise, BOUND_SAMPLES, temperature) for y in x.split(ROWS)]), x.lengths)


class _Likelihood(Metric):
    """What the three share."""

    bounds = (0.0, math.inf)

    def scored(self, name: str, law: Autoregressive, x: Sequences, given: Given, about: str) -> list[Figure]:
        """Return the one figure of this metric."""
        if law.density == "none":
            return [self.figure(name, math.nan, given, about, note="not defined: the generator has no likelihood")]
        spread = cross_entropy(law, x)
        error = f"+-{spread.error:.4f}"
        if law.density == "exact":
            return [self.figure(name, spread.mean, given, f"n={len(x)}", about, note=error)]
        how = (f"n={min(len(x), BOUND_ROWS)}", about, f"upper bound, {BOUND_SAMPLES} importance-weighted draws")
        return [self.figure(name, spread.mean, given, *how, note=f"{error}, upper bound")]


class NLLOracle(_Likelihood):
    """-E_{y~G} log p_oracle(y): quality only. Below the oracle's own entropy it proves lost diversity, not success."""

    name = "nll-oracle"
    needs = frozenset({"oracle", "written"})
    direction = "lower"
    split = "samples"

    def compute(self, given: Given) -> list[Figure]:
        """Return NLL-oracle."""
        return self.scored("NLL-oracle", given.extra["oracle"], given.extra["written"], given, "nats per token")


class NLLTest(_Likelihood):
    """-E_{x~held-out data} log p_G(x): coverage. Called NLL-valid on the split that checkpoints are chosen by.

    Given another law and its name (a judge), it is that law's.
    """

    name = "nll-test"
    needs = frozenset({"law", "heldout"})
    direction = "lower"
    split = "heldout"

    def __init__(self, law: Autoregressive | None = None, of: str = "") -> None:
        self.law, self.of = law, of

    def compute(self, given: Given) -> list[Figure]:
        """Return NLL-test or NLL-valid."""
        name = f"NLL-{given.split_of('heldout')}" + (f" ({self.of})" if self.of else "")
        law = given.extra["law"] if self.law is None else self.law
        with evaluating(law):
            return self.scored(name, law, given.extra["heldout"], given, "nats per token, EOS counted")


class NLLDiv(_Likelihood):
    """-E_{y~G} log p_G(y): the generator's own entropy. Low is collapsed or merely confident: neither way is better."""

    name = "nll-div"
    needs = frozenset({"law", "written"})
    direction = "none"
    split = "samples"

    def compute(self, given: Given) -> list[Figure]:
        """Return NLL-div."""
        return self.scored("NLL-div", given.extra["law"], given.extra["written"], given, "nats per token")
