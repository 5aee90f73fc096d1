"""Sharpening is not learning: a model against its own start model at the temperature of equal entropy.

A generator whose entropy falls scores better by every quality metric. So does the model it started from, sampled at a
lower temperature, for free. What is left when the two have the same NLL-div is what training gained.

Axes: B batch, T time, V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from tokengan.errors import UserError
from tokengan.generators.base import Autoregressive
from tokengan.metrics.law import Spread, cross_entropy
from tokengan.noise import Noise, seeded
from tokengan.sampling.decoding import Decoding
from tokengan.sampling.draw import rows_at_once
from tokengan.sampling.write import write
from tokengan.sequences import Sequences

__all__ = ["Point", "Setting", "match", "measure"]

WARMEST, COLDEST, STEPS, CLOSE = 2.0, 0.2, 12, 2e-3


@dataclass(frozen=True)
class Setting:
    """What every point is measured on: the same for all, so that differences are not noise.

    Args:
        heldout: Real sequences for NLL-test.
        oracle: The law of the data, or None.
        rows: Samples of each point.
        seed: Seed of their uniforms, the same for each point.
        quality: Further figures of samples, by name (BLEU-4 of the decoded text, say).
    """

    heldout: Sequences
    oracle: Autoregressive | None = None
    rows: int = 3000
    seed: int = 0
    quality: Callable[[Sequences], dict[str, float]] | None = None


@dataclass(frozen=True)
class Point:
    """A generator at a temperature: figures with their standard errors where there are some."""

    temperature: float
    figures: dict[str, Spread]

    def __getitem__(self, name: str) -> float:
        return self.figures[name].mean

    def minus(self, other: Point) -> dict[str, Spread]:
        """Return the differences of the figures that both have, the errors added as of independent samples."""
        return {
            name: Spread(mine.mean - other[name], math.hypot(mine.error, other.figures[name].error))
            for name, mine in self.figures.items()
            if name in other.figures
        }


@torch.no_grad()
def measure(law: Autoregressive, at: Setting, temperature: float = 1.0, *, all_figures: bool = True) -> Point:
    """Return the figures of a generator sampled at a temperature.

    NLL-div and NLL-oracle take the exact expectation over the next token at every visited state, which has the same
    mean as scoring the sampled tokens and a fraction of the noise.
    """
    noise = Noise(seeded("matched", at.seed, law.closed.device))
    condition = at.heldout.cycle(at.rows).condition
    written = write(law, at.rows, noise, Decoding(temperature=temperature), condition=condition)
    sums: dict[str, list[Tensor]] = {"NLL-div": []}
    if at.oracle is not None and all_figures:
        sums["NLL-oracle"] = []
    for part in written.split(rows_at_once(law.spec.vocab_size * written.length)):
        part = part.trim()
        logp = (law(part)["logits"].float() / temperature).log_softmax(-1)
        p = logp.exp()
        laws = {"NLL-div": logp}
        if "NLL-oracle" in sums:
            assert at.oracle is not None
            laws["NLL-oracle"] = at.oracle(part)["logits"].float().log_softmax(-1)
        for name, other in laws.items():
            expected = -torch.linalg.vecdot(p, other)
            sums[name].append(torch.where(part.mask, expected, 0.0).sum(1))
    figures = {name: Spread.of(torch.cat(parts), written.lengths) for name, parts in sums.items()}
    if law.density == "bound":  # its next-token laws are those under a code, and their entropy is not the law's
        figures["NLL-div"] = cross_entropy(law, written, temperature)
    if all_figures:
        figures["NLL-test"] = cross_entropy(law, at.heldout, temperature)
        extra = {} if at.quality is None else at.quality(written)
        figures |= {name: Spread(value, math.nan) for name, value in extra.items()}
    return Point(temperature, figures)


def match(start: Autoregressive, entropy: float, at: Setting) -> Point:
    """Return the start model at the temperature where its NLL-div is `entropy`.

    Found by interpolation between ever closer temperatures (NLL-div rises with the temperature). Raises UserError where
    no temperature from .2 to 2 reaches it.
    """
    low, high = (measure(start, at, t, all_figures=False) for t in (COLDEST, WARMEST))
    if not low["NLL-div"] <= entropy <= high["NLL-div"]:
        raise UserError(
            f"no temperature from {COLDEST} to {WARMEST} gives the start model an NLL-div of {entropy:.3f} (it goes "
            f"from {low['NLL-div']:.3f} to {high['NLL-div']:.3f}): the two cannot be compared at equal entropy"
        )
    near = measure(start, at, 1.0, all_figures=False)
    for _ in range(STEPS):
        if abs(near["NLL-div"] - entropy) < CLOSE:
            break
        low, high = (near, high) if near["NLL-div"] < entropy else (low, near)
        share = (entropy - low["NLL-div"]) / (high["NLL-div"] - low["NLL-div"])
        # A pure secant can creep along one side: stay off the ends.
        share = min(max(share, 0.05), 0.95)
        near = measure(start, at, low.temperature + share * (high.temperature - low.temperature), all_figures=False)
    return measure(start, at, near.temperature)
