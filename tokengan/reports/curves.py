"""Charts of quality against diversity: every row at every temperature, over the likelihood model's band."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tokengan.reports.blocks import Block, Shown, Table, Words, number
from tokengan.reports.chart import Area, Chart, Dot, Mark, Marks, Series
from tokengan.reports.colours import BASE, METHODS, REAL
from tokengan.reports.comparison import Comparison, Row
from tokengan.reports.summary import Summary, figure_names, real_of, signature_of, summary, temperatures

__all__ = ["curves", "marks", "styles"]

# Diversity, then quality. Each pair whose figures are there is drawn.
PAIRS = (
    ("NLL-div", "NLL-oracle"),
    ("NLL-div", "NLL-test"),
    ("Self-BLEU-4", "BLEU-4"),
    ("Self-BLEU-4", "reverse LM score"),
    ("Self-BLEU-4", "FED"),
)
MEANING = {
    "NLL-div": "NLL-div: more is more varied",
    "Self-BLEU-4": "Self-BLEU-4: less is more varied",
}
ABOUT = (
    "Each line is one row at several temperatures; the large shape is temperature 1, the law that was learnt, and its "
    "cross the 95% interval over seeds. The grey band is the likelihood model: what is inside it, a temperature does "
    "too. A row is better only where it lies on the better side of that band."
)


@dataclass(frozen=True)
class _Point:
    temperature: float
    x: Summary
    y: Summary


def styles(found: Comparison) -> dict[str, int]:
    """Return the number of each row's colour and shape; a control has those of the row that it is a control of."""
    given: dict[str, int] = {}
    last, used = BASE, 0
    for row in found.rows:
        if row.role == "base":
            given[row.name] = BASE
            continue
        if row.role != "control":
            last, used = METHODS[used % len(METHODS)], used + 1
        given[row.name] = last
    return given


def curves(found: Comparison) -> list[Block]:
    """Return the charts of all pairs of figures that some row has at two temperatures."""
    known = set(figure_names(found))
    drawn = [_chart(found, x, y) for x, y in PAIRS if {x, y} <= known]
    shown: list[Block] = [one for one in drawn if one is not None]
    return [Words(ABOUT), *shown] if shown else []


def marks(found: Comparison) -> Shown | None:
    """Return a picture of one row's figures against the marks of real text; None where there are several rows."""
    if len(found.rows) != 1:
        return None
    all_of = [(name, summary(found.rows[0], name)) for name in figure_names(found)]
    kept: list[Mark] = []
    for name, one in all_of:
        if one is None or not math.isfinite(one.mean):
            continue
        real = real_of(found, name, one.figure.signature)
        beside = None if real is None or not math.isfinite(real.value) else real.value
        kept.append(Mark(name, one.mean, beside, one.figure.direction))
    if not any(mark.real is not None for mark in kept):
        return None
    rows = tuple((m.name, number(m.value), number(m.real), m.direction.replace("none", "")) for m in kept)
    table = Table(("figure", "samples", "real text", "better"), rows, "The numbers")
    return Shown(Marks("Each figure against what real text has", tuple(kept)), table)


def _points(found: Comparison, row: Row, x: str, y: str) -> list[_Point]:
    """Return what is drawn of a row: where both figures were computed as in the other rows."""
    points = []
    for temperature in temperatures(row):
        one, other = summary(row, x, temperature), summary(row, y, temperature)
        if one is None or other is None or not one.values or not other.values:
            continue
        alike = all(s.figure.signature == signature_of(found, name, temperature) for s, name in ((one, x), (other, y)))
        if alike:
            points.append(_Point(temperature, one, other))
    return points


def _chart(found: Comparison, x: str, y: str) -> Shown | None:
    style = styles(found)
    each = {row.name: _points(found, row, x, y) for row in found.rows}
    if max(map(len, each.values())) < 2:
        return None
    series = [_series(row, each[row.name], style[row.name]) for row in found.rows if each[row.name]]
    base = found.base
    band = () if base is None else _band(base.name, each[base.name])
    better = next(point.y.figure.direction for points in each.values() for point in points)
    real = [real_of(found, name, signature_of(found, name)) for name in (x, y)]
    if all(one is not None and math.isfinite(one.value) for one in real):
        at = [one.value for one in real if one is not None]
        dot = Dot(at[0], at[1], f"real text: {x} {number(at[0])}, {y} {number(at[1])}", main=True)
        series.append(Series("real text", (dot,), REAL, hollow=True, label="real text"))
    out = [row.name for row in found.rows if row.done and not each[row.name]]
    note = f"Not drawn, for want of figures computed in the same way: {', '.join(out)}." if out else ""
    chart = Chart(f"{y} against {x}", MEANING.get(x, x), f"{y}, {better} is better", tuple(series), band, note=note)
    return Shown(chart, _numbers(found, each, x, y))


def _series(row: Row, points: list[_Point], style: int) -> Series:
    dots = []
    for point in points:
        main = point.temperature == 1.0
        title = f"{row.name}, temperature {point.temperature:g}: {point.x.figure.name} {point.x.told()}, "
        title += f"{point.y.figure.name} {point.y.told()}"
        ends = (point.x.ends, point.y.ends) if main else (None, None)
        dots.append(Dot(point.x.mean, point.y.mean, title, *ends, main=main))
    return Series(row.name, tuple(dots), style, hollow=row.role == "control", label=row.name)


def _band(name: str, points: list[_Point]) -> tuple[Area, ...]:
    """Return the band of the base's curve: the interval over seeds at each of its temperatures."""
    ends = [(point.x.mean, point.y.ends) for point in points]
    lower = tuple((x, e[0]) for x, e in ends if e is not None)
    upper = tuple((x, e[1]) for x, e in ends if e is not None)
    return (Area(lower, upper, f"95% interval of {name} over seeds"),) if len(lower) > 1 else ()


def _numbers(found: Comparison, each: dict[str, list[_Point]], x: str, y: str) -> Table:
    rows = [
        (row.name, f"{point.temperature:g}", point.x.told(), point.y.told(), str(len(point.y.values)))
        for row in found.rows
        for point in each[row.name]
    ]
    return Table(("row", "temperature", x, y, "seeds"), tuple(rows), "The numbers")
