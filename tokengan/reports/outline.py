"""Which sections a report has, and what stands in each: a comparison in, blocks out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tokengan.reports.blocks import Block, Listing, Report, Samples, Table, Words, number
from tokengan.reports.comparison import Comparison, Matched, Rate, Row
from tokengan.reports.curves import curves, marks
from tokengan.reports.history import health, training
from tokengan.reports.published import published
from tokengan.reports.summary import figure_names, real_of, signature_of, summary, temperatures

__all__ = ["outline", "verdict"]

MAIN = (
    "NLL-oracle", "NLL-test", "NLL-div", "BLEU-4", "Self-BLEU-4", "reverse LM score", "FED", "MS-Jaccard-4",
    "distinct-2", "unique share", "copy share", "Valid", "Novelty", "FCD/Test",
)  # fmt: skip
# What is said in words of each row; the rest stands in a table.
HEADLINES = {("NLL-oracle", "NLL-div"), ("NLL-test", "NLL-div"), ("BLEU-4", "Self-BLEU-4")}
NO_INTERVAL = "One seed: a number without an interval. Differences between rows may be nothing but chance."
INTERVAL = (
    "± is half of the 95% interval over seeds: Student's under 8 seeds, the bootstrap from there on. There is none of "
    "one seed, nor of a row whose seeds are all the same, as those of counts are."
)
DAGGER = "† computed in another way than the column's, so not to be compared with it (see the signatures below)"


def outline(found: Comparison) -> Report:
    """Return the report of a comparison."""
    sections: list[tuple[str, list[Block]]] = [
        ("What came of it", _verdicts(found)),
        ("Quality against diversity", curves(found)),
        ("Training", training(found)),
        ("The discriminator's health", health(found)),
        ("Samples", _samples(found)),
        ("Too much and too little", _rates(found)),
        ("Published figures", published(found)),
        ("What failed", _failed(found)),
        ("Every figure", _figures(found)),
        ("The data", _data(found)),
        ("To have it again", _again(found)),
    ]
    return Report.of(found.title, _lead(found), sections)


def verdict(held: Matched) -> str:
    """Return where a row lies, by the first word of what is said of it: above, on, below, or none.

    >>> verdict(Matched("NLL-test", "NLL-div", "lower", (), sentence="Above the curve: NLL-test is .1 better"))
    'above'
    """
    places = {"Above": "above", "Better": "above", "On": "on", "Below": "below", "Worse": "below"}
    return places.get(held.sentence.partition(" ")[0], "none")


def _lead(found: Comparison) -> str:
    cells = list(found.cells())
    done = sum(cell.status == "done" for _, cell in cells)
    if not cells:
        return "Nothing was compared."
    if _given(found):
        return "Texts as they were given; beside each figure what real text has in their place."
    rows = f"{len(found.rows)} row{'s' * (len(found.rows) > 1)}"
    seeds = len({cell.seed for _, cell in cells})
    return f"{rows}, {seeds} seed{'s' * (seeds > 1)}; {done} of {len(cells)} cells measured."


def _given(found: Comparison) -> bool:
    """Return whether these are texts that nothing is known of: no seeds, no temperature."""
    return all(row.role == "given" for row in found.rows)


def _column(found: Comparison, row: Row, name: str, temperature: float = 1.0) -> str:
    one = summary(row, name, temperature)
    if one is None:
        return "-"
    other = one.figure.signature != signature_of(found, name, temperature)
    return one.told() + " †" * other


def _main_names(found: Comparison) -> list[str]:
    """Return the figures of the first table: the usual ones that are there, or all where none is."""
    known = figure_names(found)
    return [name for name in MAIN if name in known] or known[:12]


def _verdicts(found: Comparison) -> list[Block]:
    picture = marks(found)
    names = figure_names(found) if len(found.rows) == 1 else _main_names(found)
    if not names:
        return [Words("There is no figure to show: no cell was measured.", "note")] if found.rows else []
    blocks: list[Block] = []
    if len(found.rows) == 1:
        blocks.append(_one_row(found, names))
    else:
        blocks.append(_main(found, names))
    seeds = {len(row.done) for row in found.rows if row.done}
    if not _given(found):
        blocks.append(Words(NO_INTERVAL if max(seeds, default=0) < 2 else INTERVAL, "note"))
    if any("†" in cell for block in blocks if isinstance(block, Table) for row in block.rows for cell in row):
        blocks.append(Words(DAGGER, "note"))
    if picture is not None:
        blocks.append(picture)
    for row in found.rows:
        told = [held for held in row.matched if (held.figure, held.on) in HEADLINES] or list(row.matched[:1])
        blocks += [Words(f"{row.name}. {held.sentence}", verdict(held)) for held in told]
    if sum(len(row.matched) for row in found.rows) > 1:
        blocks.append(_against(found))
    return blocks


def _against(found: Comparison) -> Table:
    """Return every comparison with the base's curve."""
    columns = ("row", "figure", "at equal", "difference", "95% interval", "p", "seeds", "place")
    rows = []
    for row in found.rows:
        for held in row.matched:
            ends = "-" if held.low is None or held.high is None else f"{held.low:+.3f} to {held.high:+.3f}"
            mean = "-" if held.mean is None else f"{held.mean:+.3f}"
            p = "-" if held.p is None else f"{held.p:.2g}"
            seeds = ", ".join("-" if one is None else f"{one:+.3f}" for one in held.seeds)
            rows.append((row.name, held.figure, held.on, mean, ends, p, seeds, verdict(held)))
    caption = "Every row against the base's temperature curve, where both are equally varied"
    return Table(columns, tuple(rows), caption, folded=True)


def _main(found: Comparison, names: list[str]) -> Table:
    counted = any(cell.minutes is not None for _, cell in found.cells())
    columns = ["row", *map(_headed(found), names), *(["core minutes"] if counted else [])]
    rows = []
    for row in found.rows:
        cells = [row.name, *(_column(found, row, name) for name in names)]
        minutes = [cell.minutes for cell in row.done if cell.minutes is not None]
        if counted:
            cells.append(f"{sum(minutes) / len(minutes):.1f}" if minutes else "-")
        rows.append(tuple(cells))
    if found.real:
        real = [real_of(found, name, signature_of(found, name)) for name in names]
        values = ["-" if one is None else number(one.value) for one in real]
        rows.append(("real text", *values, *([""] if counted else [])))
    return Table(tuple(columns), tuple(rows), "At temperature 1: mean over seeds")


def _headed(found: Comparison):  # noqa: ANN202
    """Return a function from a figure's name to the head of its column: an arrow says which way is better."""
    arrows = {"higher": " ↑", "lower": " ↓", "none": ""}
    directions = {f.name: f.direction for _, cell in found.cells() for p in cell.points for f in p.figures}
    return lambda name: name + arrows[directions.get(name, "none")]


def _one_row(found: Comparison, names: list[str]) -> Table:
    row = found.rows[0]
    rows = []
    for name in names:
        one = summary(row, name)
        if one is None:
            continue
        real = real_of(found, name, one.figure.signature)
        beside = "" if real is None else number(real.value)
        better = one.figure.direction.replace("none", "")
        note = one.figure.note if real is None else f"real text: {real.note}"
        rows.append((name, one.told(), beside, better, one.figure.split, note))
    caption = "Figures" if row.role == "given" else "At temperature 1"
    return Table(("figure", row.name, "real text", "better", "split", "note"), tuple(rows), caption)


def _samples(found: Comparison) -> list[Block]:
    """Return the first texts of the first seed of each row at temperature 1."""
    columns = []
    for row in found.rows:
        point = next((p for cell in row.done if (p := cell.at(1.0)) is not None and p.samples), None)
        if point is not None:
            columns.append((row.name, point.samples))
    if not columns:
        return []
    any_near = any(sample.nearest for _, texts in columns for sample in texts)
    about = f"The first texts{'' if _given(found) else ' of the first seed at temperature 1'}, nothing chosen."
    about += (
        " Under each stands the training sentence whose set of words is nearest, with their Jaccard index."
        if any_near
        else ""
    )
    return [Words(about), Samples(tuple(columns))]


def _rates(found: Comparison) -> list[Block]:
    """Return what each row writes too often and too seldom, of its first seed at temperature 1."""
    blocks: list[Block] = []
    for row in found.rows:
        point = next((p for cell in row.done if (p := cell.at(1.0)) is not None and p.rates), None)
        if point is not None:
            rows = tuple(map(_rate, point.rates))
            blocks.append(Table(("n-gram", "too", "here", "real", "times"), rows, row.name))
    about = (
        "n-grams whose rate differs most surely from real text's (Dunning's log-likelihood ratio), in 1,000 n-grams of "
        "their order."
    )
    return [Words(about), *blocks] if blocks else []


def _rate(rate: Rate) -> tuple[str, ...]:
    times = f"{rate.here / rate.real:.2f}" if rate.real else "-"
    return rate.ngram, "often" if rate.here > rate.real else "seldom", f"{rate.here:.2f}", f"{rate.real:.2f}", times


def _failed(found: Comparison) -> list[Block]:
    bad = [(row, cell) for row, cell in found.cells() if cell.status != "done"]
    if not bad:
        return []
    rows = tuple((row.name, str(cell.seed), cell.status, cell.folder) for row, cell in bad)
    logs = [Listing(cell.log, f"{row.name}, seed {cell.seed}") for row, cell in bad if cell.log]
    return [Table(("row", "seed", "status", "folder"), rows), *logs]


def _figures(found: Comparison) -> list[Block]:
    """Return every figure at every temperature, and each way of computing once."""
    each = sorted({t for row in found.rows for t in temperatures(row)}, key=lambda t: (t != 1.0, -t))
    blocks: list[Block] = []
    for temperature in each if len(found.rows) > 1 or len(each) > 1 else ():
        rows = []
        for name in figure_names(found):
            values = [_column(found, row, name, temperature) for row in found.rows]
            if any(value != "-" for value in values):
                real = real_of(found, name, signature_of(found, name, temperature))
                rows.append((name, *values, "" if real is None else number(real.value)))
        columns = ("figure", *(row.name for row in found.rows), "real text")
        blocks.append(Table(columns, tuple(rows), f"Temperature {temperature:g}", folded=True))
    ways = _ways(found)
    if ways:
        blocks.append(Table(("figure", "computed as", "rows"), tuple(ways), "Signatures", folded=True))
    return blocks


def _ways(found: Comparison) -> list[tuple[str, ...]]:
    """Return each signature with the rows that have it: figures may be compared where it is the same."""
    seen: dict[tuple[str, str], dict[str, None]] = {}
    for row, cell in found.cells():
        for point in cell.points:
            for figure in point.figures:
                key = figure.name, figure.signature.partition("|")[2]
                seen.setdefault(key, {})[row.name] = None
    whole = len(found.rows)
    return [(*key, "all" if len(rows) == whole else ", ".join(rows)) for key, rows in seen.items()]


def _data(found: Comparison) -> list[Block]:
    data = found.data
    blocks: list[Block] = []
    splits: Mapping[str, Any] = data.get("splits") or {}
    if splits:
        rows = [
            (
                name,
                *(f"{part.get(key, 0):,}" for key in ("texts", "sequences", "duplicates", "tokens", "unknown")),
                f"{part.get('length', {}).get('mean', '-')}",
                str(part.get("file", "")),
                str(part.get("sha256", ""))[:12],
            )
            for name, part in splits.items()
        ]
        columns = ("split", "texts", "sequences", "copies", "tokens", "unknown", "mean length", "file", "sha256")
        blocks.append(Table(columns, tuple(rows), "Splits"))
    rest = {name: value for name, value in data.items() if name not in ("splits", "files", "notes") and value}
    rows = tuple((name.replace("_", " "), _plain(value)) for name, value in rest.items())
    if rows:
        blocks.append(Table(("what", "value"), rows, "What was read"))
    return [*blocks, *(Words(str(note), "note") for note in data.get("notes") or ())]


def _again(found: Comparison) -> list[Block]:
    blocks: list[Block] = []
    if found.command:
        blocks.append(Listing(found.command, "What was typed"))
    commands = [(row.name, row.command) for row in found.rows if row.command]
    blocks += [Listing(command, f"{name}, on its own") for name, command in commands]
    for caption, told in (("The plan", found.plan), ("Versions", found.environment)):
        if told:
            rows = tuple((name.replace("_", " "), _plain(value)) for name, value in told.items())
            blocks.append(Table(("what", "value"), rows, caption))
    return blocks


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_plain(one)}" for name, one in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_plain, value))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
