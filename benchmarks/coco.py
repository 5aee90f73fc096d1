"""The caption table: every way of generating on the same 10,000 captions, beside likelihood's temperature curve.

    python benchmarks/coco.py --data ../shared/data/coco-captions/train.tok.txt

Each cell is a run folder; a killed script goes on where it stopped, and a finished cell is only read. The table goes to
docs/results/coco.md, with the exact command of every row, and, row by row, to the methods' own pages.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from cells import asked, by_row, fill, flags, folder, folder_name, publish, read, run, spread, trained

from tokengan.api.model import report_of
from tokengan.config import configure
from tokengan.metrics.base import Given
from tokengan.metrics.bleu import Bleu, SelfBleu
from tokengan.metrics.matched import Setting, measure
from tokengan.modes import evaluating
from tokengan.registry import known
from tokengan.sequences import Sequences
from tokengan.training.run import Run

SAMPLES = 1000  # as many as there are held-out captions
TEMPERATURES = (1.2, 1.1, 1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4)
SHOWN = 5  # samples of each row on the page
BASE = "mle"


@dataclass(frozen=True)
class Cell:
    """One row of the table, for one seed."""

    name: str
    method: str
    preset: str | None = None  # None: what is usual for a text
    settings: dict[str, Any] = field(default_factory=dict)
    seeds: int = 3

    def command(self) -> str:
        """Return what to type for this row."""
        typed = [] if self.preset is None else [f"--preset {self.preset}"]
        typed += [*flags(self.settings), "--seed SEED", f"--out runs/coco/{folder_name(self.name)}-SEED"]
        return " ".join([f"tokengan train {self.method} CAPTIONS", *typed])


CELLS = [
    Cell(BASE, "mle"),
    Cell("ngram", "ngram", seeds=1),  # nothing in it is drawn
    Cell("template", "template", seeds=1),
    Cell("vae", "vae"),
    Cell("seqgan", "seqgan"),
    Cell("leakgan", "leakgan"),
    Cell("relgan", "relgan"),
    Cell("dpgan", "dpgan"),
]
INTRODUCTION = f"""\
Written by `benchmarks/coco.py`; nothing here is typed by hand. 10,000 captions, split by distinct text; {SAMPLES:,}
samples against the held-out captions, figures as `tokengan evaluate` gives them: mean over seeds, then each seed. Every
row is the method's preset for text, with a likelihood start of its own where it has one.

**A lower temperature buys BLEU with diversity, for nothing.** So two comparisons stand beside the figures. d-BLEU-4 and
d-test are the differences to the run's own start at the temperature of equal NLL-div (BLEU: positive is better; NLL:
negative), and *above the curve* is BLEU-4 minus what `{BASE}` has at the temperature where its Self-BLEU-4 is the same:
positive is better than likelihood can do by temperature alone. Differences of BLEU-4 under about .01 are noise."""


# ---- a cell


def train(cell: Cell, seed: int, data: Path, out: Path) -> Any:
    """Train a cell, or go on with it, and return its method."""
    settings = {"task": "text", "data.source": str(data), **cell.settings}
    config = configure(cell.method, preset=cell.preset, settings=settings, seed=seed)
    # A collapse is a figure of the table too.
    path = folder(out, cell.name, seed)
    return trained(config, config.build_task(), path, None, samples=500, stop_on_collapse=False)


def result(cell: Cell, seed: int, data: Path, out: Path) -> dict[str, Any]:
    """Return the figures of a cell, from its folder where they stand."""
    stored = folder(out, cell.name, seed) / "result.json"
    if stored.exists():
        return json.loads(stored.read_text())
    method = train(cell, seed, data, out)
    with torch.no_grad():
        report = report_of(method, Run(stored.parent), samples=SAMPLES, matched_samples=SAMPLES)
        curve = sweep(method) if cell.name == BASE else None
    found = {
        "cell": cell.name,
        "seed": seed,
        "figures": {f.name: f.value if math.isfinite(f.value) else None for f in report.figures},
        "matched": report.to_json().get("entropy_matched"),
        "curve": curve,
        "texts": report.texts[:SHOWN],
    }
    stored.write_text(json.dumps(found, indent=2))
    return found


def sweep(method: Any) -> list[dict[str, float]]:
    """Return BLEU, Self-BLEU and the likelihoods of a generator at several temperatures."""
    task = method.task
    reference = [task.cut(text) for text in task.decode(task.test)]

    def quality(written: Sequences) -> dict[str, float]:
        samples = [task.cut(text) for text in task.decode(written)]
        given = Given(samples, reference, tokens=task.tokens)
        return {figure.name: figure.value for figure in (*Bleu().compute(given), *SelfBleu().compute(given))}

    setting = Setting(task.test, None, len(task.test), seed=1, quality=quality)
    with evaluating(method):
        points = [measure(method.generator, setting, temperature) for temperature in TEMPERATURES]
    return [{"temperature": p.temperature} | {n: s.mean for n, s in p.figures.items()} for p in points]


# ---- the page


def above(bleu: float | None, self_bleu: float | None, curve: list[dict[str, float]]) -> float | None:
    """Return BLEU-4 minus a curve's at equal Self-BLEU-4, None where the curve does not reach it.

    >>> points = [{"Self-BLEU-4": 0.2, "BLEU-4": 0.3}, {"Self-BLEU-4": 0.4, "BLEU-4": 0.5}]
    >>> round(above(0.45, 0.3, points), 6), above(0.45, 0.1, points)
    (0.05, None)
    """
    if bleu is None or self_bleu is None:
        return None
    points = sorted((point["Self-BLEU-4"], point["BLEU-4"]) for point in curve)
    for (x, y), (x_next, y_next) in pairwise(points):
        if x <= self_bleu <= x_next:
            return bleu - (y + (y_next - y) * (self_bleu - x) / max(x_next - x, 1e-12))
    return None


COLUMNS = ("NLL-test", "NLL-div", "BLEU-2", "BLEU-4", "Self-BLEU-4", "distinct-2", "copy share")


def table(done: list[dict[str, Any]]) -> list[str]:
    """Return the lines of the table."""
    curves = {found["seed"]: found["curve"] for found in done if found["curve"]}
    names = [*COLUMNS, "d-BLEU-4", "d-test", "above the curve", "core minutes"]
    lines = ["| row | " + " | ".join(names) + " |", "|" + "---|" * (len(names) + 1)]
    for name, seeds in by_row(CELLS, done).items():
        cells = [spread([found["figures"].get(column) for found in seeds]) for column in COLUMNS]
        for figure in ("BLEU-4", "NLL-test"):
            apart = [(found["matched"] or {}).get(figure, {}).get("difference") for found in seeds]
            cells.append(spread(apart, sign="+"))
        places = [
            above(f["figures"].get("BLEU-4"), f["figures"].get("Self-BLEU-4"), curves.get(f["seed"], []))
            for f in seeds
            if name != BASE
        ]
        cells += [spread(places, sign="+"), spread([found["minutes"] for found in seeds], 1)]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def page(done: list[dict[str, Any]]) -> str:
    """Return the documentation page."""
    lines = ["# Results on captions", "", INTRODUCTION, "", *table(done), ""]
    first = next((found for found in done if found["curve"]), None)
    if first is not None:
        columns = ("NLL-test", "NLL-div", "BLEU-2", "BLEU-4", "Self-BLEU-2", "Self-BLEU-4")
        lines += [f"## The temperature curve of `{BASE}`, seed {first['seed']}", ""]
        lines += ["| temperature | " + " | ".join(columns) + " |", "|" + "---|" * (len(columns) + 1)]
        lines += [
            f"| {p['temperature']} | " + " | ".join(f"{p[column]:.3f}" for column in columns) + " |"
            for p in first["curve"]
        ]
        lines.append("")
    lines += ["## Samples", "", f"The first {SHOWN} of seed 0, nothing chosen.", ""]
    for name, seeds in by_row(CELLS, done).items():
        lines += [f"`{name}`", "", "```", *seeds[0]["texts"], "```", ""]
    typed = [cell.command() for cell in CELLS if cell.name in by_row(CELLS, done)]
    lines += ["## Commands", "", "CAPTIONS is the file of 10,000 captions.", "", "```", *typed, "```", ""]
    return "\n".join(lines)


def main() -> None:
    """Run the cells and write the page."""
    parser = asked(__doc__, Path("runs/coco"), Path("docs/results/coco.md"))
    parser.add_argument("--data", type=Path, default=Path("../shared/data/coco-captions/train.tok.txt"))
    options = parser.parse_args()
    there = [cell for cell in CELLS if cell.method in known("methods")]
    run(partial(result, data=options.data, out=options.out), [there], options)
    done = read(there, options)
    publish(options.page, page(done))
    for cell in there:
        own = Path("docs/methods", f"{cell.method}.md")
        if own.exists() and "<!-- coco -->" in own.read_text(encoding="utf-8"):
            fill(own, "coco", table([found for found in done if found["cell"] in (BASE, cell.name)]))


if __name__ == "__main__":
    main()
