"""A whole evaluation of a method: the quick one during training, and the report at the end of a run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn

from tokengan.data.builtin import TARGET
from tokengan.errors import UserError
from tokengan.generators.base import Autoregressive
from tokengan.generators.posterior import Inferring
from tokengan.methods.base import Method, generator_state
from tokengan.metrics.base import Figure, Given, Metric, missing
from tokengan.metrics.bleu import Bleu, SelfBleu
from tokengan.metrics.condition import ConditionUse, TextConditionUse
from tokengan.metrics.diversity import Distinct, Entropy, TopSentenceShare, UniqueShare
from tokengan.metrics.evaluate import evaluate
from tokengan.metrics.judge import HeldOutAccuracy
from tokengan.metrics.labels import LabelAccuracy, LabelDiversity, classifier_of, labels_of
from tokengan.metrics.latent import Codes
from tokengan.metrics.law import NLLDiv, NLLOracle, NLLTest, Spread
from tokengan.metrics.matched import Point, Setting, match, measure
from tokengan.metrics.novelty import CopyShare, Novelty
from tokengan.metrics.table import table, to_json
from tokengan.metrics.translation import Paired, Translation
from tokengan.modes import evaluating
from tokengan.noise import Noise, seeded
from tokengan.sampling.write import write
from tokengan.sequences import Sequences
from tokengan.tasks.base import Task
from tokengan.training.health import D_ACCURACY, LATENT_MONITORS, accuracy_verdict, diagnose

__all__ = ["Evaluator", "FinalReport", "final_report"]

QUICK: tuple[Metric, ...] = (
    *(NLLTest(), NLLOracle(), NLLDiv(), ConditionUse(), Codes(), UniqueShare(), TopSentenceShare(), HeldOutAccuracy()),
    LabelAccuracy(each=False),
)
LAWS: tuple[Metric, ...] = (NLLOracle(), NLLTest(), NLLDiv(), ConditionUse(), Codes(), HeldOutAccuracy())
FULL: tuple[Metric, ...] = (
    *LAWS,
    *(TextConditionUse(), Translation(), Bleu(), SelfBleu(), Distinct(), Entropy()),
    *(UniqueShare(), TopSentenceShare(), Novelty(), CopyShare(), LabelAccuracy(), LabelDiversity()),
)
ORACLE_TEXT = (Distinct(), UniqueShare(), TopSentenceShare())


def _given(method: Method, split: Literal["valid", "test"], rows: int, seed: int) -> Given:
    """Return what the metrics read: fresh samples, the held-out split, the laws, and the critic once it was trained."""
    task, device = method.task, method.device
    heldout: Sequences = getattr(task, split).select(slice(0, rows)).to(device)
    # Under the conditions of held-out rows, so that what is compared was written for the same labels and sources.
    condition = heldout.cycle(rows).condition
    written = write(method.writer, rows, Noise(seeded("evaluate", seed, device)), condition=condition)
    extra: dict[str, Any] = {"written": written, "heldout": heldout, "oracle": _oracle(method)}
    if TARGET in heldout.columns:  # rows that were written for: each has a reference of its own
        own = heldout.cycle(rows)
        extra["pairs"] = Paired(task, written, own, own.columns[TARGET])
    if isinstance(method.writer, Autoregressive):
        extra["law"] = method.writer
    if heldout.condition:
        extra["condition"] = tuple(heldout.condition)
    if isinstance(method.writer, Inferring):
        extra["inference"] = method.writer
    loss = getattr(method, "loss", None)
    if method.critic is not None and (loss is None or "score" in loss.gives):
        extra |= {"critic": method.critic, "threshold": 0.0 if loss is None else loss.threshold}
    both = {"samples": written, "reference": heldout}
    if task.labels and "label" in method.writer.needs:
        extra |= {"labels": {name: labels_of(task, x.condition) for name, x in both.items()}}
        extra |= {"classifier": classifier_of(task)}
    texts = {name: _cut(task, x) for name, x in both.items()}
    splits = {"heldout": split, "reference": split}
    return Given(texts["samples"], texts["reference"], extra=extra, splits=splits, tokens=task.tokens)


def _cut(task: Task, x: Sequences) -> list[list[str]]:
    return [task.cut(text) for text in task.decode(x)]


def _oracle(method: Method) -> Autoregressive | None:
    oracle = method.task.oracle
    return None if oracle is None else oracle.to(method.device)


@dataclass(frozen=True)
class Evaluator:
    """The evaluation during training, on the split that checkpoints are chosen by.

    Args:
        samples: Samples written and held-out sequences read, each time.
        seed: Seed of the samples: the same uniforms every time, so that figures differ by the model alone.
    """

    samples: int = 1000
    seed: int = 0

    def __call__(self, method: Method) -> dict[str, Figure]:
        """Return the figures by name."""
        given = _given(method, "valid", self.samples, self.seed)
        able = [metric for metric in QUICK if missing(metric, given) is None]
        figures = [figure for metric in able for figure in metric.compute(given)]
        figures += [figure for name, law in method.laws.items() for figure in NLLTest(law, name).compute(given)]
        figures += method.task.figures(method.task.decode(given.extra["written"]), "valid", "quick")
        return {figure.name: figure for figure in figures}


NEAR = 0.8  # temperatures of the start model, and their inverse, between which a comparison with it means something


@dataclass(frozen=True)
class FinalReport:
    """What a run came to.

    Args:
        figures: Every figure that means something for the task.
        model: The generator at temperature 1, for the comparison at equal entropy.
        start: The start model at the temperature of equal NLL-div, or None.
        why: Why there is no comparison, or an empty text.
        texts: Some samples.
    """

    figures: list[Figure]
    model: Point | None = None
    start: Point | None = None
    why: str = ""
    texts: list[str] = field(default_factory=list)

    def differences(self) -> dict[str, Spread]:
        """Return model minus start model at equal entropy, by figure."""
        if self.model is None or self.start is None:
            return {}
        return {name: value for name, value in self.model.minus(self.start).items() if name != "NLL-div"}

    def sentence(self) -> str:
        """Return in words where the model lies against its start model's temperature curve."""
        differences = self.differences()
        name = next(name for name in ("NLL-oracle", "NLL-test") if name in differences)
        found = differences[name]
        if abs(found.mean) <= 2 * found.error:
            return (
                f"On the temperature curve: the difference in {name} is within its error. "
                "What training did, a lower or higher temperature does too."
            )
        side, by = ("Better", "lower") if found.mean < 0 else ("Worse", "higher")
        said = f"{side} than the temperature curve: {name} is {abs(found.mean):.3f} nats {by} at equal entropy."
        assert self.start is not None  # else there are no differences
        temperature = self.start.temperature
        if NEAR <= temperature <= 1 / NEAR:
            return said
        # A model that repeats a few sequences is peaked there alone, one at a low temperature everywhere.
        return (
            f"{said} But the start model has this entropy only at temperature {temperature:.2f}: so far from it the "
            "difference says little. Look at NLL-div and the samples first."
        )

    def to_json(self) -> dict[str, Any]:
        """Return everything for `json.dumps`."""
        report: dict[str, Any] = {"figures": to_json(self.figures)}
        if self.model is None or self.start is None:
            return report | {"entropy_matched": None, "why": self.why}
        matched: dict[str, Any] = {"temperature": self.start.temperature, "in_words": self.sentence()}
        for name, difference in self.differences().items():
            error = difference.error if math.isfinite(difference.error) else None
            values = {"model": self.model[name], "start": self.start[name], "difference": difference.mean}
            matched[name] = values | {"standard_error": error}
        return report | {"entropy_matched": matched}

    def text(self) -> str:
        """Return the report for a person."""
        lines = [table(self.figures), ""]
        accuracy = next((f.value for f in self.figures if f.name == D_ACCURACY), None)
        if accuracy is not None:
            lines += [
                "Discriminator on held-out reals and fresh samples: "
                f"accuracy {accuracy:.3f} ({accuracy_verdict(accuracy)}).",
                "",
            ]
        record = {"figures": {figure.name: figure.value for figure in self.figures}}
        for finding in diagnose([record], None, LATENT_MONITORS):
            lines += [f"{finding.text[0].upper()}{finding.text[1:]}", ""]
        if self.model is None or self.start is None:
            return "\n".join([*lines, f"No comparison at equal entropy: {self.why}."])
        lines += [
            f"Against its own start model at equal entropy (NLL-div {self.model['NLL-div']:.3f}; the start model "
            f"reaches it at temperature {self.start.temperature:.3f}):",
            f"{'figure':<14}{'model':>10}{'start':>10}{'difference':>12}",
        ]
        for name, difference in self.differences().items():
            error = f"  +-{difference.error:.3f}" if math.isfinite(difference.error) else ""
            lines.append(
                f"{name:<14}{self.model[name]:>10.3f}{self.start[name]:>10.3f}{difference.mean:>+12.3f}{error}"
            )
        return "\n".join([*lines, self.sentence()])


def final_report(
    method: Method,
    start_state: Mapping[str, Tensor] | None = None,
    split: Literal["valid", "test"] = "test",
    samples: int = 10_000,
    matched_samples: int = 3000,
    seed: int = 1,
    slow: bool = False,
) -> FinalReport:
    """Return the report of a method as it stands.

    Args:
        method: The method; nothing of it is changed.
        start_state: The method's `state_dict` at the start of the game, to compare with at equal entropy.
        split: Held-out split that is read.
        samples: Most samples written and held-out sequences read (fewer where the split has fewer).
        matched_samples: Samples of each point of the comparison.
        seed: Seed of the samples.
        slow: Whether to compute the task's figures that may take long (`Task.figures`).
    """
    with evaluating(method), torch.no_grad():
        rows = min(samples, len(getattr(method.task, split)))
        given = _given(method, split, rows, seed)
        if _oracle(method) is None:
            given = given.replace(train=_cut(method.task, method.task.train))
        wanted = FULL if _oracle(method) is None else (*LAWS, *ORACLE_TEXT)
        figures = evaluate(given, [metric for metric in wanted if missing(metric, given) is None])
        texts = method.task.decode(given.extra["written"])
        figures += method.task.figures(texts, split, "slow" if slow else "usual")
        texts = texts[:20]
        if start_state is None:
            return FinalReport(figures, why="this run has no start model to compare with", texts=texts)
        law = given.extra.get("law")
        if law is None or law.density != "exact":
            return FinalReport(figures, why="the generator has no exact likelihood", texts=texts)
        setting = Setting(
            given.extra["heldout"].select(slice(0, matched_samples)),
            _oracle(method),
            min(matched_samples, rows),
            seed,
            None if _oracle(method) is not None else _bleu_of(method, given),
        )
        model, begun = measure(law, setting), _start_model(method, start_state)
        try:
            start = match(begun, model["NLL-div"], setting)
        except UserError as error:  # no temperature of the start model has this entropy
            return FinalReport(figures, why=str(error), texts=texts)
        return FinalReport(figures, model, start, texts=texts)


def _start_model(method: Method, state: Mapping[str, Tensor]) -> Autoregressive:
    # With what it reads while it writes, as that was then: copied together, the copies belong together.
    names = (*method.borrowed, "generator")
    start = deepcopy(nn.ModuleDict({name: getattr(method, name) for name in names}))
    for name in names:
        start[name].load_state_dict(generator_state(state, name))
    generator = start["generator"]
    assert isinstance(generator, Autoregressive)
    return generator.eval()


def _bleu_of(method: Method, given: Given) -> Any:
    """Return a function from samples to the quality and diversity figures that real text is compared by."""

    def quality(written: Sequences) -> dict[str, float]:
        texts = given.replace(samples=_cut(method.task, written))
        both = [*Bleu().compute(texts), *SelfBleu().compute(texts)]
        return {figure.name: figure.value for figure in both if figure.name.endswith(("-4", "-5"))}

    return quality
