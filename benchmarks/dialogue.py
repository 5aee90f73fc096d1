"""Dialogue: replies of maximum likelihood and of DPGAN from the same start, with a control.

    python benchmarks/dialogue.py

Each cell is a run folder; a killed script goes on where it stopped, and a finished cell is only read. The tables and
the replies to twenty fixed messages go to docs/results/dialogue.md, the first table to the method's own page too.
"""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch
from cells import NO_GAME, asked, by_row, fill, flags, folder, folder_name, publish, read, run, spread, trained

from tokengan.config import configure
from tokengan.methods.base import generator_state
from tokengan.metrics.condition import nll_under_others
from tokengan.metrics.diversity import distinct, distinct_at, entropy, top_sentence_share, unique_share
from tokengan.metrics.judge import auc, logits_of
from tokengan.metrics.law import cross_entropy
from tokengan.metrics.matched import Setting, match, measure
from tokengan.noise import Noise, seeded
from tokengan.sampling.decoding import Decoding
from tokengan.sampling.write import write
from tokengan.sequences import Sequences
from tokengan.training.run import Run

DATA = "../shared/data/dailydialog/train.pairs.tsv.gz"
LINES, ROWS, SHOWN, BUDGET = 24_000, 1500, 20, 10_000
INTRODUCTION = f"""\
Written by `benchmarks/dialogue.py`; nothing here is typed by hand. The data are the message-reply pairs of the first
{LINES:,} lines of DailyDialog's training file, lower-cased, messages of at most 24 and replies of at most 20 tokens,
cut into training, validation and test by message: no message that is held out was seen in training. Figures are of
replies to held-out test messages, drawn at temperature 1, and of the test replies; mean over seeds, then each seed; a
lone number is one seed.

- **distinct-1, distinct-2**: different n-grams / all n-grams, on {BUDGET:,} tokens of each (longer output has more of
  both, so that only equal budgets compare); the counts of the whole output stand in the second table.
- **Ent-4**: entropy of the 4-grams' frequencies, nats.
- **condition use**: NLL of the test replies under shuffled messages less that under their own, nats per token, with its
  standard error; 0 is a model that does not read the message.
- **NLL-test**: of the test replies, nats per token. **NLL-div**: the model's own entropy.
- **D AUC**: how often the discriminator finds a held-out reply more surprising than a sampled one; .5 is chance.
- **core minutes**: processor time of training alone, the start not counted, evaluations included.

Nothing is cleaned: no sentence is dropped, no unknown word deleted, no repeated full stop squeezed, as the authors do
before they count."""


@dataclass(frozen=True)
class Cell:
    """One row of the table."""

    name: str
    settings: dict[str, Any] = field(default_factory=dict)
    seeds: int = 3

    @property
    def is_start(self) -> bool:
        """Whether this is the likelihood run that the others begin with."""
        return self.name == START

    def command(self) -> str:
        """Return what to type for this row."""
        typed = ["--task pairs --data.column 1", f"--data.max_lines {LINES} --seed SEED", *flags(self.settings)]
        typed += [] if self.is_start else [f"--start runs/dialogue/{folder_name(START)}-SEED"]
        typed += [f"--out runs/dialogue/{folder_name(self.name)}-SEED"]
        return " ".join(["tokengan train dpgan", DATA, *typed])


START = "mle"
NOBODY = {"d_rounds": 0, "d_steps": 0}
CELLS = [
    Cell(START, NO_GAME),
    Cell("dpgan"),
    Cell("more likelihood, same budget", {"reward": "constant", "credit": "final", "teacher": "constant", **NOBODY}),
]
REALS = "test replies"


# ---- a cell


def config_of(settings: dict[str, Any], seed: int = 0) -> Any:
    """Return the configuration of a cell."""
    data = {"task": "pairs", "data.column": 1, "data.max_lines": LINES}
    return configure("dpgan", DATA, settings={**data, **settings}, seed=seed)


@cache
def pairs() -> Any:
    """Return the task, built once for all cells."""
    return config_of({}).build_task()


@cache
def messages() -> Sequences:
    """Return the test rows whose replies are shown: one a message, drawn by a fixed seed."""
    test = pairs().test
    first = list({text: i for i, text in reversed(list(enumerate(test.columns["source"])))}.values())
    order = torch.randperm(len(first), generator=torch.Generator().manual_seed(0))[:SHOWN]
    return test.select(torch.tensor(first)[order])


def text_figures(texts: list[str]) -> dict[str, float]:
    """Return the figures that real replies have too."""
    words = [text.split() for text in texts]
    fixed, pooled = distinct_at(words, BUDGET, order=2), distinct(words, 2)
    tokens = sum(map(len, words))
    return {
        "distinct-1": fixed[1],
        "distinct-2": fixed[2],
        "Ent-4": entropy(words)[4],
        "tokens": tokens,
        "mean length": tokens / len(words),
        "words": round(pooled[1] * tokens),
        "unique share": unique_share(words),
        "top reply": top_sentence_share(words),
    }


def replies(law: Any, x: Sequences, seed: int, temperature: float = 1.0) -> Sequences:
    """Return a reply to each message, by the same uniforms for every row: rows differ by the model alone."""
    return write(law, len(x), Noise(seeded("dialogue", seed)), Decoding(temperature), condition=x.condition)


def at_equal_entropy(law: Any, start: Path, test: Sequences, seed: int) -> dict[str, Any]:
    """Return what the start model is at the temperature of equal NLL-div, and the model's NLL-test less the start's."""
    begun, at = deepcopy(law), Setting(test, rows=len(test), seed=seed)
    begun.load_state_dict(generator_state(Run(start).weights()))
    model = measure(law, at)
    point = match(begun, model["NLL-div"], at)
    lost = model.minus(point)["NLL-test"]
    diverse = text_figures(pairs().decode(replies(begun, test, seed, point.temperature)))
    figures = {f"start's {name}": diverse[name] for name in ("distinct-2", "Ent-4")}
    return {"temperature": point.temperature, "d-test": lost.mean, "d-test, error": lost.error, **figures}


def result(cell: Cell, seed: int, out: Path) -> dict[str, Any]:
    """Return the figures of a cell, from its folder where they stand."""
    path = folder(out, cell.name, seed)
    stored = path / "result.json"
    if stored.exists():
        return json.loads(stored.read_text())
    start = None if cell.is_start else folder(out, START, seed)
    settings = {**cell.settings, **({} if start is None else {"mle_epochs": 0})}
    method = trained(config_of(settings, seed), pairs(), path, start, samples=400, stop_on_collapse=False)
    method.eval()
    law, test, shown = method.generator, pairs().test.select(slice(0, ROWS)), messages()

    with torch.no_grad():
        written = replies(law, test, seed)
        use, rows = nll_under_others(law, test, "source")
        judged = None if method.critic is None else auc(*(logits_of(method.critic, x) for x in (test, written)))
        likeliest, drawn = (pairs().decode(replies(law, shown, seed, at)) for at in (0.0, 1.0))
        against = {} if start is None else at_equal_entropy(law, start, test, seed)
    found = {
        "cell": cell.name,
        "seed": seed,
        **text_figures(pairs().decode(written)),
        "condition use": use.mean,
        "condition use, error": use.error,
        "rows": rows,
        "NLL-test": cross_entropy(law, test).mean,
        "NLL-div": cross_entropy(law, written).mean,
        "D AUC": judged,
        **against,
        "likeliest": likeliest,
        "drawn": drawn,
    }
    stored.write_text(json.dumps(found, indent=2))
    return found


# ---- the page

MAIN = ("distinct-1", "distinct-2", "Ent-4")
LAW = ("NLL-test", "NLL-div", "D AUC")
COUNTS = {"tokens": 0, "mean length": 1, "words": 0, "unique share": 3, "top reply": 4}


def table(done: list[dict[str, Any]]) -> list[str]:
    """Return the lines of the first table."""
    lines = [
        "| row | distinct-1 | distinct-2 | Ent-4 | condition use | NLL-test | NLL-div | D AUC | core minutes |",
        "|" + "---|" * 9,
    ]
    for name, found in by_row(CELLS, done).items():
        use = spread([one["condition use"] for one in found]) + f" ± {found[0]['condition use, error']:.3f}"
        cells = [*(spread([one[key] for one in found]) for key in MAIN), use]
        cells += [*(spread([one[key] for one in found]) for key in LAW), spread([one["minutes"] for one in found], 1)]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    real = real_figures()
    return [*lines, f"| {REALS} | " + " | ".join(f"{real[key]:.3f}" for key in MAIN) + " | - | - | - | - | - |"]


@cache
def real_figures() -> dict[str, float]:
    """Return what the test replies themselves score."""
    return text_figures(pairs().decode(pairs().test.select(slice(0, ROWS))))


def warmed(done: list[dict[str, Any]]) -> list[str]:
    """Return the lines of the comparison with the start model at equal entropy."""
    lines = [
        "| row | the start's temperature | NLL-test less the start's | distinct-2, the start's | Ent-4, the start's |",
        "|" + "---|" * 5,
    ]
    for name, found in by_row(CELLS[1:], done).items():
        cells = [
            spread([one["temperature"] for one in found], 2),
            spread([one["d-test"] for one in found], 3, "+") + f" ± {found[0]['d-test, error']:.3f}",
            *(", ".join(spread([one[key] for one in found]) for key in (k, f"start's {k}")) for k in MAIN[1:]),
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def page(done: list[dict[str, Any]]) -> str:
    """Return the documentation page."""
    by_name = by_row(CELLS, done)
    lines = ["# Dialogue", "", INTRODUCTION, "", *table(done), "", "## Against the start at equal entropy", ""]
    lines += [
        "Diversity is to be had for nothing: by a higher temperature. The start model at the temperature at which"
    ]
    lines += ["its NLL-div is the row's:", "", *warmed(done), "", "## Lengths and counts", ""]
    lines += ["| row | tokens | mean length | different words | unique share | commonest reply |", "|" + "---|" * 6]
    for name, found in [*by_name.items(), (REALS, [real_figures()])]:
        cells = [spread([one[key] for one in found], digits) for key, digits in COUNTS.items()]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    lines += ["", f"## {SHOWN} fixed messages", "", "Of seed 0: the likeliest words, then a draw at temperature 1.", ""]
    sides = [by_name[name][0] for name in (START, "dpgan") if name in by_name]
    heads = [f"{one['cell']}, {how}" for how in ("likeliest", "drawn") for one in sides]
    lines += ["| message | real reply | " + " | ".join(heads) + " |", "|" + "---|" * (2 + len(heads))]
    shown = messages()
    told = [shown.columns["source"], pairs().decode(shown)]
    told += [one[how] for how in ("likeliest", "drawn") for one in sides]
    lines += ["| " + " | ".join(text.replace("|", "/") for text in texts) + " |" for texts in zip(*told, strict=True)]
    lines += ["", "## Commands", "", "SEED is the seed; the preset is `pairs`.", "", "```"]
    lines += [f"{cell.command()}  # {cell.name}" for cell in CELLS if cell.name in by_name]
    return "\n".join([*lines, "```", "", f"torch {torch.__version__}, one thread, CPU.", ""])


def main() -> None:
    """Run the cells and write the pages."""
    options = asked(__doc__, Path("runs/dialogue"), Path("docs/results/dialogue.md")).parse_args()
    waves = ([cell for cell in CELLS if cell.is_start], [cell for cell in CELLS if not cell.is_start])
    run(partial(result, out=options.out), waves, options)
    done = read(CELLS, options)
    publish(options.page, page(done))
    fill(Path("docs/methods/dpgan.md"), "dialogue", [*table(done), "", *warmed(done)])


if __name__ == "__main__":
    main()
