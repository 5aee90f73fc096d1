"""Text for a label, in one table: SentiGAN, LabelGAN, AM-GAN, SeqGAN of each label and likelihood, on movie reviews.

Each row is a run folder that goes on where it was killed and, once done, is only read; its generated text is judged by
two classifiers that learnt from real text alone.

    python benchmarks/labels.py --processes 2
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from cells import NO_GAME, asked, by_row, flags, folder, folder_name, publish, read, run, spread, trained

from tokengan.config import configure
from tokengan.methods.presets_labels import SENTIGAN_PRESETS
from tokengan.metrics.classifier import LabelClassifier
from tokengan.metrics.diversity import distinct_at
from tokengan.metrics.labels import classifier_of, labels_of
from tokengan.metrics.law import cross_entropy
from tokengan.metrics.nearest import nearest_overlap
from tokengan.noise import Noise, seeded
from tokengan.sampling.write import write

SOURCE = Path("../shared/data/mr-movie-reviews")
SAMPLES, BUDGET, SHOWN = 2000, 5000, 6
START = "likelihood of each label"
PRESET = SENTIGAN_PRESETS["text"]
# The same game with a discriminator of two classes for each label: k independent SeqGANs in one run.
SEQGAN = {
    "reward": "probability",
    "loss": "minimax",
    "estimator": "reinforce",
    "estimator.baseline": "label_ema",
    "discriminator": "per_label",
    "discriminator.each": "cnn",
    **{name.replace(".", ".each.", 1): value for name, value in PRESET.items() if name.startswith("discriminator.")},
}
# Another generator than the preset's drops the preset's settings of it.
SEPARATE = {name: value for name, value in PRESET.items() if name.partition(".")[0] == "generator"}
SHARED = {**SEPARATE, "generator": "conditional"}
INTRODUCTION = f"""\
Written by `benchmarks/labels.py`; nothing here is typed by hand. The data are the movie reviews of at most 15 words
(1,606 positive, 1,630 negative), a tenth each held out for validation and test. Every row but those of a shared
generator goes on from the likelihood run of its own seed. Figures are of {SAMPLES:,} samples at temperature 1, half for
each label: mean over seeds, then each seed; a lone number is one seed. **Settings were chosen on seed 0.**

- **accuracy**: share of samples whose label a classifier recovers that learnt from the 7,426 reviews of *more* than 15
  words, none of which any generator saw. Its own ceiling is the accuracy on real held-out text, in the first row.
- **on training words**: the same by a classifier that learnt from the generators' own training sentences. Whatever
  repeats what it memorised is recovered nearly always: **this figure flatters likelihood** and is shown as a warning.
- **diversity**: mean of 1 - Jaccard likeness to the nearest other sample of the label, as in the SentiGAN paper, over
  1,000 samples a label. **distinct-2**: of {BUDGET:,} tokens of a label. **novelty**: 1 - Jaccard likeness to the
  nearest training sentence. Means over both labels. The real row has 161 to 163 sentences a label, which raises its
  diversity, and has no distinct-2 of so many tokens.
- **NLL-valid**: nats per token of held-out text under its own label.
- **core minutes**: processor time of training alone, the start not counted, evaluations included."""


@dataclass(frozen=True)
class Cell:
    """One row of the table, for one seed."""

    name: str
    method: str = "sentigan"
    settings: dict[str, Any] = field(default_factory=dict)
    seeds: int = 3

    @property
    def starts(self) -> bool:
        """Whether the row has its own likelihood phase."""
        return self.name == START or self.settings.get("generator") == "conditional"

    def command(self) -> str:
        """Return what to type for this row."""
        typed = flags(data(SOURCE) | self.settings)
        typed += [] if self.starts else [f"--start runs/labels/{folder_name(START)}-SEED"]
        typed += [f"--out runs/labels/{folder_name(self.name)}-SEED"]
        return " ".join([f"tokengan train {self.method} --task labelled --seed SEED", *typed])


CELLS = [
    Cell(START, settings=NO_GAME),
    Cell("sentigan"),
    Cell("sentigan, 72 rounds", settings={"rounds": 72}, seeds=1),
    Cell("sentigan, rollouts", settings={"credit": "rollout", "credit.n": 4, "rounds": 4}, seeds=1),
    Cell("seqgan of each label", settings=SEQGAN),
    Cell("am-gan, predefined", "labelgan", {**SEPARATE, "reward.target": "given"}),
    Cell("labelgan", "labelgan", SEPARATE),
    Cell("labelgan, shared generator", "labelgan", SHARED, seeds=1),
]


def data(source: Path) -> dict[str, Any]:
    """Return the settings of the data."""
    return {"data.source": str(source / "mr_len15.tsv"), "data.column": 2, "data.label": 1}


@cache
def task_of(source: Path) -> Any:
    """Return the task, built once for all cells."""
    return configure("sentigan", "labelled", settings={"task": "labelled", **data(source)}).build_task()


@cache
def outside(source: Path) -> LabelClassifier:
    """Return the classifier of the longer reviews."""
    known = {line.split("\t")[1] for line in (source / "mr_len15.tsv").read_text(encoding="utf-8").splitlines()}
    rows = [
        (text.split(), label)
        for label in ("pos", "neg")
        for text in (source / f"{label}.txt").read_text(encoding="utf-8").splitlines()
        if text not in known
    ]
    return LabelClassifier([words for words, _ in rows], [label for _, label in rows])


def figures(task: Any, source: Path, x: Any) -> dict[str, Any]:
    """Return the figures of samples, or of real text in their place."""
    texts, labels = task.decode(x), labels_of(task, x.condition)
    sentences = [text.split() for text in texts]
    train = [text.split() for text in task.decode(task.train)]
    by_label = [[one for one, label in zip(sentences, labels, strict=True) if label == name] for name in task.labels]

    def accuracy(classifier: LabelClassifier) -> float:
        return fmean(said == label for said, label in zip(classifier(sentences), labels, strict=True))

    two = [distinct_at(own, BUDGET, order=2)[2] for own in by_label]
    return {
        "accuracy": accuracy(outside(source)),
        "on training words": accuracy(classifier_of(task)),
        "diversity": fmean(1 - fmean(nearest_overlap(own[:1000])[0]) for own in by_label),
        "distinct-2": fmean(two) if all(value == value for value in two) else None,
        "novelty": 1 - fmean(nearest_overlap(sentences[:1000], train)[0]),
        "texts": [f"{label}: {text}" for label, text in list(zip(labels, texts, strict=True))[:SHOWN]],
    }


def result(cell: Cell, seed: int, source: Path, out: Path) -> dict[str, Any]:
    """Return the figures of a cell, from its folder where they stand."""
    stored = folder(out, cell.name, seed) / "result.json"
    if stored.exists():
        return json.loads(stored.read_text())
    start = None if cell.starts else folder(out, START, seed)
    settings = {"task": "labelled", **data(source), **cell.settings, **({} if start is None else {"mle_epochs": 0})}
    config = configure(cell.method, "labelled", settings=settings, seed=seed)
    # A collapse is a figure of the table too.
    method = trained(config, task_of(source), folder(out, cell.name, seed), start, 300, stop_on_collapse=False)
    method.eval()
    with torch.no_grad():
        # The same uniforms for every row: rows differ by the model alone.
        label = {"label": torch.arange(SAMPLES) % 2}
        x = write(method.generator, SAMPLES, Noise(seeded("labels table", seed)), condition=label)
        found = {"cell": cell.name, "seed": seed, **figures(method.task, source, x)}
        found["NLL-valid"] = cross_entropy(method.generator, method.task.valid).mean
    stored.write_text(json.dumps(found, indent=2))
    return found


# ---- the page

COLUMNS = ("accuracy", "on training words", "diversity", "distinct-2", "novelty", "NLL-valid")


def table(done: Sequence[dict[str, Any]], source: Path) -> list[str]:
    """Return the lines of the table."""
    with torch.no_grad():
        real = figures(task_of(source), source, task_of(source).test)
    rows = {"real held-out text": [real], **by_row(CELLS, done)}
    lines = [f"| row | {' | '.join(COLUMNS)} | core minutes |", "|" + "---|" * (len(COLUMNS) + 2)]
    for name, found in rows.items():
        cells = [spread([one.get(column) for one in found]) for column in COLUMNS]
        cells.append(spread([one.get("minutes") for one in found], 1))
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def page(done: Sequence[dict[str, Any]], source: Path) -> str:
    """Return the documentation page."""
    by_name = by_row(CELLS, done)
    lines = ["# Text for a label", "", INTRODUCTION, "", *table(done, source), "", "## Samples", ""]
    for name, found in by_name.items():
        lines += [f"{name}, seed {found[0]['seed']}:", "", *(f"- {text}" for text in found[0]["texts"]), ""]
    lines += ["## Commands", "", "SEED is the seed; the preset is `text`, the usual one of this task.", "", "```"]
    lines += [f"{cell.command()}  # {cell.name}" for cell in CELLS if cell.name in by_name]
    lines += ["```", "", f"torch {torch.__version__}, one thread, CPU.", ""]
    return "\n".join(lines)


def main() -> None:
    """Run the cells and write the page."""
    parser = asked(__doc__, Path("runs/labels"), Path("docs/results/labels.md"))
    parser.add_argument("--folder", type=Path, default=SOURCE, help="where the movie reviews lie")
    options = parser.parse_args()
    waves = ([cell for cell in CELLS if cell.starts], [cell for cell in CELLS if not cell.starts])
    run(partial(result, source=options.folder, out=options.out), waves, options)
    publish(options.page, page(read(CELLS, options), options.folder))


if __name__ == "__main__":
    main()
