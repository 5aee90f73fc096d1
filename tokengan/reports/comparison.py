"""What a comparison came to, as data: rows of cells, each measured at several temperatures.

`tokengan compare` fills it, a report draws it, and nothing else passes between the two. It is written as one JSON file,
which a later version reads or refuses by its `schema`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from tokengan.errors import UserError
from tokengan.figure import Figure

__all__ = ["Cell", "Comparison", "Matched", "Point", "Rate", "Row", "Sample"]

SCHEMA = 1
Status = Literal["done", "failed", "missing"]
Role = Literal["base", "control", "method", "given"]


@dataclass(frozen=True)
class Sample:
    """A written text and what it is nearest to.

    Args:
        text: As it was written.
        nearest: The training sentence with the largest Jaccard index of token sets; empty where there is no such text.
        overlap: That index, 0 to 1.
    """

    text: str
    nearest: str = ""
    overlap: float = 0.0


@dataclass(frozen=True)
class Rate:
    """How often an n-gram stands in samples and in real text.

    Args:
        ngram: Its tokens, joined by spaces.
        here: Times in 1,000 n-grams of the samples.
        real: Times in 1,000 n-grams of the reference.
    """

    ngram: str
    here: float
    real: float


@dataclass(frozen=True)
class Point:
    """A cell at a temperature.

    Args:
        temperature: It divides the logits; 1 is the law itself.
        figures: What was measured, in the order of the tables.
        samples: The first few texts.
        rates: The most over-produced n-grams, then the most under-produced ones.
    """

    temperature: float
    figures: tuple[Figure, ...]
    samples: tuple[Sample, ...] = ()
    rates: tuple[Rate, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return everything for `json.dumps`; a value that JSON cannot write becomes None."""
        return _plain(self)

    @classmethod
    def from_json(cls, read: Mapping[str, Any]) -> Point:
        """Return what `to_json` gave."""
        samples = tuple(Sample(**one) for one in read["samples"])
        rates = tuple(Rate(**one) for one in read["rates"])
        return cls(read["temperature"], tuple(map(Figure.from_json, read["figures"])), samples, rates)

    def value(self, name: str) -> float | None:
        """Return a figure's number by name, None where it was not measured or is not defined."""
        found = next((figure.value for figure in self.figures if figure.name == name), None)
        return None if found is None or not math.isfinite(found) else found


@dataclass(frozen=True)
class Cell:
    """One row for one seed: a run folder and what was measured of it.

    Args:
        seed: Of weights, batches and draws.
        status: `failed` has a log, `missing` was not run.
        folder: The run folder, relative to the comparison's.
        minutes: Processor minutes of training, evaluations included; None where they were not counted.
        points: One for each temperature.
        curve: The lines of `metrics.jsonl`: what training was, evaluation by evaluation.
        log: The last lines of what a failed cell said.
    """

    seed: int
    status: Status = "done"
    folder: str = ""
    minutes: float | None = None
    points: tuple[Point, ...] = ()
    curve: tuple[Mapping[str, Any], ...] = ()
    log: str = ""

    def at(self, temperature: float) -> Point | None:
        """Return the point at a temperature."""
        return next((point for point in self.points if point.temperature == temperature), None)


@dataclass(frozen=True)
class Matched:
    """A row against the base's temperature curve where both have the same diversity.

    Args:
        figure: What is compared.
        on: What both have alike: NLL-div or Self-BLEU-4.
        direction: Which way is better.
        seeds: The difference of each seed, row minus base; None where the base's curve does not reach it.
        mean: Their mean, None where there is none.
        low: Lower end of the 95% interval over seeds; None with one seed.
        high: Its upper end.
        p: Of the paired test over seeds, two-sided; None with one seed.
        sentence: What that says, in words.
    """

    figure: str
    on: str
    direction: Literal["higher", "lower", "none"]
    seeds: tuple[float | None, ...]
    mean: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    sentence: str = ""


@dataclass(frozen=True)
class Row:
    """A method under some settings, with all its seeds.

    Args:
        name: What tables and legends call it.
        method: Its short name; empty where texts were given and nothing was trained.
        command: What to type to have it again, SEED in the place of the seed.
        role: `base` is the likelihood model whose temperature curve all others are held against.
        cells: One for each seed.
        matched: It against the base.
    """

    name: str
    method: str = ""
    command: str = ""
    role: Role = "method"
    cells: tuple[Cell, ...] = ()
    matched: tuple[Matched, ...] = ()

    @property
    def done(self) -> tuple[Cell, ...]:
        """The cells that were measured."""
        return tuple(cell for cell in self.cells if cell.status == "done")


@dataclass(frozen=True)
class Comparison:
    """Everything that a report shows.

    Args:
        title: What stands above it.
        rows: Methods and controls; a report of given texts has one row with one point.
        real: The ceilings and floors: the same figures of real text.
        data: What was read, as in a run's data.json.
        plan: Seeds, temperatures, samples a point, budget, seconds announced and spent.
        environment: Versions and the machine.
        command: What was typed.
    """

    title: str
    rows: tuple[Row, ...]
    real: tuple[Figure, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict)
    plan: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    command: str = ""

    @property
    def base(self) -> Row | None:
        """The likelihood model that others are held against."""
        return next((row for row in self.rows if row.role == "base"), None)

    def cells(self) -> Iterator[tuple[Row, Cell]]:
        """Yield every cell with its row."""
        return ((row, cell) for row in self.rows for cell in row.cells)

    def to_json(self) -> dict[str, Any]:
        """Return everything for `json.dumps`; a value that JSON cannot write becomes None."""
        return {"schema": SCHEMA, **_plain(self)}

    @classmethod
    def from_json(cls, read: Mapping[str, Any]) -> Comparison:
        """Return what `to_json` gave.

        Raises UserError where it is no comparison, or of another schema.

        >>> one = Comparison("captions", (Row("mle", cells=(Cell(0, points=(Point(1.0, ()),)),)),))
        >>> Comparison.from_json(one.to_json()) == one
        True
        """
        if read.get("schema") != SCHEMA:
            raise UserError(
                f"this is no comparison that tokengan reads: its schema is {read.get('schema')!r}, not {SCHEMA}"
            )
        rows = tuple(_row(row) for row in read["rows"])
        rest = {name: read[name] for name in ("title", "data", "plan", "environment", "command")}
        return cls(rows=rows, real=tuple(map(Figure.from_json, read["real"])), **rest)

    @classmethod
    def read(cls, path: Path) -> Comparison:
        """Read a file. Raises UserError where it is no comparison."""
        try:
            return cls.from_json(json.loads(path.read_text(encoding="utf-8")))
        except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
            raise UserError(f"{path} is no comparison: {error}") from error


def _plain(value: Any) -> Any:
    if isinstance(value, Figure):
        return value.to_json()
    if isinstance(value, (Sample, Rate, Matched)):
        return {name: _plain(inner) for name, inner in asdict(value).items()}
    if isinstance(value, (Comparison, Row, Cell, Point)):
        return {name: _plain(inner) for name, inner in vars(value).items()}
    if isinstance(value, (tuple, list)):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _row(read: Mapping[str, Any]) -> Row:
    matched = tuple(Matched(**{**one, "seeds": tuple(one["seeds"])}) for one in read["matched"])
    return Row(**{**read, "cells": tuple(map(_cell, read["cells"])), "matched": matched})


def _cell(read: Mapping[str, Any]) -> Cell:
    return Cell(**{**read, "points": tuple(map(Point.from_json, read["points"])), "curve": tuple(read["curve"])})
