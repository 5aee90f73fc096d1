"""ORGAN on melodies and tunes: likelihood, ORGAN, its Wasserstein variant and naive RL from one start, and a control.

    python benchmarks/music.py --folder ../shared/data/folk-tunes-abc

Each cell is a run folder; a killed script goes on where it stopped, and a finished cell is only read. The table goes to
docs/results/music.md, with the exact command of every row, and to docs/music.md.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch
from cells import (
    CRITIC,
    NAIVE,
    NO_GAME,
    asked,
    by_row,
    fill,
    flags,
    folder,
    folder_name,
    percent,
    publish,
    read,
    run,
    spread,
    trained,
)

from tokengan.config import configure
from tokengan.metrics.diversity import distinct
from tokengan.metrics.law import cross_entropy
from tokengan.music import objectives
from tokengan.noise import Noise, seeded
from tokengan.sampling.write import write
from tokengan.training.run import Run

SAMPLES = 3000
FIRST = 1000
SHOWN = 3
OBJECTIVES = ("melodicity", "tonality", "ratio_of_steps")
MELODIES, TUNES = "melodies", "tunes"
DATA: dict[str, dict[str, Any]] = {
    MELODIES: {"data.source": "organ_music_folk_short.txt", "data.level": "word"},
    TUNES: {
        "data.source": "nottingham.tsv",
        "data.column": 6,
        "data.metre": 3,
        "data.unit": 4,
        "data.key": 5,
        "data.bars": 4,
        "data.melody": True,
        "data.max_length": 60,
        # A fifth as many as melodies: more epochs, and as many steps as those are.
        "mle_epochs": 60,
        "generator_optimiser.factor.over": 780,
    },
}
INTRODUCTION = f"""\
Written by `benchmarks/music.py`; nothing here is typed by hand. *Melodies* are the 5,000 pitch sequences of 36 time
steps that came with ORGAN's code; *tunes* are the first four bars of the 1,034 Nottingham tunes in ABC, with their
metre and key and without chords. A tenth each is held out for validation and test. Every row goes on from the
likelihood run of its own seed, with the settings of the preset `tunes`. Figures are of {SAMPLES:,} samples at
temperature 1, mean over seeds, then each seed; a lone number is one seed. **Settings were chosen on seed 0 of the
melodies.**

- **objective**: mean of the row's own objective over all samples; what cannot be read counts 0. **change**: over the
  one of the seed's own start. **held-out**: the objective of the held-out test data.
- **Valid**: share that can be read and has two notes. **Distinct@1k**: different melodies, by pitches and lengths,
  among the first {FIRST:,} valid ones. **Novelty**: share of the different ones that are not in the training data.
- **notes**: mean number of sounding notes; of the held-out data in brackets. An objective is a share of the pairs of
  neighbours: with two notes in all, one leap is all of it.
- **distinct-3**: share of different ones among all triples of notes and rests, lengths included. **NLL-test**: nats
  per token of held-out data.
- **D accuracy** is on held-out data and fresh samples; a critic gives no verdict, and naive RL trains none.
- **core minutes**: processor time of training alone, the start not counted, evaluations included."""


@dataclass(frozen=True)
class Cell:
    """One row of the table, for one seed."""

    name: str
    data: str = MELODIES
    objective: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    seeds: int = 3

    @property
    def start(self) -> str:
        """Return the likelihood run that this one begins with."""
        return f"likelihood, {self.data}"

    @property
    def is_start(self) -> bool:
        """Whether this is the likelihood run that the others begin with."""
        return self.name == self.start

    @property
    def all_settings(self) -> dict[str, Any]:
        """Return what the preset is changed by."""
        own = {} if self.objective is None else {"reward.objectives": [self.objective]}
        return DATA[self.data] | own | self.settings

    def command(self) -> str:
        """Return what to type for this row."""
        settings = self.all_settings
        typed = ["tokengan train organ", settings.pop("data.source"), "--task abc --seed SEED", *flags(settings)]
        typed += [] if self.is_start else [f"--start runs/music/{folder_name(self.start)}-SEED"]
        typed += [] if self.is_start else ["--trainer.stop_on_collapse false"]
        return " ".join([*typed, f"--out runs/music/{folder_name(self.name)}-SEED"])


RANDOM = {"reward": "random", "d_rounds": 0, "d_steps": 0}
FIRST_AIM, *OTHER_AIMS = OBJECTIVES
CELLS = [
    Cell("likelihood, melodies", settings=NO_GAME),
    Cell("organ melodicity", objective=FIRST_AIM),
    Cell("naive RL melodicity", objective=FIRST_AIM, settings=NAIVE),
    Cell("organ melodicity, half D", objective=FIRST_AIM, settings={"reward.weight": 0.5}, seeds=1),
    Cell("wasserstein organ melodicity", objective=FIRST_AIM, settings=CRITIC, seeds=1),
    *(Cell(f"organ {name}", objective=name, seeds=1) for name in OTHER_AIMS),
    *(Cell(f"naive RL {name}", objective=name, settings=NAIVE, seeds=1) for name in OTHER_AIMS),
    Cell("random reward, melodies", settings=RANDOM, seeds=1),
    Cell("likelihood, tunes", TUNES, settings=NO_GAME, seeds=1),
    Cell("organ melodicity, tunes", TUNES, FIRST_AIM, seeds=1),
    Cell("naive RL melodicity, tunes", TUNES, FIRST_AIM, NAIVE, seeds=1),
    Cell("random reward, tunes", TUNES, settings=RANDOM, seeds=1),
]


# ---- a cell


def located(settings: dict[str, Any], source: Path) -> dict[str, Any]:
    """Return settings that say where the data lie."""
    return {**settings, "data.source": str(source / settings["data.source"]), "task": "abc"}


@cache
def task_of(data: str, source: Path) -> Any:
    """Return the task, built once for all cells."""
    return configure("organ", "tunes", settings=located(DATA[data], source)).build_task()


def train(cell: Cell, seed: int, source: Path, out: Path) -> Any:
    """Train a cell, or go on with it, and return its method."""
    start = None if cell.is_start else folder(out, cell.start, seed)
    settings = located(cell.all_settings, source) | ({} if start is None else {"mle_epochs": 0})
    config = configure("organ", "tunes", settings=settings, seed=seed)
    # A collapse is a figure of the table too.
    task = task_of(cell.data, source)
    return trained(config, task, folder(out, cell.name, seed), start, samples=500, stop_on_collapse=False)


def result(cell: Cell, seed: int, source: Path, out: Path) -> dict[str, Any]:
    """Return the figures of a cell, from its folder where they stand."""
    stored = folder(out, cell.name, seed) / "result.json"
    if stored.exists():
        return json.loads(stored.read_text())
    method = train(cell, seed, source, out)
    method.eval()
    with torch.no_grad():
        # The same uniforms for every row: rows differ by the model alone.
        texts = method.task.decode(write(method.generator, SAMPLES, Noise(seeded("music table", seed))))
    valid = [text for text, good in zip(texts, objectives.validity(texts), strict=True) if good]
    sound = [str(objectives.canonical(text)) for text in valid]
    known = {objectives.canonical(text) for text in method.task.decode(method.task.train)}
    held = method.task.decode(method.task.test)
    held_sound = [objectives.canonical(text) or "" for text in held]
    last = {name: figure["value"] for name, figure in Run(stored.parent).records()[-1]["figures"].items()}
    found = {
        "cell": cell.name,
        "seed": seed,
        "objectives": {name: mean_of(name, texts) for name in OBJECTIVES},
        "held-out": {name: mean_of(name, held) for name in OBJECTIVES},
        "Valid": len(valid) / len(texts),
        "Distinct@1k": len(set(sound[:FIRST])) / len(sound[:FIRST]),
        "Novelty": statistics.fmean(form not in known for form in set(sound)),
        "notes": statistics.fmean(map(notes, sound)),
        "notes, held-out": statistics.fmean(map(notes, held_sound)),
        "distinct-3": distinct([form.split() for form in sound], 3)[3],
        "whole bars": statistics.fmean(objectives.whole_bars(texts)),
        "NLL-test": cross_entropy(method.generator, method.task.test).mean,
        "D accuracy": last.get("D accuracy (held-out)"),
        "texts": valid[:SHOWN],
    }
    stored.write_text(json.dumps(found, indent=2))
    return found


def mean_of(name: str, texts: Sequence[str]) -> float:
    """Return the mean of an objective."""
    return statistics.fmean(getattr(objectives, name)(texts))


def notes(sound: str) -> int:
    """Return the number of notes, rests apart, of what `canonical` wrote."""
    return sum(not note.startswith("z") for note in sound.split())


# ---- the page


def row(found: list[dict[str, Any]], starts: dict[int, dict[str, Any]]) -> str:
    """Return a line of the table."""
    aim = next(cell.objective for cell in CELLS if cell.name == found[0]["cell"])
    change = (
        [] if aim is None else [one["objectives"][aim] / starts[one["seed"]]["objectives"][aim] - 1 for one in found]
    )
    cells = [
        "-" if aim is None else spread([one["objectives"][aim] for one in found]),
        percent(change),
        "-" if aim is None else spread([found[0]["held-out"][aim]]),
        *(spread([one[key] for one in found]) for key in ("Valid", "Distinct@1k", "Novelty")),
        f"{spread([one['notes'] for one in found], 1)} [{found[0]['notes, held-out']:.1f}]",
        *(spread([one[key] for one in found]) for key in ("distinct-3", "NLL-test", "D accuracy")),
        spread([one["minutes"] for one in found], 1),
    ]
    return f"| {found[0]['cell']} | " + " | ".join(cells) + " |"


def table(done: list[dict[str, Any]]) -> list[str]:
    """Return the lines of the table."""
    rows = by_row(CELLS, done)
    starts = {data: {one["seed"]: one for one in rows.get(f"likelihood, {data}", [])} for data in DATA}
    data = {cell.name: cell.data for cell in CELLS}
    return [
        "| row | objective | change | held-out | Valid | Distinct@1k | Novelty | notes | distinct-3 | NLL-test "
        "| D accuracy (held-out) | core minutes |",
        "|" + "---|" * 12,
        *(row(found, starts[data[name]]) for name, found in rows.items()),
    ]


def page(done: list[dict[str, Any]]) -> str:
    """Return the documentation page."""
    rows = by_row(CELLS, done)
    lines = ["# ORGAN on melodies and tunes", "", INTRODUCTION, "", *table(done), ""]
    lines += ["## All objectives of all rows", "", "| row | " + " | ".join(OBJECTIVES) + " | whole bars |"]
    lines += ["|" + "---|" * (len(OBJECTIVES) + 2)]
    for name, found in rows.items():
        cells = [spread([one["objectives"][key] for one in found]) for key in OBJECTIVES]
        lines.append(f"| {name} | " + " | ".join([*cells, spread([one["whole bars"] for one in found])]) + " |")
    lines += ["", "## Samples", "", f"The first {SHOWN} valid ones of the first seed.", ""]
    for name, found in rows.items():
        lines += [f"{name}:", "", *(f"    {text}" for text in found[0]["texts"]), ""]
    lines += ["## Commands", "", "SEED is the seed; the preset is `tunes`, the usual one of this task.", "", "```"]
    lines += [f"{cell.command()}  # {cell.name}" for cell in CELLS if cell.name in rows]
    lines += ["```", "", f"torch {torch.__version__}, one thread, CPU.", ""]
    return "\n".join(lines)


def main() -> None:
    """Run the cells and write the page."""
    parser = asked(__doc__, Path("runs/music"), Path("docs/results/music.md"))
    parser.add_argument("--folder", type=Path, default=Path("../shared/data/folk-tunes-abc"), help="the music files")
    options = parser.parse_args()
    waves = ([cell for cell in CELLS if cell.is_start], [cell for cell in CELLS if not cell.is_start])
    run(partial(result, source=options.folder, out=options.out), waves, options)
    done = read(CELLS, options)
    publish(options.page, page(done))
    fill(Path("docs/music.md"), "music", table(done))


if __name__ == "__main__":
    main()
