"""The work of one process of a comparison: try a row for a moment, or train one cell of it and measure it.

    python -m tokengan.api.cells FOLDER cell ROW SEED

is what `tokengan compare` starts. Whatever it says goes to the cell's log; it ends with its parent, however that ends.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from tokengan.api.plan import PROBES, REAL, Entry, Plan
from tokengan.api.session import LIKELIHOOD, Session
from tokengan.data.write import atomic_write
from tokengan.errors import UserError
from tokengan.methods.base import Method
from tokengan.metrics.evaluator import Evaluator, final_report
from tokengan.reports.points import Measure
from tokengan.training.forecast import forecast_of
from tokengan.training.run import CONFIG, CONTROL, FINAL, Run
from tokengan.training.snapshot import load_networks

__all__ = ["CLOCK", "POINTS", "point_file", "probe", "runs", "train"]

CLOCK, POINTS = "clock.json", "points"
LONGEST = 60.0  # seconds that a phase is tried for
# Rounds that early stopping usually goes on for before its patience begins to run: on 10,000 captions and on the oracle
# the best epoch is the fourth to the eleventh.
USUAL_ROUNDS = 7
GRACE = 5.0  # seconds that a cell has to save once its parent is gone
EVERY = 5.0  # seconds between two notes of the clock


def train(plan: Plan, out: Path, entry: Entry, seed: int) -> None:
    """Train a cell, or go on with it, and measure it at every temperature."""
    path = plan.cell(out, entry, seed)
    if path.exists() and not (path / CONFIG).exists():
        shutil.rmtree(path)  # killed while it was begun: its settings, written last, make a folder a run
    spent = Clock(path / CLOCK)
    left = None if plan.minutes is None else plan.minutes - spent.minutes
    session = Session(plan.config(out, entry, seed, left), path)
    if not (path / FINAL).exists() and (left is None or left > 0):
        with spent:
            trained = session.run()
        stopped = trained.result.status == "stopped"
        if (stopped and plan.minutes is None) or "SIG" in trained.result.text:
            raise SystemExit(143)
        if stopped:
            session.measured(trained)
    measure = Measure(session.task, plan.samples)
    measured(plan, session.method, path, measure)
    for control in runs(path)[1:]:
        measured(plan, Session.open(control, session.task).method, control, measure)
    real = out / REAL
    if not real.exists():
        atomic_write(real, json.dumps([figure.to_json() for figure in measure.real()], indent=1) + "\n")


def measured(plan: Plan, method: Method, path: Path, measure: Measure) -> None:
    """Write the points of a run folder that are not there yet."""
    missing = [t for t in measure.can(method, plan.points) if not point_file(path, t).exists()]
    if missing:
        run = Run(path)
        load_networks(method, run.weights("best"), "best")
        (path / POINTS).mkdir(exist_ok=True)
        for temperature in missing:
            point = measure(method, temperature)
            atomic_write(point_file(path, temperature), json.dumps(point.to_json(), indent=1) + "\n")


def runs(path: Path) -> list[Path]:
    """Return the run folders of a cell: its own, and that of its control where it has one."""
    return [path, *(control for control in (path / CONTROL,) if (control / CONFIG).exists())]


def point_file(path: Path, temperature: float) -> Path:
    """Return where a run's figures at a temperature stand."""
    return path / POINTS / f"{temperature:g}.json"


class Clock:
    """Counts a process's seconds of training, wall and processor, in a file that a kill leaves behind."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.before: dict[str, float] = json.loads(file.read_text()) if file.exists() else {"wall": 0.0, "cpu": 0.0}
        self._over = threading.Event()

    @property
    def minutes(self) -> float:
        """Wall minutes of earlier processes."""
        return self.before["wall"] / 60

    def __enter__(self) -> Clock:
        self._begun = time.monotonic(), time.process_time()
        self._thread = threading.Thread(target=self._tick, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()
        self._note()

    def _tick(self) -> None:
        while not self._over.wait(EVERY):
            self._note()

    def _note(self) -> None:
        if not (self.file.parent / CONFIG).exists():  # a run is begun in a folder that is empty
            return
        wall, cpu = self._begun
        now = {"wall": time.monotonic() - wall, "cpu": time.process_time() - cpu}
        atomic_write(self.file, json.dumps({name: self.before[name] + now[name] for name in now}) + "\n")


def probe(plan: Plan, out: Path, entry: Entry) -> dict[str, Any]:
    """Return what a cell of a row costs, in seconds, by trying one round of every phase and one evaluation."""
    begun = time.monotonic()
    # Without its start, which is not trained yet: an epoch of likelihood stands for that.
    session = Session(plan.config(out, replace(entry, start=None), 0), out / "never")
    method, phases = session.method, []
    data = time.monotonic() - begun
    start = {name: value.clone() for name, value in method.state_dict().items()}
    forecast = forecast_of(method, LONGEST)
    for place, phase in enumerate(method.phases()):
        skipped = entry.start is not None and phase.name == LIKELIHOOD and len(method.phases()) > 1
        if phase.iterations and not skipped:
            took, whole = forecast.round_takes(place)
            rounds = phase.iterations
            if phase.patience is not None:
                rounds = min(rounds, phase.patience + USUAL_ROUNDS)
            looks = rounds // (phase.eval_every or session.config.trainer.eval_every) + 1
            phases.append({"name": phase.name, "rounds": rounds, "seconds": took, "whole": whole, "looks": looks})
    measure = Measure(session.task, plan.samples)
    look = _timed(lambda: Evaluator()(method))
    report = _timed(lambda: final_report(method, start))
    point = _timed(lambda: measure(method, 1.0))
    points = len(measure.can(method, plan.points))
    training = sum(phase["rounds"] * phase["seconds"] + phase["looks"] * look for phase in phases)
    if plan.minutes is not None:
        training = min(training, 60 * plan.minutes)
    again = session.config.control is not None
    game = sum(phase["rounds"] * phase["seconds"] for phase in phases[1:]) / 2 if again else 0.0
    whole = data + training + game + (1 + again) * (report + points * point)
    told = {"seconds": whole, "data": data, "phases": phases, "look": look, "report": report, "point": point}
    return {**told, "trial": time.monotonic() - begun}


def _timed(work: Callable[[], object]) -> float:
    begun = time.monotonic()
    with torch.no_grad():
        work()
    return time.monotonic() - begun


def _end_with_parent() -> None:
    """Stop as at SIGTERM, work saved, once the pipe from the parent closes: it was killed, or wants no more.

    A round that lasts is not waited for: what it did is lost, as by any kill.
    """

    def wait() -> None:
        # Below Python's own buffer, whose lock a thread that waits would hold while the interpreter ends.
        while os.read(0, 1024):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(GRACE)
        os._exit(128 + signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()


def main(words: list[str]) -> int:
    """Do one job; the exit code is 0 done, 2 a mistake that the user can mend, 143 stopped."""
    folder, kind, name, seed = words
    out = Path(folder)
    torch.set_num_threads(1)
    _end_with_parent()
    try:
        plan = Plan.read(out)
        entry = plan.entry(name)
        if kind == "probe":
            found = probe(plan, out, entry)
            (out / PROBES).mkdir(exist_ok=True)
            atomic_write(out / PROBES / f"{entry.folder}.json", json.dumps(found, indent=1) + "\n")
        else:
            train(plan, out, entry, int(seed))
    except UserError as error:
        print(f"tokengan: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
