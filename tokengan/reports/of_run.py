"""One run folder as a comparison of one row, and of its constant-reward control where it has one."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokengan.data.messages import place
from tokengan.errors import UserError
from tokengan.figure import Figure
from tokengan.reports.comparison import Cell, Comparison, Matched, Point, Row, Sample
from tokengan.reports.summary import split_real
from tokengan.training.run import CONFIG, CONTROL, FINAL, Run

__all__ = ["of_run"]

SHOWN = 12
NOT_YET = "the run has no final report yet: the figures are those of its last evaluation, on the valid split"


def of_run(path: Path | str) -> Comparison:
    """Return what a run folder says of the run; only files are read, no network and no data.

    Raises UserError where the folder is no run, or was not evaluated yet.
    """
    import yaml

    run = Run(path)
    text = (run.path / CONFIG).read_text(encoding="utf-8")
    config: Mapping[str, Any] = yaml.safe_load(text)
    final = _json(run.path / FINAL) or {}
    report, control = final.get("report"), final.get("control")
    records = run.records()
    if report is None and not records:
        raise UserError(f"{place(run.path)} was not evaluated yet: go on with `tokengan resume {place(run.path)}`")
    method, seed = str(config.get("method", "")), int(config.get("seed") or 0)
    found, real = split_real(map(Figure.from_json, report["figures"] if report else records[-1]["figures"].values()))
    cell = Cell(seed, "done", points=(Point(1.0, tuple(found), _samples(run)),), curve=tuple(records))
    command = f"tokengan train --config {shlex.quote(str(run.path / CONFIG))}"
    rows = [Row(run.path.name, method, command, cells=(cell,), matched=_matched(report))]
    if control is not None:
        rows.append(_control(run.path / CONTROL, method, seed, control))
    data = _json(run.path / "data.json") or {}
    return Comparison(
        f"{method} on {data.get('source') or config.get('task') or 'the oracle'}",
        tuple(rows),
        tuple(real),
        data,
        {"seed": seed, **({} if report else {"note": NOT_YET})},
        {"trained with": text.partition(";")[0].lstrip("# ")} if text.startswith("#") else {},
        f"tokengan report {shlex.quote(str(run.path))}",
    )


def _control(path: Path, method: str, seed: int, report: Mapping[str, Any]) -> Row:
    there = (path / CONFIG).is_file()
    figures, _ = split_real(map(Figure.from_json, report["figures"]))
    curve = tuple(Run(path).records()) if there else ()
    samples = _samples(Run(path)) if there else ()
    cell = Cell(seed, "done", points=(Point(1.0, tuple(figures), samples),), curve=curve)
    return Row("constant reward", method, role="control", cells=(cell,), matched=_matched(report))


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
    except json.JSONDecodeError as error:
        raise UserError(f"{place(path)} is not whole ({error}): measure the run again, `tokengan evaluate`") from None


def _samples(run: Run) -> tuple[Sample, ...]:
    """Return the texts that were written last."""
    last = max((run.path / "samples").glob("*.txt"), default=None)
    texts = [] if last is None else last.read_text(encoding="utf-8").split("\n")[:SHOWN]
    return tuple(map(Sample, texts[: len(texts) - (texts[-1:] == [""])]))


def _matched(report: Mapping[str, Any] | None) -> tuple[Matched, ...]:
    """Return the run against its own start at equal entropy: the figure that the report's sentence speaks of."""
    held: Mapping[str, Any] | None = None if report is None else report.get("entropy_matched")
    if not held:
        return ()
    name = next((name for name in ("NLL-oracle", "NLL-test") if name in held), None)
    if name is None:
        return ()
    difference = held[name]["difference"]
    said = f"{held['in_words']} (Against the run's own start model at temperature {held['temperature']:.2f}.)"
    return (Matched(name, "NLL-div", "lower", (difference,), difference, sentence=said),)
