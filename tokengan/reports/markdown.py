"""A report as Markdown: the same words and tables, and the numbers of each picture in its place.

Samples are anybody's text: they stand in fences longer than any run of backticks in them, and in cells every character
that Markdown or HTML would read is escaped.
"""

from __future__ import annotations

import re

from tokengan.reports.blocks import Block, Listing, Report, Samples, Shown, Table, Words
from tokengan.reports.page import SIGNS

__all__ = ["markdown"]

SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#&~!])")


def markdown(report: Report) -> str:
    r"""Return the text.

    >>> print(markdown(Report.of("a_b", "One row.", [("Part", [Table(("x", "y"), (("1|2", "3"),))])])), end="")
    # a\_b
    <BLANKLINE>
    One row.
    <BLANKLINE>
    ## Part
    <BLANKLINE>
    | x | y |
    |---|---|
    | 1\|2 | 3 |
    """
    parts = [f"# {plain(report.title)}", plain(report.lead)]
    for section in report.sections:
        parts.append(f"## {plain(section.title)}")
        parts += map(_block, section.blocks)
    return "\n\n".join(part for part in parts if part) + "\n"


def plain(text: str) -> str:
    r"""Return text that Markdown reads as it is, on one line.

    >>> plain("<b>\n*x*")
    '\\<b\\> \\*x\\*'
    """
    return SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _block(block: Block) -> str:
    if isinstance(block, Words):
        sign = f"**{SIGNS[block.tone]}** " if block.tone in SIGNS else ""
        return sign + plain(block.text)
    if isinstance(block, Table):
        return _table(block)
    if isinstance(block, Shown):
        note = f"\n\n{plain(block.chart.note)}" if block.chart.note else ""
        return f"### {plain(block.chart.title)}{note}\n\n{_table(Table(block.table.columns, block.table.rows))}"
    return _samples(block) if isinstance(block, Samples) else _listing(block)


def _table(table: Table) -> str:
    head = f"**{plain(table.caption)}**\n\n" if table.caption else ""
    lines = [_line(table.columns), "|" + "---|" * len(table.columns), *map(_line, table.rows)]
    return head + "\n".join(lines)


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(map(plain, cells))} |"


def _listing(listing: Listing) -> str:
    head = f"{plain(listing.caption)}:\n\n" if listing.caption else ""
    return head + _fenced(listing.text)


def _samples(samples: Samples) -> str:
    columns = []
    for name, texts in samples.columns:
        lines = []
        for sample in texts:
            lines.append(" ".join(sample.text.split()))
            lines += [f"    {sample.overlap:.2f} {' '.join(sample.nearest.split())}"] if sample.nearest else []
        columns.append(f"### {plain(name)}\n\n{_fenced(chr(10).join(lines))}")
    return "\n\n".join(columns)


def _fenced(text: str) -> str:
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"
