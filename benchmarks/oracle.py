"""The oracle table: likelihood and SeqGAN from the same start, with every control, on the published SeqGAN oracle.

    python benchmarks/oracle.py --arrays ../shared/data/seqgan-oracle/target_params.npz

Each cell is a run folder; a killed script goes on where it stopped, and a finished cell is only read. The table goes to
docs/results/oracle.md, with the exact command of every row: no number in the documentation is typed by hand.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from tokengan.config import Config, configure
from tokengan.metrics.evaluator import Evaluator, final_report
from tokengan.metrics.matched import Setting, match, measure
from tokengan.training.run import Run
from tokengan.training.trainer import TrainerSettings, fit

SAMPLES, MATCHED = 3000, 3000
INTRODUCTION = f"""\
Written by `benchmarks/oracle.py`; nothing here is typed by hand. V = 5,000, T = 20, 10,000 training sequences, nats
per token. Mean over seeds, then each seed. NLL-oracle and NLL-div take the exact expectation over the next token at
every state of {MATCHED:,} samples; NLL-test is on held-out sequences. d-oracle and d-test are the differences to the
run's own start model at the temperature with equal NLL-div: **negative is better than the temperature curve, and
differences under about 0.01 are noise.**"""


@dataclass(frozen=True)
class Cell:
    """One row of the table, for one seed."""

    name: str
    method: str
    preset: str
    settings: dict[str, Any] = field(default_factory=dict)
    start: str | None = None  # the cell whose start model this one begins with

    def command(self) -> str:
        """Return what to type for this row."""
        flags = [f"--preset {self.preset}", *(f"--{name} {value}" for name, value in self.settings.items())]
        flags += [f"--start 'runs/oracle/{folder_name(self.start)}-SEED/checkpoints/start'"] if self.start else []
        return " ".join([f"tokengan train {self.method}", "--data.arrays ORACLE.npz", *flags])


CONTROL = {"reward": "constant", "d_rounds": 0, "d_steps": 0, "mle_epochs": 0}
CELLS = [
    Cell("mle paper-oracle-20", "mle", "paper-oracle-20"),
    Cell("mle tuned", "mle", "tuned"),
    Cell("seqgan quick", "seqgan", "quick"),
    Cell("constant reward, same budget", "seqgan", "quick", CONTROL, start="seqgan quick"),
]


def train(cell: Cell, seed: int, arrays: Path, out: Path) -> tuple[Config, Run, Any]:
    """Train a cell, or go on with it, and return its configuration, run folder and method."""
    start = None if cell.start is None else Run(folder(out, cell.start, seed))
    settings = {"data.arrays": str(arrays), **cell.settings}
    config = configure(cell.method, preset=cell.preset, settings=settings, seed=seed)
    task = config.build_task()
    weights = None
    if start is not None:
        prefix = "generator."
        stored = start.weights("start")
        weights = {key[len(prefix) :]: value for key, value in stored.items() if key.startswith(prefix)}
    method = config.build_method(task, weights)
    path = folder(out, cell.name, seed)
    run = Run(path) if path.exists() else Run.create(path, config.dump())
    settings = TrainerSettings(eval_every=config.trainer.eval_every, save_every=5, quiet=True)
    ended = fit(method, run, Evaluator(1000), settings=settings)
    if ended.status != "done":  # half a run is no result
        raise SystemExit(ended.text)
    return config, run, method


def folder_name(name: str) -> str:
    """Return a row's name as part of a path."""
    return name.replace(", ", "-").replace(" ", "-")


def folder(out: Path, name: str, seed: int) -> Path:
    """Return the run folder of a cell."""
    return out / f"{folder_name(name)}-{seed}"


def result(cell: Cell, seed: int, arrays: Path, out: Path) -> dict[str, Any]:
    """Return the figures of a cell, from its folder where they stand."""
    stored = folder(out, cell.name, seed) / "result.json"
    if stored.exists():
        return json.loads(stored.read_text())
    _, run, method = train(cell, seed, arrays, out)
    torch.set_grad_enabled(False)
    method.eval()
    start_state = run.weights("start") if cell.method != "mle" else None
    report = final_report(method, start_state, samples=SAMPLES, matched_samples=MATCHED)
    point = measure(method.generator, setting(method))
    torch.set_grad_enabled(True)
    figures = {figure.name: figure.value for figure in report.figures}
    found = {
        "cell": cell.name,
        "seed": seed,
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
        _, _, method = train(cell, seed, arrays, out)
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
        mine, theirs = (
            train(next(c for c in CELLS if c.name == n), seed, arrays, out)[2].eval() for n in (name, other)
        )
        with torch.no_grad():
            point = measure(mine.generator, setting(mine))
            matched = match(theirs.generator, point["NLL-div"], setting(mine))
        differences = {n: s.mean for n, s in point.minus(matched).items()} | {"temperature": matched.temperature}
        stored.write_text(json.dumps(differences, indent=2))
    return json.loads(stored.read_text())


# ---- the page


def cell_of(values: list[float | None], digits: int = 3) -> str:
    """Return a mean and the seeds' own values."""
    known = [value for value in values if value is not None]
    if not known:
        return "-"
    if len(known) == 1:
        return f"{known[0]:.{digits}f}"
    return f"{statistics.mean(known):.{digits}f} ({', '.join(f'{value:.{digits}f}' for value in known)})"


def page(results: list[dict[str, Any]], curves: dict[str, Any], versus: dict[str, float] | None) -> str:
    """Return the documentation page."""
    names = list(dict.fromkeys(found["cell"] for found in results))
    lines = [
        "# Results on the published SeqGAN oracle",
        "",
        INTRODUCTION,
        "",
        "| row | NLL-oracle | NLL-div | NLL-test | d-oracle | d-test | D accuracy (held-out) | minutes |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name in names:
        rows = [found for found in results if found["cell"] == name]
        exact = [[row["exact"][key] for row in rows] for key in ("NLL-oracle", "NLL-div", "NLL-test")]
        matched = [
            [row["matched"][key]["difference"] if row["matched"] else None for row in rows]
            for key in ("NLL-oracle", "NLL-test")
        ]
        accuracy = [row["figures"].get("D accuracy (held-out)") for row in rows]
        cells = [
            *map(cell_of, exact),
            *map(cell_of, matched),
            cell_of(accuracy),
            cell_of([r["minutes"] for r in rows], 1),
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    lines += ["", "## Temperature curves", ""]
    for name, curve in curves.items():
        lines += [f"{name}:", "", "| temperature | NLL-oracle | NLL-div | NLL-test |", "|---|---|---|---|"]
        lines += [
            f"| {t} | " + " | ".join(f"{point[key]:.3f}" for key in ("NLL-oracle", "NLL-div", "NLL-test")) + " |"
            for t, point in curve.items()
        ]
        lines.append("")
    if versus is not None:
        lines += [
            "`mle tuned` minus `mle paper-oracle-20` at equal NLL-div (the latter at "
            f"temperature {versus['temperature']:.3f}): NLL-oracle {versus['NLL-oracle']:+.3f}, "
            f"NLL-test {versus['NLL-test']:+.3f}.",
            "",
        ]
    lines += ["## Commands", "", "ORACLE.npz is the published parameter file.", "", "```"]
    lines += [cell.command() for cell in CELLS if cell.name in names]
    lines += ["```", "", f"torch {torch.__version__}, {torch.get_num_threads()} thread(s), CPU.", ""]
    return "\n".join(lines)


def main() -> None:
    """Run the cells and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--arrays", type=Path, default=Path("../shared/data/seqgan-oracle/target_params.npz"))
    parser.add_argument("--out", type=Path, default=Path("runs/oracle"))
    parser.add_argument("--page", type=Path, default=Path("docs/results/oracle.md"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--seed", type=int, help="run this seed only (several processes can share the work)")
    parser.add_argument("--rows", nargs="*", help="names of rows to run; all by default")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    chosen = [cell for cell in CELLS if not options.rows or cell.name in options.rows]
    for cell in chosen:
        # The paper's own likelihood run takes long and is the same for every method: one seed.
        seeds = range(1 if cell.preset.startswith("paper") else options.seeds)
        for seed in seeds if options.seed is None else [options.seed]:
            found = result(cell, seed, options.arrays, options.out)
            print(cell.name, seed, json.dumps(found["exact"]), flush=True)
    done = []
    for cell in CELLS:
        for seed in range(options.seeds):
            path = folder(options.out, cell.name, seed)
            if (path / "result.json").exists():
                minutes = Run(path).records()[-1]["seconds"] / 60  # of all its processes, however often it was killed
                done.append(json.loads((path / "result.json").read_text()) | {"minutes": minutes})
    finished = {found["cell"] for found in done}
    likelihood = [cell.name for cell in CELLS if cell.method == "mle" and cell.name in finished]
    curves = {name: sweep(name, 0, options.arrays, options.out) for name in likelihood}
    versus = against(likelihood[1], likelihood[0], 0, options.arrays, options.out) if len(likelihood) == 2 else None
    options.page.parent.mkdir(parents=True, exist_ok=True)
    options.page.write_text(page(done, curves, versus))
    print(f"wrote {options.page}")


if __name__ == "__main__":
    main()
