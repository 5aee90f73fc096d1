"""A comparison as CSV: one line a number, with all that says what it is, for a sheet or a script."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator

from tokengan.figure import Figure
from tokengan.reports.comparison import Comparison

__all__ = ["COLUMNS", "sheet"]

COLUMNS = (
    "kind", "row", "role", "method", "seed", "status", "minutes", "temperature", "figure", "value", "direction",
    "split", "signature", "note",
)  # fmt: skip


def sheet(found: Comparison) -> str:
    """Return the text of the file.

    `kind` is `figure` for what a cell was measured at, `real` for real text, `matched` for a row less the base at equal
    diversity (seed by seed, then the mean), and `cell` for one that has no figures. Numbers are whole, not rounded.

    >>> print(sheet(Comparison("nothing", ())), end="")
    kind,row,role,method,seed,status,minutes,temperature,figure,value,direction,split,signature,note
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for line in _lines(found):
        writer.writerow([_safe(line.get(column, "")) for column in COLUMNS])
    return out.getvalue()


def _lines(found: Comparison) -> Iterator[dict[str, str]]:
    for row, cell in found.cells():
        minutes = "" if cell.minutes is None else repr(cell.minutes)
        which = {"row": row.name, "role": row.role, "method": row.method, "seed": str(cell.seed), "minutes": minutes}
        which |= {"kind": "figure", "status": cell.status}
        if not cell.points:
            yield which | {"kind": "cell"}
        for point in cell.points:
            at = which | {"temperature": f"{point.temperature:g}"}
            yield from (at | _figure(figure) for figure in point.figures)
    for figure in found.real:
        yield {"kind": "real", "row": "real text"} | _figure(figure)
    for row in found.rows:
        for held in row.matched:
            about = {"kind": "matched", "row": row.name, "role": row.role, "method": row.method}
            about |= {"figure": f"{held.figure} at equal {held.on}", "direction": held.direction}
            for cell, value in zip(row.done, held.seeds, strict=False):
                yield about | {"seed": str(cell.seed), "value": _value(value)}
            yield about | {"seed": "mean", "value": _value(held.mean), "note": held.sentence}


def _figure(figure: Figure) -> dict[str, str]:
    return {
        "figure": figure.name,
        "value": _value(figure.value),
        "direction": figure.direction,
        "split": figure.split,
        "signature": figure.signature,
        "note": figure.note,
    }


def _value(value: float | None) -> str:
    return "" if value is None or not math.isfinite(value) else repr(value)


def _safe(text: str) -> str:
    """Return text that a sheet takes for text: a name that begins like a formula gets a quote before it."""
    formula = text[:1] in ("=", "+", "@", "\t", "\r") or (text[:1] == "-" and not _number(text))
    return f"'{text}" if formula else text


def _number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
