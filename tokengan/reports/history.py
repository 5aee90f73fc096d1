"""Charts of training: the figures that were watched, the phases, and what the discriminator knew of held-out text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tokengan.reports.blocks import Block, Shown, Table, Words, number
from tokengan.reports.chart import Chart, Dot, Phase, Series, Zone
from tokengan.reports.comparison import Cell, Comparison, Row
from tokengan.training.health import D_ACCURACY, accuracy_verdict
from tokengan.training.health import number as plain

__all__ = ["health", "training"]

WATCHED = ("NLL-oracle", "NLL-valid", "NLL-test", "NLL-div")  # in nats per token, all of them: one axis
TRAINED = "discriminator/train_accuracy"
ZONES = (
    Zone(0.0, 0.5, "memorisation", "bad"),
    Zone(0.5, 0.55, "no signal", "even"),
    Zone(0.55, 0.99, "signal", "good"),
    Zone(0.99, 1.01, "saturated", "bad"),
)
ABOUT = (
    "Figures on the split that checkpoints are chosen by, at every evaluation; one line a seed. NLL-div that falls "
    "while NLL-valid rises is sharpening."
)
HEALTH = (
    "Accuracy of the discriminator on real sequences that it was not trained on and on fresh samples. Under .5 it took "
    "what it memorised for real, under .55 a constant reward would do as well, from .99 on its reward is flat. Its "
    "accuracy in training says nothing of that."
)
Record = Mapping[str, Any]


def training(found: Comparison) -> list[Block]:
    """Return a chart for every row that was evaluated more than once, its phases marked."""
    shown = [one for row in found.rows if (one := _watched(row)) is not None]
    return [Words(ABOUT), *shown] if shown else []


def health(found: Comparison) -> list[Block]:
    """Return a chart for every row with a discriminator, and what its monitors said last, in words."""
    blocks: list[Block] = []
    for row in found.rows:
        shown = _judged(row)
        if shown is not None:
            blocks += [shown, *_said(row)]
        else:
            blocks += [Words(text, "note") for text in _findings(row)]
    return [Words(HEALTH), *blocks] if any(isinstance(block, Shown) for block in blocks) else blocks


def _lines(cell: Cell, name: str, group: str = "figures") -> list[tuple[float, float, str]]:
    """Return step, value and phase of a figure of a cell, where it has one."""
    found = []
    for record in cell.curve:
        value = plain(record.get(group, {}).get(name))
        if value is not None:
            found.append((float(record["step"]), value, str(record.get("phase", ""))))
    return found


def _series(row: Row, name: str, style: int, label: str, group: str = "figures", broken: bool = False) -> list[Series]:
    each = []
    for cell in row.cells:
        lines = _lines(cell, name, group)
        dots = tuple(Dot(x, y, f"seed {cell.seed}, step {x:g}: {label} {number(y)}") for x, y, _ in lines)
        if dots:
            first = label if not each else ""
            each.append(Series(f"{label}, seed {cell.seed}", dots, style, plain=True, broken=broken, label=first))
    return each


def _phases(row: Row) -> tuple[Phase, ...]:
    """Return the phases of the first seed that has any; another one may have stopped earlier in one."""
    curve: Sequence[Record] = next((cell.curve for cell in row.cells if cell.curve), ())
    begun: list[tuple[float, str]] = []
    before = 0.0
    for record in curve:
        if not begun or begun[-1][1] != record.get("phase", ""):
            begun.append((before, str(record.get("phase", ""))))
        before = float(record["step"])
    ends = [*(begin for begin, _ in begun[1:]), before]
    return tuple(Phase(begin, end, name) for (begin, name), end in zip(begun, ends, strict=True))


def _watched(row: Row) -> Shown | None:
    names = [name for name in WATCHED if any(len(_lines(cell, name)) > 1 for cell in row.cells)]
    series = [s for k, name in enumerate(names) for s in _series(row, name, k + 1, name, broken=name == "NLL-div")]
    if not series:
        return None
    chart = Chart(row.name, "evaluation step", "nats per token", tuple(series), phases=_phases(row))
    rows = []
    for cell in row.cells:
        for record in cell.curve:
            figures = record.get("figures", {})
            values = [number(plain(figures.get(name))) for name in names]
            rows.append((str(cell.seed), f"{record['step']:g}", str(record.get("phase", "")), *values))
    return Shown(chart, Table(("seed", "step", "phase", *names), tuple(rows), "The numbers"))


def _judged(row: Row) -> Shown | None:
    held = _series(row, D_ACCURACY, 1, "held-out")
    if not held:
        return None
    trained = _series(row, TRAINED, 2, "in training", "training", broken=True)
    # The zones stand in the margin: what the two lines are is said below.
    series = tuple(Series(s.name, s.dots, s.style, s.hollow, s.plain, s.broken) for s in (*held, *trained))
    note = "Full line: held-out accuracy. Broken line: accuracy on what it is trained on."
    lowest = min(0.4, *(dot.y for one in series for dot in one.dots))
    chart = Chart(row.name, "evaluation step", "accuracy", series, (), ZONES, _phases(row), (lowest, 1.01), note)
    rows = [
        (str(cell.seed), f"{step:g}", phase, number(value), accuracy_verdict(value))
        for cell in row.cells
        for step, value, phase in _lines(cell, D_ACCURACY)
    ]
    return Shown(chart, Table(("seed", "step", "phase", D_ACCURACY, "verdict"), tuple(rows), "The numbers"))


def _said(row: Row) -> list[Block]:
    lasts = [(cell.seed, _lines(cell, D_ACCURACY)[-1][1]) for cell in row.cells if _lines(cell, D_ACCURACY)]
    each = ", ".join(f"{value:.3f} (seed {seed}: {accuracy_verdict(value)})" for seed, value in lasts)
    return [Words(f"{row.name}, at the end: {each}."), *(Words(text, "note") for text in _findings(row))]


def _findings(row: Row) -> list[str]:
    """Return what the monitors said at the last evaluation of each seed."""
    if row.role == "control":  # that its reward says nothing is what it is for
        return []
    each = [(cell.seed, text) for cell in row.cells if cell.curve for text in cell.curve[-1].get("health", ())]
    return [f"{row.name}, seed {seed}: {text}" for seed, text in each]
