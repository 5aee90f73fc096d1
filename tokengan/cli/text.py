"""What `train` tells before and after: the data, the plan, samples, and what to type next."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import torch

from tokengan.data.render import render_report
from tokengan.generators.base import Autoregressive
from tokengan.generators.source import SOURCE
from tokengan.metrics import comparable, table
from tokengan.metrics.table import aligned
from tokengan.reports.statistics import interval
from tokengan.reports.summary import split_real
from tokengan.training.forecast import forecast_of, in_words

if TYPE_CHECKING:
    from torch import nn

    from tokengan.api import Session, TrainedRun
    from tokengan.metrics import Figure
    from tokengan.metrics.evaluator import FinalReport
    from tokengan.reports.comparison import Comparison
    from tokengan.tasks.base import Task

__all__ = ["comparison_text", "data_text", "ending", "next_commands", "plan_text", "report_text"]

BLANK = "\n\n"
PATIENCE = 1.0  # seconds that a phase is tried for


def data_text(task: Task) -> str:
    """Return the data report as a table; a task whose report has no splits as lines."""
    if "splits" in task.report:
        return render_report(task.report)
    return "".join(f"{name}: {_plain(value)}\n" for name, value in task.report.items())


def _plain(value: Any) -> str:
    return (
        ", ".join(f"{name} {number:,}" for name, number in value.items()) if isinstance(value, Mapping) else str(value)
    )


def plan_text(session: Session) -> str:
    """Return what is going to be trained, for how long, and where to."""
    method = session.method
    parts = {"generator": method.generator, "discriminator": method.discriminator}
    config = session.config
    preset = f", preset {config.preset}" if config.preset else ""
    lines = [f"{config.method} on {session.task.name}{preset}, seed {config.seed}, into {session.out}"]
    lines += [
        f"  {name}: {type(net).__name__}, {_count(net):,} parameters" for name, net in parts.items() if net is not None
    ]
    with torch.random.fork_rng():
        forecast = forecast_of(session.build(), PATIENCE)
    for place, phase in enumerate(method.phases()):
        if phase.iterations:
            stops = f", at most, until {phase.watch} has not fallen {phase.patience} times" if phase.patience else ""
            seconds, whole = forecast.round_takes(place)
            took = f"{'about' if whole else 'more than'} {in_words(seconds * phase.iterations)}"
            lines.append(f"  {phase.name}: {phase.iterations} rounds{stops}, {took}")
    return "\n".join(lines)


def _count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)


def report_text(report: FinalReport, control: FinalReport | None = None) -> str:
    """Return a final report for a person: a row for each figure, real text and the control run beside the model."""
    columns = {"model": _model(report.figures), "real text": _real_text(report.figures)}
    columns = {name: figures for name, figures in columns.items() if figures}
    if control is not None:
        # The control's discriminator was never trained.
        columns["constant reward"] = {
            n: figure for n, figure in _model(control.figures).items() if not n.startswith("D ")
        }
    blocks = [beside(columns), report.text().removeprefix(table(report.figures)).strip()]
    if control is not None:
        rest = control.text().removeprefix(table(control.figures)).strip()
        blocks.append(f"The same of the constant-reward control:\n{rest.rpartition(BLANK)[2]}")
    return BLANK.join(blocks)


def _model(figures: Sequence[Figure]) -> dict[str, Figure]:
    return {figure.name: figure for figure in split_real(figures)[0]}


def _real_text(figures: Sequence[Figure]) -> dict[str, Figure]:
    """Return what real text scores in the model's place, by the model's names."""
    return {figure.name: figure for figure in split_real(figures)[1]}


def beside(columns: Mapping[str, Mapping[str, Figure]]) -> str:
    """Return figures by name, a column for each of several texts; what was not computed in the same way is left out.

    >>> from tokengan.metrics import Figure
    >>> a, b = (Figure("BLEU-2", value, "higher", "test", "BLEU-2|refs=9") for value in (0.5, 0.6))
    >>> print(beside({"model": {"BLEU-2": a}, "real text": {"BLEU-2": b}}))
    figure  model   real text  better  split  how
    BLEU-2  0.5000  0.6000     higher  test   [1]
    <BLANKLINE>
    [1] refs=9
    """
    first, *_ = columns.values()
    ways: dict[str, int] = {}
    rows = [("figure", *columns, "better", "split", "how")]
    for name, figure in first.items():
        others = [figures.get(name) for figures in columns.values()]
        values = [_value(o.value) if o is not None and comparable(figure, o) else "" for o in others]
        # Where there is no number it stands in its place why.
        why = figure.signature.partition("|")[2] if math.isfinite(figure.value) else figure.note
        way = ways.setdefault(why, len(ways) + 1)
        better = "" if figure.direction == "none" else figure.direction
        rows.append((name, *values, better, figure.split, f"[{way}]"))
    return "\n".join([aligned(rows), "", *(f"[{number}] {way}" for way, number in ways.items())])


SHOWN = ("NLL-oracle", "NLL-test", "NLL-div", "BLEU-4", "Self-BLEU-4", "reverse LM score", "FED", "unique share")


def comparison_text(found: Comparison, out: Path) -> str:
    """Return a comparison for a person: figures at temperature 1, sentences, what failed, and where the rest is."""
    real = {figure.name: figure.value for figure in found.real}
    seen = {figure.name for _, cell in found.cells() for point in cell.points for figure in point.figures}
    names = [name for name in SHOWN if name in seen]
    lines = [("at temperature 1", *names, "core minutes")]
    for row in found.rows:
        values = [[point.value(name) for cell in row.done if (point := cell.at(1.0))] for name in names]
        lines.append((row.name, *map(_mean, values), _mean([cell.minutes for cell in row.done], 1)))
    if real:
        lines.append(("real text", *(_mean([real.get(name)]) for name in names), ""))
    several = any(len(row.done) > 1 for row in found.rows)
    blocks = [aligned(lines) + ("\n± is half of the 95% interval over seeds" if several else "")]
    for row in found.rows:
        blocks += [f"{row.name}: {held.sentence}" for held in row.matched if held.figure in ("NLL-oracle", "NLL-test")]
    failed = [f"{row.name}, seed {cell.seed}: {cell.status}" for row, cell in found.cells() if cell.status != "done"]
    more = f"Everything, with samples and every temperature: {out / 'report.html'} (also .md, .csv)"
    return BLANK.join([blocks[0], "\n".join(blocks[1:]), *(["\n".join(failed)] if failed else []), more])


def _mean(values: Sequence[float | None], digits: int = 3) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return "-"
    low, high = interval(known) or (known[0], known[0])
    spread = f" ±{(high - low) / 2:.{digits}f}" if high > low else ""
    return f"{fmean(known):.{digits}f}{spread}"


def _value(value: float) -> str:
    return f"{value:.4f}" if math.isfinite(value) else "-"


def ending(run: TrainedRun, samples: int = 5) -> str:
    """Return the figures, some texts, and what to type next."""
    texts = "\n".join(f"  {text}" for text in run.samples(samples))
    said = run.result.text if run.config.trainer.quiet else ""  # else the trainer has said so
    parts = (_report(run), f"{samples} samples:\n{texts}", run.profile, said, next_commands(run))
    return BLANK.join(part for part in parts if part)


def _report(run: TrainedRun) -> str:
    return "" if run.report is None else report_text(run.report, run.control)


def next_commands(run: TrainedRun) -> str:
    """Return the commands that go on from here."""
    where = shlex.quote(str(run.path))
    writer = run.method.writer
    # Whole sequences have no law that a temperature could sharpen.
    asked = "-n 100 --temperature 0.8" if isinstance(writer, Autoregressive) else "-n 100"
    asked = "--source FILE --beams 5" if SOURCE in writer.needs else asked
    lines = [
        f"tokengan generate {where} {asked}",
        f"tokengan evaluate {where}",
    ]
    if run.result.status != "done":
        lines.insert(0, f"tokengan resume {where}")
    if run.method.critic is not None:
        lines.append(f"tokengan score {where} FILE")
    return "Next:\n" + "\n".join(f"  {line}" for line in lines)
