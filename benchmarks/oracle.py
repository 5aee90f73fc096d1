"""The oracle table: every method from the same start with the same budget, and the controls, on the published oracle.

    python benchmarks/oracle.py --arrays ../shared/data/seqgan-oracle/target_params.npz

Each cell is a run folder; a killed script goes on where it stopped, and a finished cell is only read. The table goes to
docs/results/oracle.md, with the exact command of every row, and, row by row, to the README and the methods' own pages.
Rows and curves whose folders are not there stay on the page as they are: it need not be made in one go.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from cells import asked, fill, folder, folder_name, publish, read, run, spread, standing, trained

from tokengan.config import configure
from tokengan.metrics.evaluator import final_report
from tokengan.metrics.matched import Setting, match, measure
from tokengan.training.run import Run

SAMPLES, MATCHED = 3000, 3000


@dataclass(frozen=True)
class Cell:
    """One row of the table, for one seed."""

    name: str
    method: str
    preset: str
    settings: dict[str, Any] = field(default_factory=dict)
    start: str | None = None  # the cell whose generator this one begins with
    seeds: int = 3

    def command(self) -> str:
        """Return what to type for this row."""
        flags = [f"--preset {self.preset}", *(f"--{name} {value}" for name, value in self.settings.items())]
        flags += [f"--start 'runs/oracle/{folder_name(self.start)}-SEED'"] if self.start else []
        return " ".join([f"tokengan train {self.method}", "--data.arrays ORACLE.npz", *flags])


BASE = "mle plain"  # the start of every row below it
INTRODUCTION = f"""\
Written by `benchmarks/oracle.py`; nothing here is typed by hand. V = 5,000, T = 20, 10,000 training sequences, nats
per token. Mean over seeds, then each seed. NLL-oracle and NLL-div take the exact expectation over the next token at
every state of {MATCHED:,} samples; NLL-test is on held-out sequences.

Every row below `{BASE}` begins with the generator of that row, seed for seed, and makes 80 updates of it (`cot` 120,
PPO its own number of steps for each): of 64 sequences with four completions of every prefix (`seqgan`, `rankgan`), of
64 (`wgan`, `relgan`) or of 256 sequences; `relgan` has a generator of its own kind and starts from `mle relational`;
`more likelihood` reads as many real ones, in batches of 64. A row or seed that is missing has not been run. d-oracle
and d-test are the differences to the start at the temperature with equal NLL-div: **negative is better than the
temperature curve, and differences under about 0.01 are noise.** They say little of a row whose NLL-div lies nats below
its start's, a collapse (`pg-bleu`): the start gets there only at a temperature that spoils its law everywhere. Where a
value has a `<=` before it, a latent code is integrated over: it is an upper bound, of at most 1,000 sequences, and no
exact value may be compared with it. A figure of the discriminator under .55 says that it sees next to nothing (and
under .5 that it took what it memorised for real). Where minutes are missing, the cell was kept from a session that did
not count them; cells that were run again came out the same to the last digit."""

FINAL = {"batch_size": 256}
WHOLE = {**FINAL, "credit": "final", "estimator": "rloo"}
CRITIC = {"loss": "wasserstein", "reward": "critic", "constraint": "gradient_penalty", "discriminator.dropout": 0.0}
CONTROLS = (BASE, "constant reward", "random reward", "oracle reward", "more likelihood")
CELLS = [
    Cell("mle paper-oracle-20", "mle", "paper-oracle-20", seeds=1),  # the paper's 120 epochs take long
    Cell("mle tuned", "mle", "tuned"),
    Cell("ngram", "ngram", "none", seeds=1),  # counted: no start, no update, nothing drawn
    Cell("vae", "vae", "quick"),
    Cell("vae, free bits", "vae", "quick", {"free_bits.nats": 4}, seeds=1),
    Cell(BASE, "mle", "paper-oracle-20", {"epochs": 20, "patience": 2}),
    Cell("constant reward", "seqgan", "quick", {"reward": "constant", **WHOLE}, BASE),
    Cell("random reward", "seqgan", "quick", {"reward": "random", **WHOLE}, BASE, seeds=1),
    Cell("oracle reward", "seqgan", "quick", {"reward": "oracle", **WHOLE}, BASE),
    Cell("more likelihood", "mle", "paper-oracle-20", {"epochs": 2}, BASE, seeds=1),
    Cell("seqgan", "seqgan", "quick", {}, BASE),
    Cell("seqgan, log-ratio", "seqgan", "quick", {"reward": "log_ratio", **WHOLE}, BASE, seeds=1),
    Cell("seqgan, ppo", "seqgan", "quick", {"reward": "log_ratio", **WHOLE, "estimator": "ppo"}, BASE, seeds=1),
    Cell("seqgan, wasserstein", "seqgan", "quick", {**CRITIC, **WHOLE}, BASE, seeds=1),
    Cell("maligan", "maligan", "quick", FINAL, BASE),
    Cell("rankgan", "rankgan", "quick", {}, BASE),
    Cell("organ", "organ", "quick", WHOLE, BASE, seeds=1),
    Cell("pg-bleu", "pg-bleu", "quick", FINAL, BASE),
    Cell("gan", "gan", "quick", FINAL, BASE),
    Cell("wgan", "wgan", "quick", {}, BASE),
    Cell("mle relational", "relgan", "quick", {"rounds": 0}),
    Cell("relgan", "relgan", "quick", {}, "mle relational"),
    Cell("mle manager-worker", "leakgan", "quick", {"rounds": 0}),
    Cell("leakgan", "leakgan", "quick", {"inter_rounds": 0}, "mle manager-worker"),
    Cell("leakgan, constant", "leakgan", "quick", {"inter_rounds": 0, "reward": "constant"}, "mle manager-worker", 1),
    Cell("judge", "judge", "quick", {}, BASE),
    Cell("judge, forward", "judge", "quick", {"direction": "forward"}, BASE, seeds=1),
    Cell("cot", "cot", "quick", {}, BASE),
]


def train(cell: Cell, seed: int, arrays: Path, out: Path) -> Any:
    """Train a cell, or go on with it, and return its method."""
    begun = {"mle_epochs": 0} if cell.start is not None and cell.method != "mle" else {}
    settings = {"data.arrays": str(arrays), **cell.settings, **begun}
    config = configure(cell.method, preset=cell.preset, settings=settings, seed=seed)
    start = None if cell.start is None else folder(out, cell.start, seed)
    return trained(config, config.build_task(), folder(out, cell.name, seed), start, samples=1000)


def result(cell: Cell, seed: int, arrays: Path, out: Path) -> dict[str, Any]:
    """Return the figures of a cell, from its folder where they stand."""
    stored = folder(out, cell.name, seed) / "result.json"
    if stored.exists():
        return json.loads(stored.read_text())
    method = train(cell, seed, arrays, out)
    torch.set_grad_enabled(False)
    method.eval()
    start_state = None if cell.start is None else Run(folder(out, cell.start, seed)).weights()
    report = final_report(method, start_state, samples=SAMPLES, matched_samples=MATCHED)
    point = measure(method.generator, setting(method))
    torch.set_grad_enabled(True)
    figures = {figure.name: figure.value for figure in report.figures}
    found = {
        "cell": cell.name,
        "seed": seed,
        "bound": method.generator.density == "bound",
        "exact": {name: spread.mean for name, spread in point.figures.items()},
        "figures": {name: value if math.isfinite(value) else None for name, value in figures.items()},
        "matched": report.to_json().get("entropy_matched"),
    }
    stored.write_text(json.dumps(found, indent=2))
    return found


def setting(method: Any) -> Setting:
    """Return what every point is measured on."""
    return Setting(method.task.test.select(slice(0, MATCHED)), method.task.oracle, MATCHED, seed=1)


def sweep(name: str, seed: int, arrays: Path, out: Path) -> dict[str, dict[str, float]]:
    """Return the temperature curve of a trained cell."""
    cell = next(cell for cell in CELLS if cell.name == name)
    stored = folder(out, name, seed) / "sweep.json"
    if not stored.exists():
        method = train(cell, seed, arrays, out)
        with torch.no_grad():
            method.eval()
            points = {t: measure(method.generator, setting(method), t) for t in (1.3, 1.2, 1.1, 1.0, 0.9, 0.8, 0.7)}
        stored.write_text(
            json.dumps({t: {n: s.mean for n, s in p.figures.items()} for t, p in points.items()}, indent=2)
        )
    return json.loads(stored.read_text())


def against(name: str, other: str, seed: int, arrays: Path, out: Path) -> dict[str, float]:
    """Return one trained cell minus another at the temperature of the other with equal NLL-div."""
    stored = folder(out, name, seed) / f"against {other}.json"
    if not stored.exists():
        mine, theirs = (train(next(c for c in CELLS if c.name == n), seed, arrays, out).eval() for n in (name, other))
        with torch.no_grad():
            point = measure(mine.generator, setting(mine))
            matched = match(theirs.generator, point["NLL-div"], setting(mine))
        differences = {n: s.mean for n, s in point.minus(matched).items()} | {"temperature": matched.temperature}
        stored.write_text(json.dumps(differences, indent=2))
    return json.loads(stored.read_text())


# ---- the page


HEAD = (
    "| row | NLL-oracle | NLL-div | NLL-test | d-oracle | d-test | D accuracy (held-out) | core minutes |",
    "|---|---|---|---|---|---|---|---|",
)


def lines_of(results: list[dict[str, Any]], kept: dict[str, str]) -> dict[str, str]:
    """Return the table's lines by row, in the order of the rows; those that were not run are kept."""
    lines = {}
    for cell in CELLS:
        rows = [found for found in results if found["cell"] == cell.name]
        if rows:
            lines[cell.name] = line(rows)
        elif cell.name in kept:
            lines[cell.name] = kept[cell.name]
    return lines


def line(rows: list[dict[str, Any]]) -> str:
    """Return a row's line."""
    exact = [[row["exact"][key] for row in rows] for key in ("NLL-oracle", "NLL-div", "NLL-test")]
    matched = [
        [row["matched"][key]["difference"] if row["matched"] else None for row in rows]
        for key in ("NLL-oracle", "NLL-test")
    ]
    accuracy = [row["figures"].get("D accuracy (held-out)") for row in rows]
    cells = [
        spread(exact[0]),
        *(f"{'<= ' if rows[0].get('bound') else ''}{spread(values)}" for values in exact[1:]),
        *map(spread, matched),
        spread(accuracy),
        spread([r["minutes"] for r in rows], 1),
    ]
    return f"| {rows[0]['cell']} | " + " | ".join(cells) + " |"


def minutes(line: str) -> float:
    """Return the minutes that a row's line tells, all seeds together.

    >>> minutes("| a | 9.1 | 5.0 (2.0, 3.0) |"), minutes("| b | - |"), minutes("| c | 2.5 |")
    (5.0, 0, 2.5)
    """
    told = line.rstrip(" |").rpartition(" | ")[2]
    return sum(float(n) for n in re.findall(r"[\d.]+", told.partition("(")[2] or told))


def method_of(name: str) -> str:
    """Return the method of a row."""
    return next(cell.method for cell in CELLS if cell.name == name)


def curve_lines(curve: dict[str, Any]) -> list[str]:
    """Return the lines of a temperature curve."""
    names = ("NLL-oracle", "NLL-div", "NLL-test")
    rows = [f"| {t} | " + " | ".join(f"{point[name]:.3f}" for name in names) + " |" for t, point in curve.items()]
    return ["| temperature | NLL-oracle | NLL-div | NLL-test |", "|---|---|---|---|", *rows]


def kept_curves(page: Path) -> dict[str, list[str]]:
    """Return the temperature curves that stand on a page, by row."""
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    found = re.findall(r"^([\w ,-]+):\n\n((?:\|.*\n)+)", text.partition("## Temperature curves")[2], re.MULTILINE)
    return {name: table.splitlines() for name, table in found}


def kept_versus(page: Path) -> str:
    """Return the sentence on the two likelihood models that stands on a page."""
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    return next((line for line in text.splitlines() if line.startswith("`mle tuned` minus")), "")


def page(lines: dict[str, str], curves: dict[str, list[str]], versus: str) -> str:
    """Return the documentation page."""
    text = ["# Results on the published SeqGAN oracle", "", INTRODUCTION, "", *HEAD, *lines.values()]
    text += ["", "## Temperature curves", ""]
    for name, curve in curves.items():
        text += [f"{name}:", "", *curve, ""]
    text += [versus, ""] if versus else []
    spent = sum(minutes(line) for line in lines.values())
    text += [f"All cells whose time was taken took {spent / 60:.1f} hours of one core.", ""]
    text += ["## Commands", "", "ORACLE.npz is the published parameter file.", "", "```"]
    text += [cell.command() for cell in CELLS if cell.name in lines]
    text += ["```", "", f"torch {torch.__version__}, one thread a cell, CPU.", ""]
    return "\n".join(text)


def main() -> None:
    """Run the cells and write the page."""
    parser = asked(__doc__, Path("runs/oracle"), Path("docs/results/oracle.md"))
    parser.add_argument("--arrays", type=Path, default=Path("../shared/data/seqgan-oracle/target_params.npz"))
    options = parser.parse_args()
    waves = ([cell for cell in CELLS if not cell.start], [cell for cell in CELLS if cell.start])
    run(partial(result, arrays=options.arrays, out=options.out), waves, options)
    done = read(CELLS, options)
    lines = lines_of(done, standing(options.page, [cell.name for cell in CELLS]))
    finished = {found["cell"] for found in done}
    likelihood = [cell.name for cell in CELLS if cell.method == "mle" and not cell.start and cell.name in lines]
    curves = kept_curves(options.page)
    curves |= {n: curve_lines(sweep(n, 0, options.arrays, options.out)) for n in likelihood if n in finished}
    versus = kept_versus(options.page)
    if finished.issuperset(("mle tuned", "mle paper-oracle-20")):
        apart = against("mle tuned", "mle paper-oracle-20", 0, options.arrays, options.out)
        versus = (
            "`mle tuned` minus `mle paper-oracle-20` at equal NLL-div (the latter at temperature "
            f"{apart['temperature']:.3f}): NLL-oracle {apart['NLL-oracle']:+.3f}, NLL-test {apart['NLL-test']:+.3f}."
        )
    publish(options.page, page(lines, {name: curves[name] for name in likelihood if name in curves}, versus))
    fill(Path("README.md"), "oracle", [*HEAD, *lines.values()])
    for method in {cell.method for cell in CELLS}:
        own = [text for name, text in lines.items() if method_of(name) == method or name in CONTROLS]
        fill(Path("docs/methods", f"{method}.md"), "oracle", [*HEAD, *own])


if __name__ == "__main__":
    main()
