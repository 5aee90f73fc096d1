"""A trained method at a temperature: the same figures, of the same number of samples from the same uniforms, for all.

Axes: B batch, T time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import torch

from tokengan.figure import Figure
from tokengan.generators.base import Autoregressive
from tokengan.methods.base import Method
from tokengan.metrics.base import Given, Metric, missing
from tokengan.metrics.bleu import Bleu, SelfBleu
from tokengan.metrics.diversity import Distinct, TopSentenceShare, UniqueShare
from tokengan.metrics.evaluate import real_text
from tokengan.metrics.features import Features, encoder
from tokengan.metrics.fed import FED
from tokengan.metrics.law import NLLDiv, NLLOracle, NLLTest
from tokengan.metrics.lm_score import LMScore
from tokengan.metrics.matched import Setting, measure
from tokengan.metrics.multisets import MSJaccard
from tokengan.metrics.novelty import CopyShare, Novelty
from tokengan.modes import evaluating
from tokengan.noise import Noise, seeded
from tokengan.reports.comparison import Point
from tokengan.reports.texts import rates, side_by_side
from tokengan.sampling.write import write
from tokengan.sequences import Sequences
from tokengan.tasks.base import Task

__all__ = ["Measure"]

VARIETY: tuple[Metric, ...] = (Distinct(), UniqueShare(), TopSentenceShare())
TEXT: tuple[Metric, ...] = (*(Bleu(), SelfBleu()), *VARIETY, *(Novelty(), CopyShare(), MSJaccard(), LMScore(), FED()))
LAWS: dict[str, Metric] = {"NLL-oracle": NLLOracle(), "NLL-test": NLLTest(), "NLL-div": NLLDiv()}
SHOWN = 12  # samples kept of a point


class Measure:
    """What every point of a comparison is measured on.

    Args:
        task: The data; held-out conditions are those that figures are written under.
        samples: Sequences written at each temperature, no more than there are held-out ones.
        seed: Seed of their uniforms.
    """

    def __init__(self, task: Task, samples: int = 1000, seed: int = 1) -> None:
        self.task, self.seed = task, seed
        self.rows = min(samples, len(task.test)) if task.oracle is None else samples
        self._features = Features(encoder("lsa"))

    @cached_property
    def _real(self) -> Given:
        """Held-out and training text; real lines stand where samples will."""
        reference = self._cut(self.task.test)
        extra = {"features": self._features}
        return Given(reference[: self.rows], reference, self._cut(self.task.train), extra, tokens=self.task.tokens)

    @cached_property
    def _trained(self) -> list[str]:
        return self.task.decode(self.task.train) if self.task.oracle is None else []

    def _cut(self, x: Sequences) -> list[list[str]]:
        return [self.task.cut(text) for text in self.task.decode(x)]

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """What is computed of the samples: those of text where the data are text."""
        return TEXT if self.task.oracle is None else VARIETY

    def real(self) -> tuple[Figure, ...]:
        """Return the ceilings and floors: the same figures of real text, named alike."""
        found: list[Figure] = []
        for metric in self.metrics if self.task.oracle is None else ():
            beside = real_text(metric, self._real)
            if beside is not None:
                label, given = beside
                found += [figure.replace(note=label) for figure in metric.compute(given)]
        return tuple(found)

    def can(self, method: Method, temperatures: Sequence[float]) -> list[float]:
        """Return the temperatures that a method's writer has: all of them if it draws tokens, else 1 alone."""
        return [t for t in temperatures if isinstance(method.writer, Autoregressive) or t == 1.0]

    @torch.no_grad()
    def __call__(self, method: Method, temperature: float = 1.0) -> Point:
        """Return a method's figures at a temperature. Nothing of the method is changed."""
        with evaluating(method):
            written, laws = self._written(method, temperature)
        texts = self.task.decode(written)
        given = self._real.replace(samples=[self.task.cut(text) for text in texts])
        figures = [self._law(name, spread, given, method) for name, spread in laws.items()]
        figures += [f for m in self.metrics if missing(m, given) is None for f in m.compute(given)]
        figures += self.task.figures(texts, "test", "usual")
        return Point(
            temperature,
            tuple(figures),
            side_by_side(texts[:SHOWN], self._trained, self.task.cut),
            rates(given.samples, given.reference or []),
        )

    def _written(self, method: Method, temperature: float) -> tuple[Sequences, dict[str, Any]]:
        """Return samples, and the figures of the law where there is one."""
        law, heldout = method.writer, self.task.test.to(method.device)
        oracle = None if self.task.oracle is None else self.task.oracle.to(method.device)
        if not isinstance(law, Autoregressive) or law.density == "none":
            condition = heldout.cycle(self.rows).condition
            return write(law, self.rows, Noise(seeded("matched", self.seed, method.device)), condition=condition), {}
        kept: list[Sequences] = []

        def keep(x: Sequences) -> dict[str, float]:
            kept.append(x)
            return {}

        setting = Setting(heldout.select(slice(0, self.rows)), oracle, self.rows, self.seed, keep)
        point = measure(law, setting, temperature)
        return kept[0], point.figures

    def _law(self, name: str, spread: Any, given: Given, method: Method) -> Figure:
        metric = LAWS[name]
        how = "upper bound" if getattr(method.writer, "density", "") == "bound" and name != "NLL-oracle" else "exact"
        about = f"n={self.rows}", "nats per token, EOS counted", how
        note = f"+-{spread.error:.4f}" if math.isfinite(spread.error) else ""
        return metric.figure(name, spread.mean, given, *about, note=note)
