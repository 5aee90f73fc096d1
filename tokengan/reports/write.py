"""A comparison to files: a page, the same as Markdown, and its numbers as CSV."""

from __future__ import annotations

from pathlib import Path

from tokengan.data.messages import place
from tokengan.data.write import atomic_write
from tokengan.errors import UserError
from tokengan.reports.comparison import Comparison
from tokengan.reports.curves import marks
from tokengan.reports.markdown import markdown
from tokengan.reports.outline import outline
from tokengan.reports.page import page
from tokengan.reports.sheet import sheet
from tokengan.reports.svg import alone

__all__ = ["write_plot", "write_report"]


def write_report(found: Comparison, out: Path) -> list[Path]:
    """Write FILE.html, FILE.md and FILE.csv, and return them.

    Args:
        found: The comparison.
        out: FILE.html. Raises UserError for another ending.
    """
    if out.suffix.lower() not in (".html", ".htm"):
        raise UserError(f"{place(out)} has to end in .html: the Markdown and the CSV get their names from it")
    report = outline(found)
    files = {out: page(report), out.with_suffix(".md"): markdown(report), out.with_suffix(".csv"): sheet(found)}
    for path, text in files.items():
        atomic_write(path, text.encode("utf-8", "replace"))
    return list(files)


def write_plot(found: Comparison, out: Path) -> None:
    """Write a picture of each figure against the mark of real text. Raises UserError where there is no such mark."""
    if out.suffix.lower() != ".svg":
        raise UserError(f"{place(out)} has to end in .svg: that is what is drawn")
    shown = marks(found)
    if shown is None:
        raise UserError("there is no real text to set the figures against: give --reference FILE, and --train FILE")
    atomic_write(out, alone(shown.chart))
