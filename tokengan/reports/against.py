"""A row against the likelihood model's temperature curve, where both are equally varied.

A lower temperature buys quality with diversity, for nothing. So a row's figure is held against the one that the base
has, seed by seed, at the temperature where NLL-div (or Self-BLEU-4) is the row's own: between the measured points of
the base's curve a parabola through the nearest three is read; beyond its ends nothing is.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from tokengan.reports.comparison import Cell, Matched, Point, Row
from tokengan.reports.statistics import interval, paired_p

__all__ = ["COMPARED", "ON", "matched", "read_curve"]

ON = ("NLL-div", "Self-BLEU-4")  # measures of diversity whose sign the comparison can depend on: so both
COMPARED = ("NLL-oracle", "NLL-test", "BLEU-4", "reverse LM score", "FED")
NOISE = 0.01  # a difference of one seed that means nothing, of nats and of BLEU alike
LOSS = "It does not touch the likelihood curve: no temperature of the base is as varied, so nothing can be compared."


def read_curve(points: Sequence[tuple[float, float]], x: float) -> float | None:
    """Return y at x on a curve of measured points (x, y), None beyond its ends.

    A parabola through the nearest three points, a line through two.

    >>> squares = [(0.0, 0.0), (1.0, 1.0), (2.0, 4.0), (3.0, 9.0)]
    >>> read_curve(squares, 1.5), read_curve(squares[:2], 0.5), read_curve(squares, 3.5)
    (2.25, 0.5, None)
    """
    curve = sorted(dict(points).items())
    if len(curve) < 2 or not curve[0][0] <= x <= curve[-1][0]:
        return None
    near = sorted(curve, key=lambda point: abs(point[0] - x))[:3]
    total = 0.0
    for i, (one, y) in enumerate(near):
        weight = 1.0
        for j, (other, _) in enumerate(near):
            if i != j:
                weight *= (x - other) / (one - other)
        total += weight * y
    return total


def matched(row: Row, base: Row) -> tuple[Matched, ...]:
    """Return a row held against the base, for each figure and each measure of diversity that both have."""
    cells = {cell.seed: cell for cell in base.done}
    found = []
    for on in ON:
        for name in COMPARED:
            figures = [f for cell in row.done for p in cell.points[:1] for f in p.figures if f.name == name]
            if not figures:
                continue
            direction = figures[0].direction
            seeds = tuple(_difference(cell, cells.get(cell.seed), name, on) for cell in row.done)
            if any(seed is not None for seed in seeds) or name == COMPARED[1]:
                found.append(_judged(name, on, direction, seeds))
    return tuple(found)


def _own(cell: Cell) -> Point | None:
    """Return a cell at temperature 1: the law that was learnt."""
    return cell.at(1.0)


def _difference(cell: Cell, base: Cell | None, name: str, on: str) -> float | None:
    own = _own(cell)
    if own is None or base is None:
        return None
    x, y = own.value(on), own.value(name)
    curve = [(point.value(on), point.value(name)) for point in base.points]
    known = [(one, other) for one, other in curve if one is not None and other is not None]
    if x is None or y is None:
        return None
    there = read_curve(known, x)
    return None if there is None else y - there


def _judged(name: str, on: str, direction: str, seeds: tuple[float | None, ...]) -> Matched:
    known = [seed for seed in seeds if seed is not None]
    mean = fmean(known) if known else None
    ends = interval(known)
    low, high = ends or (None, None)
    p = paired_p(known)
    said = _sentence(name, on, direction, known, mean, low, high, p)
    return Matched(name, on, direction, seeds, mean, low, high, p, said)  # pyright: ignore[reportArgumentType]


def _sentence(
    name: str,
    on: str,
    direction: str,
    known: list[float],
    mean: float | None,
    low: float | None,
    high: float | None,
    p: float | None,
) -> str:
    """Return in words whether the row lies above, on or below the curve."""
    if mean is None:
        return LOSS
    if low is None or high is None:
        surely, about = abs(mean) > NOISE, "one seed: no interval, and a difference this small is noise"
        about = "one seed, so no interval" if surely else about
    else:
        surely = low > 0 or high < 0
        about = f"95% interval {low:+.3f} to {high:+.3f}, {len(known)} seeds, p {p:.2g}"
    if not surely:
        return f"On the curve: {name} differs by {mean:+.3f} at equal {on} ({about})."
    better = (mean > 0) == (direction == "higher")
    small = abs(mean) <= NOISE
    place = "Above" if better else "Below"
    rest = "; too small to matter" if small else ""
    return (
        f"{place} the curve: {name} is {abs(mean):.3f} {'better' if better else 'worse'} at equal {on} ({about}){rest}."
    )
