"""What a report is made of, before it is a page, Markdown or anything else: sections of a few kinds of blocks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tokengan.reports.chart import Chart, Marks
from tokengan.reports.comparison import Sample

__all__ = ["Block", "Listing", "Report", "Samples", "Section", "Shown", "Table", "Words", "number"]


@dataclass(frozen=True)
class Words:
    """A paragraph.

    Args:
        text: What it says.
        tone: `above`, `on`, `below`, `none` of a verdict, `note` for small print, or nothing.
    """

    text: str
    tone: str = ""


@dataclass(frozen=True)
class Table:
    """A table; its first column names the rows.

    Args:
        columns: The head.
        rows: Cells as they are read.
        caption: What it shows.
        folded: Whether a page shows its caption alone until it is asked for.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    folded: bool = False


@dataclass(frozen=True)
class Shown:
    """A picture and the numbers in it.

    Args:
        chart: The picture.
        table: Its numbers, for whoever does not see it.
    """

    chart: Chart | Marks
    table: Table


@dataclass(frozen=True)
class Samples:
    """Texts of several rows side by side: a name and its texts."""

    columns: tuple[tuple[str, tuple[Sample, ...]], ...]


@dataclass(frozen=True)
class Listing:
    """Lines as they are: a command, a log."""

    text: str
    caption: str = ""


Block = Words | Table | Shown | Samples | Listing


@dataclass(frozen=True)
class Section:
    """A part with a heading. One without blocks is left out."""

    title: str
    blocks: tuple[Block, ...]

    @property
    def anchor(self) -> str:
        """What a link to it says behind #.

        >>> Section("To have it again", ()).anchor
        'to-have-it-again'
        """
        return "-".join("".join(c if c.isalnum() else " " for c in self.title.lower()).split())


@dataclass(frozen=True)
class Report:
    """A title, a line under it, and sections."""

    title: str
    lead: str
    sections: tuple[Section, ...]

    @classmethod
    def of(cls, title: str, lead: str, sections: Iterable[tuple[str, Sequence[Block]]]) -> Report:
        """Return a report of the sections that have something to show."""
        return cls(title, lead, tuple(Section(name, tuple(blocks)) for name, blocks in sections if blocks))


def number(value: float | None) -> str:
    """Return a number as tables show it: about three digits behind the point, a dash for what is no number.

    >>> [number(x) for x in (0.123456, 3.0, 0.000123, 4261.0, -0.5, None, math.nan, math.inf)]
    ['0.123', '3.000', '1.23e-04', '4,261', '-0.500', '-', '-', '-']
    """
    if value is None or not math.isfinite(value):
        return "-"
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}"
    if 0 < size < 0.001:
        return f"{value:.2e}"
    return f"{value:.3f}" if size < 100 else f"{value:.1f}"
