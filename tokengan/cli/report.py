"""`tokengan report WHAT`: a page, the same as Markdown, and the numbers as CSV."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tokengan.cli.arguments import Parser
from tokengan.errors import UserError

if TYPE_CHECKING:
    from tokengan.reports.comparison import Comparison

__all__ = ["run"]

ABOUT = """A report of a comparison or of one run: one page that needs no network, and the same as Markdown and CSV.

  tokengan report runs/compare-my            writes report.html, report.md and report.csv there
  tokengan report runs/compare-my --out my.html
  tokengan report runs/NAME                  one run: its curves, its discriminator, its figures, its samples
  tokengan report compare.json

A comparison that is not through yet is shown as far as it is. Of any other texts:
`tokengan evaluate SAMPLES --reference R --report my.html`."""


def run(words: list[str]) -> int:
    """Write a report."""
    parser = Parser("report", ABOUT)
    parser.add_argument(
        "what", metavar="FOLDER_OR_JSON", help="a comparison's folder, its compare.json, or a run folder"
    )
    parser.add_argument("--out", metavar="FILE.html", help="where to (default: report.html in the folder)")
    asked = parser.read(words)
    what = Path(asked.what)

    from tokengan.reports.write import write_report

    found = _read(what)
    out = Path(asked.out) if asked.out else (what if what.is_dir() else what.parent) / "report.html"
    for path in write_report(found, out):
        print(path)
    return 0


def _read(what: Path) -> Comparison:
    from tokengan.reports.comparison import Comparison

    if what.is_file():
        return Comparison.read(what)
    if not what.is_dir():
        raise UserError(f"{what} is not there: give a comparison's folder, its compare.json, or a run folder")

    from tokengan.api.compare import RESULT, collect
    from tokengan.api.plan import PLAN, Plan

    if (what / PLAN).is_file():  # read anew: cells may have ended since the result was written
        return collect(Plan.read(what), what)
    if (what / RESULT).is_file():
        return Comparison.read(what / RESULT)

    from tokengan.reports.of_run import of_run

    return of_run(what)
