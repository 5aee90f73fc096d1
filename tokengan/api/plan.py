"""What a comparison is of: rows, seeds, temperatures and a budget, as the `plan.yaml` that it goes on from."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tokengan.config import Config, configure
from tokengan.data.lines import text_digest
from tokengan.data.messages import brief, place
from tokengan.data.write import atomic_write
from tokengan.errors import UserError, nearest

__all__ = ["PLAN", "PROBES", "REAL", "Entry", "Plan"]

PLAN = "plan.yaml"
CELLS, PROBES, REAL = "cells", "probes", "real.json"
LONGEST = 40  # characters of a row's folder


@dataclass(frozen=True)
class Entry:
    """A row that is asked for.

    Args:
        name: What tables call it.
        method: Short name or class path.
        preset: Name of a preset; None for the usual one.
        settings: Settings of this row alone.
        start: Name of the row whose generator it begins with, seed for seed, or None.
        control: `constant`: played again, from the same start, with a reward that knows nothing; a row of its own.
    """

    name: str
    method: str
    preset: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    start: str | None = None
    control: str | None = None

    @property
    def folder(self) -> str:
        """The name as part of a path, a long one cut and told apart by a digest."""
        slug = re.sub(r"[^\w.-]+", "-", self.name).strip("-.") or "row"
        return slug if len(slug) <= LONGEST else f"{slug[:LONGEST]}-{text_digest([self.name])[:6]}"


@dataclass(frozen=True)
class Plan:
    """A comparison.

    Args:
        entries: The rows; the first is the base, whose temperature curve the others are held against.
        data: What `tokengan train` takes; None is the built-in oracle.
        settings: Settings of every row.
        seeds: How many seeds, from 0.
        temperatures: What every row is sampled at; 1 is always among them.
        samples: Sequences of each point.
        minutes: Wall minutes that a cell may train; None for what its preset says.
    """

    entries: tuple[Entry, ...]
    data: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    seeds: int = 3
    temperatures: tuple[float, ...] = (1.2, 1.0, 0.9, 0.8, 0.7)
    samples: int = 1000
    minutes: float | None = None

    def __post_init__(self) -> None:
        names = [entry.name for entry in self.entries]
        folders = [entry.folder for entry in self.entries]
        for entry in self.entries:
            if folders.count(entry.folder) > 1:
                raise UserError(f"two rows are called '{brief(entry.name)}': give one a --name of its own")
            if entry.start is not None and entry.start not in names:
                raise UserError(
                    f"row '{brief(entry.name)}' starts from '{brief(entry.start)}', which is no row"
                    f"{nearest(entry.start, names)} (there are: {', '.join(names)})"
                )
            if entry.start == entry.name or (entry.start and self.entry(entry.start).start):
                raise UserError(f"row '{brief(entry.name)}' has to start from a row that has no start of its own")
        if not self.entries:
            raise UserError("there is nothing to compare: name methods, the likelihood model first (mle seqgan)")
        if self.seeds < 1 or self.samples < 2 or (self.minutes is not None and self.minutes <= 0):
            raise UserError("a comparison has 1 seed or more, 2 samples or more, and minutes above 0")
        wrong = [t for t in self.temperatures if not 0 < t <= 100]
        if wrong:
            raise UserError(f"{wrong[0]} is no temperature: give numbers above 0 and up to 100")

    def entry(self, name: str) -> Entry:
        """Return a row by name."""
        return next(entry for entry in self.entries if entry.name == name)

    @property
    def points(self) -> tuple[float, ...]:
        """The temperatures, the warmest first, with 1."""
        return tuple(sorted({*self.temperatures, 1.0}, reverse=True))

    def cell(self, out: Path, entry: Entry, seed: int) -> Path:
        """Return the run folder of a row and a seed."""
        return out / CELLS / f"{entry.folder}-{seed}"

    def config(self, out: Path, entry: Entry, seed: int, minutes: float | None = None) -> Config:
        """Return the configuration of a cell: what `tokengan train` would make of it.

        A collapse is not taken back: it is a figure of the table too.

        Args:
            out: The comparison's folder.
            entry: The row.
            seed: The seed.
            minutes: Wall minutes that are left of its budget.
        """
        start = None if entry.start is None else self.cell(out, self.entry(entry.start), seed)
        usual = {"trainer.stop_on_collapse": False, "trainer.max_minutes": minutes}
        return configure(
            entry.method,
            self.data,
            preset=entry.preset,
            settings={**usual, **self.settings, **entry.settings},
            seed=seed,
            start=start,
            control=entry.control,
        )

    def command(self, entry: Entry) -> str:
        """Return what to type for a row, SEED in the place of the seed."""
        words = ["tokengan", "train", entry.method, *([] if self.data is None else [self.data])]
        words += [] if entry.preset is None else ["--preset", entry.preset]
        for name, value in {"trainer.stop_on_collapse": "false", **self.settings, **entry.settings}.items():
            words += [f"--{name}", str(value)]
        if self.minutes is not None:
            words += ["--trainer.max_minutes", f"{self.minutes:g}"]
        if entry.start is not None:
            words += ["--start", f"{CELLS}/{self.entry(entry.start).folder}-SEED"]
        return shlex.join([*words, "--seed", "SEED", "--out", f"{CELLS}/{entry.folder}-SEED"])

    def typed(self, out: Path) -> str:
        """Return what to type for the whole comparison."""
        words = ["tokengan", "compare", *map(self._row, self.entries)]
        words += [] if self.data is None else ["--data", self.data]
        words += [word for name, value in self.settings.items() for word in (f"--{name}", str(value))]
        words += ["--seeds", str(self.seeds), "--samples", str(self.samples)]
        words += ["--temperatures", *(f"{t:g}" for t in self.points)]
        words += [] if self.minutes is None else ["--minutes", f"{self.minutes:g}"]
        return shlex.join([*words, "--out", str(out)])

    @staticmethod
    def _row(entry: Entry) -> str:
        words = [entry.method if entry.preset is None else f"{entry.method}:{entry.preset}"]
        own = {**entry.settings, "name": entry.name, "start": entry.start, "control": entry.control}
        plain = words == [entry.name] and not entry.settings
        told = {name: value for name, value in own.items() if value is not None and not (plain and name == "name")}
        return shlex.join([*words, *(word for name, value in told.items() for word in (f"--{name}", str(value)))])

    def write(self, out: Path) -> None:
        """Write `plan.yaml`."""
        import yaml

        out.mkdir(parents=True, exist_ok=True)
        told = {**asdict(self), "entries": [asdict(entry) for entry in self.entries]}
        told["temperatures"] = list(self.temperatures)
        text = "# A comparison; goes on with `tokengan compare --out` this folder. Classes it names are imported.\n"
        atomic_write(out / PLAN, text + yaml.safe_dump(told, sort_keys=False, allow_unicode=True))

    @classmethod
    def read(cls, out: Path) -> Plan:
        """Read `plan.yaml`. Raises UserError where there is none, or no plan in it."""
        import yaml

        path = out / PLAN
        if not path.is_file():
            raise UserError(f"{place(out)} holds no comparison to go on with: say what to compare (mle seqgan)")
        try:
            told = yaml.safe_load(path.read_text(encoding="utf-8"))
            entries = tuple(Entry(**entry) for entry in told.pop("entries"))
            return cls(entries, **{**told, "temperatures": tuple(told.pop("temperatures"))})
        except (yaml.YAMLError, TypeError, KeyError, AttributeError) as error:
            raise UserError(f"{place(path)} is no plan of a comparison: {brief(error)}") from error

    def goes_on(self, before: Plan) -> None:
        """Raise UserError where cells of an earlier plan would not be cells of this one: more of everything is fine."""
        for name in ("data", "settings", "samples", "minutes"):
            mine, theirs = getattr(self, name), getattr(before, name)
            if mine != theirs:
                raise UserError(
                    f"the comparison in this folder has {name} {brief(theirs)}, not {brief(mine)}: choose another --out"
                )
        known = {entry.name: entry for entry in before.entries}
        for entry in self.entries:
            if known.get(entry.name, entry) != entry:
                raise UserError(
                    f"row '{brief(entry.name)}' of the comparison in this folder is another one: give this a --name"
                )
