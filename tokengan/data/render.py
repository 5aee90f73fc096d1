"""The data report as a table for a person."""

from __future__ import annotations

from io import StringIO
from typing import Any

__all__ = ["render_report"]


def render_report(report: dict[str, Any], width: int = 100) -> str:
    """Return the report of `corpus_report` as plain text, a column for each split.

    >>> length = {"shortest": 2, "median": 5, "p95": 9, "p99": 9, "longest": 9, "mean": 5.1}
    >>> figures = dict(texts=10, dropped={}, sequences=10, duplicates=0, tokens=41, unknown_share=0.0, length=length)
    >>> report = dict(source="my.txt", files=[dict(name="my.txt", sha256="0" * 64, lines=10, blank=0)],
    ...     vocabulary=dict(size=12, special=4), splits=dict(train=figures), shared_texts={}, cut_from_train=[],
    ...     notes=["a note"])
    >>> text = render_report(report)
    >>> "my.txt: 10 lines, 0 blank" in text, "note: a note" in text
    (True, True)
    """
    from rich.console import Console
    from rich.table import Table

    splits = report["splits"]
    cut = report["cut_from_train"]
    table = Table("", *(f"{name} (cut)" if name in cut else name for name in splits), box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    reasons = sorted({reason for figures in splits.values() for reason in figures["dropped"]})
    for reason in reasons:
        dropped = [figures["dropped"].get(reason, {}) for figures in splits.values()]
        table.add_row(f"dropped: {reason.replace('_', ' ')}", *(_dropped(count) for count in dropped))
    for name in ("sequences", "duplicates", "tokens"):
        table.add_row(name, *(f"{figures[name]:,}" for figures in splits.values()))
    table.add_row("unknown tokens", *(f"{figures['unknown_share']:.2%}" for figures in splits.values()))
    for kind in ("source_length", "length"):
        known = [figures[kind] for figures in splits.values() if kind in figures]
        title = kind.replace("_", " ")
        if known:
            table.add_row(f"{title}, mean", *(f"{length['mean']:.1f}" for length in known))
            for name in ("median", "p95", "p99", "longest"):
                table.add_row(f"{title}, {name}", *(f"{length[name]}" for length in known))
    for name, counts in report.get("labels", {}).items():
        table.add_row(f"label {name}", *(f"{counts[split]:,}" for split in splits))

    text = StringIO()
    console = Console(file=text, width=width, highlight=False, markup=False, emoji=False)
    for file in report["files"]:
        console.print(f"{file['name']}: {file['lines']:,} lines, {file['blank']:,} blank, sha256 {file['sha256'][:12]}")
    console.print(
        f"vocabulary: {report['vocabulary']['size']:,} ids, the {report['vocabulary']['special']} special too"
    )
    console.print(table)
    for note in report["notes"]:
        console.print(f"note: {note}")
    return text.getvalue()


def _dropped(count: dict[str, int]) -> str:
    return f"{count['texts']:,} (first: line {count['first_line']:,})" if count else "0"
