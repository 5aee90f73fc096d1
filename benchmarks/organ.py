"""ORGAN on molecules: likelihood, ORGAN, its Wasserstein variant and naive RL from the same start, with two controls.

    python benchmarks/organ.py

Each cell is a run folder; a killed script goes on where it stopped, and a finished cell is only read. The table goes to
docs/results/organ.md, with the exact command of every row, and to the method's own page.
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

from tokengan.chem import objectives
from tokengan.chem.fingerprints import Bits, fingerprint, unpack
from tokengan.chem.molecules import canonical, is_valid, parse, rdkit_version
from tokengan.chem.moses import novelty, unique_at
from tokengan.chem.pool import mapped
from tokengan.chem.similarity import internal_diversity, nearest
from tokengan.config import configure
from tokengan.noise import Noise, seeded
from tokengan.sampling.write import write
from tokengan.training.run import Run

SAMPLES = 3000
SHOWN = 8
OBJECTIVES = {"qed": objectives.qed, "sa": objectives.sa, "logp": objectives.logp}
INTRODUCTION = f"""\
Written by `benchmarks/organ.py`; nothing here is typed by hand. The data are the 4,892 molecules that RDKit ships, but
for those of more than 60 tokens; a tenth each is held out for validation and test. Every row goes on from the
likelihood run of its own seed, with the settings of the preset `molecules`; the rows for logP alone go without its
divergence penalty (`estimator.beta`). Figures are of {SAMPLES:,} samples at temperature 1, mean over seeds, then each
seed; a lone number is one seed. **Settings were chosen on seed 0.**

- **objective**: mean of the row's own objective over the *valid* molecules, as the released ORGAN code reports it.
- **change**: that mean over the one of the seed's own start. Objectives end at 1, so the largest change there can be
  depends on the start: **of the room** is the gain as a share of what the start leaves up to 1.
- **change, invalid = 0**: the same with invalid samples counted as 0, which is nearer to what the reward pays.
- **paper**: relative gains of ORGAN and of naive RL over likelihood, on other data and from memory.
- **Valid** needs more than one atom. **Unique@1k**: different molecules among the first 1,000 valid ones. **Novelty**:
  share not among the training molecules. **IntDiv**: internal diversity. **SNN**: similarity to the nearest held-out
  test molecule. All four as MOSES defines them.
- **D accuracy** is on held-out molecules and fresh samples; a critic gives no verdict, and naive RL trains none.
- **core minutes**: processor time of training alone, the start not counted, evaluations included."""
# ORGAN and naive RL over likelihood in the paper's table, from memory in our notes on it.
PAPER = {"qed": ("+8 %", "+19 %"), "sa": ("+45 %", "+46 %"), "logp": ("+57 %", "+46 %")}


@dataclass(frozen=True)
class Cell:
    """One row of the table, for one seed."""

    name: str
    objective: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    seeds: int = 3

    @property
    def is_start(self) -> bool:
        """Whether this is the likelihood run that the others begin with."""
        return self.name == START

    @property
    def all_settings(self) -> dict[str, Any]:
        """Return what the preset is changed by."""
        own = {} if self.objective is None else {"reward.objectives": [self.objective]}
        return own | (FREE if self.objective == "logp" else {}) | self.settings

    def command(self) -> str:
        """Return what to type for this row."""
        typed = flags(self.all_settings)
        typed += [] if self.is_start else [f"--start runs/organ/{folder_name(START)}-SEED"]
        typed += [] if self.is_start else ["--trainer.stop_on_collapse false"]
        typed += [f"--out runs/organ/{folder_name(self.name)}-SEED"]
        return " ".join(["tokengan train organ --task smiles --data smiles --seed SEED", *typed])


START = "likelihood"
# What keeps the others from repeating themselves keeps logP from rising, and logP is raised without repetition.
FREE = {"estimator.beta": 0}
NOBODY = {"d_rounds": 0, "d_steps": 0}
CELLS = [
    Cell(START, settings=NO_GAME),
    *(Cell(f"organ {name}", name) for name in OBJECTIVES),
    *(Cell(f"naive RL {name}", name, NAIVE) for name in OBJECTIVES),
    *(Cell(f"wasserstein organ {name}", name, CRITIC, seeds=1) for name in OBJECTIVES),
    Cell("organ, objectives in turn", settings={"reward.objectives": list(OBJECTIVES), "reward.each": 1}, seeds=1),
    Cell("random reward, same budget", settings={"reward": "random", **NOBODY}),
    Cell("constant reward, same budget", settings={"reward": "constant", **NOBODY}, seeds=1),
]


# ---- a cell


@cache
def molecules() -> Any:
    """Return the task, built once for all cells: reading molecules takes seconds."""
    return configure("organ", "smiles", settings={"task": "smiles"}).build_task()


@cache
def forms_of(split: str) -> list[str]:
    """Return the canonical forms of a split."""
    task = molecules()
    return [form for form in task.canonical(getattr(task, split)) if form is not None]


def bits_of(forms: Sequence[str]) -> Bits:
    """Return a fingerprint for each form [N,F]."""
    return unpack(mapped(fingerprint, forms, 1))


def train(cell: Cell, seed: int, out: Path) -> Any:
    """Train a cell, or go on with it, and return its method."""
    start = None if cell.is_start else folder(out, START, seed)
    settings = {"task": "smiles", **cell.all_settings, **({} if start is None else {"mle_epochs": 0})}
    config = configure("organ", "smiles", settings=settings, seed=seed)
    # A collapse is a figure of the table too.
    return trained(config, molecules(), folder(out, cell.name, seed), start, samples=489, stop_on_collapse=False)


def result(cell: Cell, seed: int, out: Path) -> dict[str, Any]:
    """Return the figures of a cell, from its folder where they stand."""
    stored = folder(out, cell.name, seed) / "result.json"
    if stored.exists():
        return json.loads(stored.read_text())
    method = train(cell, seed, out)
    method.eval()
    with torch.no_grad():
        # The same uniforms for every row: rows differ by the model alone.
        x = write(method.generator, SAMPLES, Noise(seeded("organ table", seed)))
    texts = method.task.decode(x)
    written = [form if form is not None and is_valid(form) else None for form in mapped(canonical, texts, 1)]
    forms = [form for form in written if form is not None]
    bits = bits_of(forms)
    valid = {name: scores_of(function, forms) for name, function in OBJECTIVES.items()}
    last = {name: figure["value"] for name, figure in Run(stored.parent).records()[-1]["figures"].items()}
    found = {
        "cell": cell.name,
        "seed": seed,
        "objectives": {name: statistics.fmean(values) for name, values in valid.items()},
        "with invalid": {name: sum(values) / len(texts) for name, values in valid.items()},
        "Valid": len(forms) / len(texts),
        "Unique@1k": unique_at(forms, 1000),
        "Novelty": novelty(forms, forms_of("train")),
        "IntDiv": internal_diversity(bits)[0],
        "SNN": nearest(bits, bits_of(forms_of("test"))),
        "atoms": statistics.fmean(mapped(atoms, forms, 1)),
        "D accuracy": last.get("D accuracy (held-out)"),
        "D AUC": last.get("D AUC (held-out)"),
        "NLL-valid": last["NLL-valid"],
        "texts": forms[:SHOWN],
    }
    stored.write_text(json.dumps(found, indent=2))
    return found


def atoms(form: str) -> int:
    """Return the number of heavy atoms."""
    molecule = parse(form)
    return 0 if molecule is None else molecule.GetNumAtoms()


def scores_of(function: Any, forms: Sequence[str]) -> list[float]:
    """Return the scores, few at a time: for many at once worker processes are started, here one core is all."""
    return [score for first in range(0, len(forms), 1000) for score in function(forms[first : first + 1000])]


# ---- the page


def aim_of(cell: dict[str, Any]) -> str | None:
    """Return the objective that a row was trained for, where there is one alone."""
    return next((c.objective for c in CELLS if c.name == cell["cell"]), None)


def row(found: list[dict[str, Any]], starts: dict[int, dict[str, Any]]) -> str:
    """Return a line of the first table."""
    aim = aim_of(found[0])

    def change(kind: str) -> list[float]:
        return [] if aim is None else [one[kind][aim] / starts[one["seed"]][kind][aim] - 1 for one in found]

    room = [
        (one["objectives"][aim] - starts[one["seed"]]["objectives"][aim]) / (1 - starts[one["seed"]]["objectives"][aim])
        for one in found
        if aim is not None
    ]
    cells = [
        "-" if aim is None else spread([one["objectives"][aim] for one in found]),
        percent(change("objectives")),
        "-" if aim is None else " / ".join(PAPER[aim]),
        percent(room).replace("+", ""),
        percent(change("with invalid")),
        *(spread([one[key] for one in found]) for key in ("Valid", "Unique@1k", "Novelty", "IntDiv", "SNN")),
        spread([one["D accuracy"] for one in found]),
        spread([one["minutes"] for one in found], 1),
    ]
    return f"| {found[0]['cell']} | " + " | ".join(cells) + " |"


def table(done: list[dict[str, Any]]) -> list[str]:
    """Return the lines of the first table."""
    rows = by_row(CELLS, done)
    starts = {found["seed"]: found for found in rows[START]}
    return [
        "| row | objective | change | paper: ORGAN / naive RL | of the room | change, invalid = 0 | Valid | Unique@1k "
        "| Novelty | IntDiv | SNN | D accuracy (held-out) | core minutes |",
        "|" + "---|" * 13,
        *(row(found, starts) for found in rows.values()),
    ]


def page(done: list[dict[str, Any]]) -> str:
    """Return the documentation page."""
    by_name = by_row(CELLS, done)
    lines = [
        "# ORGAN on molecules",
        "",
        INTRODUCTION,
        "",
        *table(done),
        "",
        "## All objectives of all rows",
        "",
        "Means over valid molecules: what becomes of the scores that a row was not trained for.",
        "",
        "| row | QED | SA | logP | heavy atoms | NLL-valid |",
        "|---|---|---|---|---|---|",
    ]
    for name, found in by_name.items():
        cells = [spread([one["objectives"][key] for one in found]) for key in OBJECTIVES]
        cells += [spread([one["atoms"] for one in found], 1), spread([one["NLL-valid"] for one in found])]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    lines += ["", "## Samples", "", f"The first {SHOWN} valid ones of the first seed, in canonical form.", ""]
    for name, found in by_name.items():
        lines += [f"- {name}: " + ", ".join(f"`{text}`" for text in found[0]["texts"])]
    lines += [
        "",
        "## Commands",
        "",
        "SEED is the seed; the preset is `molecules`, the usual one of this task.",
        "",
        "```",
    ]
    lines += [f"{cell.command()}  # {cell.name}" for cell in CELLS if cell.name in by_name]
    lines += ["```", "", f"torch {torch.__version__}, RDKit {rdkit_version()}, one thread, CPU.", ""]
    return "\n".join(lines)


def main() -> None:
    """Run the cells and write the page."""
    options = asked(__doc__, Path("runs/organ"), Path("docs/results/organ.md")).parse_args()
    waves = ([cell for cell in CELLS if cell.is_start], [cell for cell in CELLS if not cell.is_start])
    run(partial(result, out=options.out), waves, options)
    done = read(CELLS, options)
    publish(options.page, page(done))
    fill(Path("docs/methods/organ.md"), "molecules", table(done))


if __name__ == "__main__":
    main()
