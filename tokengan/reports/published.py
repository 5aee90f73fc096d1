"""Published figures, shown beside ours only where both were computed in the same way.

`published.json` holds tables with their source and with the conditions that their figures depend on. A table is kept
apart, with the reason, where a condition differs here, where the source leaves one open, or where no figure of ours can
have it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from tokengan.figure import Figure
from tokengan.reports.blocks import Block, Table, Words, number
from tokengan.reports.comparison import Comparison
from tokengan.reports.summary import signature_of, summary

__all__ = ["PublishedTable", "facts", "published", "published_tables", "reasons"]

NONE = "No published figure that is known here was computed as this comparison's are, so none stands beside them."
CALLED = {
    "weights": "weights of the oracle",
    "length": "sequence length",
    "train": "training sequences",
    "unit": "unit",
    "refs": "references",
    "hyps": "samples",
    "samples": "samples",
    "smoothing": "smoothing",
}


@dataclass(frozen=True)
class PublishedTable:
    """Figures of one source on one data set.

    Args:
        source: Paper or repository.
        where: Which table or file of it.
        data: The data set.
        conditions: What the figures depend on, as `facts` names it.
        said: What else the source says.
        unsaid: What it leaves open though the figures depend on it.
        otherwise: Why no figure of ours can stand beside them; nothing where some can.
        rows: By method, figures by name.
    """

    source: str
    where: str
    data: str
    conditions: Mapping[str, str]
    said: str
    unsaid: tuple[str, ...]
    otherwise: str
    rows: Mapping[str, Mapping[str, float]]


@cache
def published_tables() -> tuple[PublishedTable, ...]:
    """Return what `published.json` holds."""
    read = json.loads(files("tokengan.reports").joinpath("published.json").read_text(encoding="utf-8"))
    return tuple(PublishedTable(**{**table, "unsaid": tuple(table["unsaid"])}) for table in read["tables"])


def facts(found: Comparison, figure: Figure) -> dict[str, str]:
    """Return what is known of how a figure of a comparison was computed: of its signature, and of the data.

    >>> figure = Figure("BLEU-2", 0.5, "higher", "test", "BLEU-2|smoothing=method1|hyps=100|refs=10000#632a9095")
    >>> facts(Comparison("", (), data={"length": 20}), figure)
    {'smoothing': 'method1', 'hyps': '100', 'refs': '10,000', 'length': '20'}
    """
    parts = (part.partition("=") for part in figure.signature.split("|")[1:])
    told = {name: _size(value.partition("#")[0]) for name, equals, value in parts if equals}
    if "nats per token" in figure.signature:
        told["unit"] = "nats per token"
    splits, lines = found.data.get("splits", {}), found.data.get("lines", {})
    train = splits.get("train", {}).get("sequences") if splits else lines.get("train")
    data = {"weights": found.data.get("weights"), "length": found.data.get("length"), "train": train}
    return told | {name: _size(str(value)) for name, value in data.items() if value is not None}


def _size(value: str) -> str:
    return f"{int(value):,}" if value.isdecimal() else value


def reasons(table: PublishedTable, known: Mapping[str, str]) -> list[str]:
    """Return why the figures of a table cannot stand beside one of ours; nothing where they can."""
    why = [table.otherwise] if table.otherwise else []
    for name, wanted in table.conditions.items():
        here = known.get(name)
        if here != wanted:
            why.append(f"{CALLED.get(name, name)}: there {wanted}, here {here or 'not known'}")
    return why + [f"the source does not say {what}" for what in table.unsaid]


def published(found: Comparison) -> list[Block]:
    """Return the published figures that may stand beside these, then the others with the reasons."""
    beside: list[tuple[str, ...]] = []
    apart: list[tuple[str, ...]] = []
    for table in published_tables():
        names = list(dict.fromkeys(name for values in table.rows.values() for name in values))
        ours = {name: one for name in names if (one := _figure(found, name)) is not None}
        why = {name: reasons(table, facts(found, one)) for name, one in ours.items()}
        for name in (name for name in ours if not why[name]):
            beside += _beside(found, table, name)
        out = [name for name in ours if why[name]]
        if out:
            values = "; ".join(
                f"{method} {', '.join(f'{name} {number(row[name])}' for name in out if name in row)}"
                for method, row in table.rows.items()
            )
            source = f"{table.source}, {table.where}"
            apart.append((source, table.data, values, "; ".join(why[out[0]]), table.said))
    if not beside and not apart:
        return []
    columns = ("method", "figure", "published", "here", "source")
    blocks: list[Block] = [Table(columns, tuple(beside), "Computed in the same way")] if beside else [Words(NONE)]
    if apart:
        columns = ("source", "data", "figures", "why it stands apart", "what else the source says")
        blocks.append(Table(columns, tuple(apart), "Published figures that cannot be compared with these", folded=True))
    return blocks


def _figure(found: Comparison, name: str) -> Figure | None:
    """Return a figure of this name with the signature that its column has."""
    signature = signature_of(found, name)
    each = (summary(row, name) for row in found.rows)
    return next((one.figure for one in each if one is not None and one.figure.signature == signature), None)


def _beside(found: Comparison, table: PublishedTable, name: str) -> list[tuple[str, ...]]:
    rows = []
    for method, values in table.rows.items():
        if name not in values:
            continue
        own = method.partition(",")[0].partition(" (")[0]
        here = [
            f"{row.name} {one.told()}"
            for row in found.rows
            if row.method == own
            and row.role != "control"
            and (one := summary(row, name)) is not None
            and one.figure.signature == signature_of(found, name)
        ]
        source = f"{table.source}, {table.where}; {table.data}" + (f"; {table.said}" if table.said else "")
        rows.append((method, name, number(values[name]), "; ".join(here) or "-", source))
    return rows
