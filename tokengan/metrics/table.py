"""Figures for people and for scripts: an aligned table with signatures under it, and a list for JSON."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from tokengan.metrics.base import Figure

__all__ = ["aligned", "table", "to_json"]


def to_json(figures: Iterable[Figure]) -> list[dict[str, Any]]:
    """Return figures as a list that `json.dumps` writes as valid JSON.

    >>> to_json([Figure("x", math.nan, "none", "test", "x|n=1", "no data")])[0]["value"] is None
    True
    """
    return [figure.to_json() for figure in figures]


def table(figures: Sequence[Figure]) -> str:
    """Return an aligned table, then each way of computing once, with the number that its rows carry.

    Rows with the same name (`(...)` apart) and the same number in the last column may be compared.

    >>> print(table([Figure("BLEU-2", 0.5, "higher", "test", "BLEU-2|refs=9"),
    ...              Figure("BLEU-3", math.nan, "higher", "test", "BLEU-3|refs=9", "no data")]))
    figure  value   better  split  how  note
    BLEU-2  0.5000  higher  test   [1]
    BLEU-3  -       higher  test   [1]  no data
    <BLANKLINE>
    [1] refs=9
    """
    ways: dict[str, int] = {}
    rows = [("figure", "value", "better", "split", "how", "note")]
    for figure in figures:
        way = figure.signature.partition("|")[2]
        number = ways.setdefault(way, len(ways) + 1)
        value = _number(figure.value)
        better = "" if figure.direction == "none" else figure.direction
        rows.append((figure.name, value, better, figure.split, f"[{number}]", figure.note))
    return "\n".join([aligned(rows), "", *(f"[{number}] {way}" for way, number in ways.items())])


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Return rows of cells as lines, each column as wide as its widest cell.

    >>> print(aligned([("a", "b"), ("long", "c")]))
    a     b
    long  c
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _number(value: float) -> str:
    """Return a value with four decimals, a small one with three digits, and a dash for what is no number."""
    if not math.isfinite(value):
        return "-"
    return f"{value:.4f}" if abs(value) >= 0.01 or value == 0 else f"{value:.2e}"
