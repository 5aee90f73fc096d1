"""Methods x seeds x temperatures on one data set: cells in processes of their own, gone on with after any kill.

A cell that fails is shown as failed, with the end of its log, and the others go on.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tokengan.api.cells import CLOCK, POINTS, point_file, runs
from tokengan.api.plan import PROBES, REAL, Entry, Plan
from tokengan.data.write import atomic_write
from tokengan.figure import Figure
from tokengan.reports.against import matched
from tokengan.reports.comparison import Cell, Comparison, Point, Row
from tokengan.reports.versions import versions
from tokengan.reports.write import write_report
from tokengan.training.forecast import in_words
from tokengan.training.run import CONFIG, CONTROL, Run

__all__ = ["RESULT", "collect", "compare"]

RESULT, REPORT, TIME = "compare.json", "report.html", "time.json"
STOPPED = (130, 143, -2, -15)  # exit codes of a process that SIGINT or SIGTERM ended
LOG_LINES = 12  # of a failed cell, that a report shows
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Job:
    """A process's work: one cell, or a trial of one row."""

    entry: Entry
    seed: int
    kind: str = "cell"

    @property
    def name(self) -> str:
        """As logs are called."""
        return f"{self.entry.folder}-{self.seed}" if self.kind == "cell" else f"trial of {self.entry.folder}"


def compare(plan: Plan, out: Path, *, processes: int = 2, tell: Tell = print) -> Comparison:
    """Train and measure every cell that is not there yet, and return what all of them came to.

    The result stands in `compare.json`, and as a report in `report.html`, `.md` and `.csv`, whether or not every cell
    could be had.

    Args:
        plan: What is compared.
        out: The comparison's folder.
        processes: Cells at a time, one thread each.
        tell: Called with each line for a person.
    """
    plan.write(out)
    spent = _Spent(out)
    todo = [Job(e, seed) for seed in range(plan.seeds) for e in plan.entries if not _whole(plan, out, e, seed)]
    try:
        if todo:
            costs = _tried(plan, out, todo, processes, tell, spent)
            _work(plan, out, todo, processes, costs, tell, spent)
    finally:
        spent.note()
    found = collect(plan, out)
    atomic_write(out / RESULT, json.dumps(found.to_json(), indent=1, ensure_ascii=False) + "\n")
    write_report(found, out / REPORT)
    return found


# ---- processes


class _Spent:
    """Seconds that the comparison has taken so far, over all its processes' lives, and what was announced at first."""

    def __init__(self, out: Path) -> None:
        self.file, self.begun = out / TIME, time.monotonic()
        self.told: dict[str, float] = json.loads(self.file.read_text()) if self.file.exists() else {}
        self.before = self.told.get("spent", 0.0)

    def announce(self, seconds: float) -> None:
        """Keep the first announcement."""
        self.told.setdefault("announced", self.before + time.monotonic() - self.begun + seconds)
        self.note()

    def note(self) -> None:
        """Write the time down."""
        self.told["spent"] = self.before + time.monotonic() - self.begun
        atomic_write(self.file, json.dumps(self.told) + "\n")


def _tried(plan: Plan, out: Path, todo: list[Job], processes: int, tell: Tell, spent: _Spent) -> dict[str, float]:
    """Return the seconds of a cell of each row, from its trial; where that failed the cell itself will say why."""
    entries = {job.entry.name: job.entry for job in todo}
    files = {name: out / PROBES / f"{entry.folder}.json" for name, entry in entries.items()}
    tell(f"trying each of {len(entries)} rows for a moment, to say how long all will take")
    jobs = [Job(entry, 0, "probe") for name, entry in entries.items() if not files[name].exists()]
    took = {job.entry.name: seconds for job, _, seconds in _run(jobs, out, processes, {}, spent)}
    found = {name: json.loads(file.read_text()) for name, file in files.items() if file.exists()}
    # What a process takes besides: Python and torch have to start in each.
    besides = max((took[name] - one["trial"] for name, one in found.items() if name in took), default=0.0)
    costs = {name: one["seconds"] + besides for name, one in found.items()}
    guess = max(costs.values(), default=60.0)
    return {name: costs.get(name, guess) for name in entries}


def _work(
    plan: Plan, out: Path, todo: list[Job], processes: int, costs: dict[str, float], tell: Tell, spent: _Spent
) -> None:
    left = _makespan(todo, costs, processes)
    spent.announce(left)
    tell(
        f"{len(todo)} cells to train, {processes} at a time: about {in_words(left)} "
        "(early stopping is guessed from what is usual)"
    )
    waiting = list(todo)
    for job, code, seconds in _run(todo, out, processes, costs, spent):
        waiting.remove(job)
        if code == 0:
            costs[job.entry.name] = seconds  # the next seeds of the row will be alike
        said = "done" if code == 0 else f"FAILED (exit code {code}; see {_log(out, job)})"
        rest = f"about {in_words(_makespan(waiting, costs, processes))} left" if waiting else "all cells are through"
        tell(f"{job.name}: {said} in {in_words(seconds)}; {rest}")


def _run(
    jobs: list[Job], out: Path, processes: int, costs: dict[str, float], spent: _Spent
) -> Iterator[tuple[Job, int, float]]:
    """Yield each job with its exit code and seconds, as they end; the longest are begun first, starts before all."""
    waiting = _in_order(jobs, costs)
    running: list[tuple[Job, subprocess.Popen[bytes], float]] = []
    with _ended(running):
        while waiting or running:
            while len(running) < processes and (job := _next(waiting, running)) is not None:
                waiting.remove(job)
                running.append((job, _begin(job, out), time.monotonic()))
            time.sleep(0.1)
            for ended in [one for one in running if one[1].poll() is not None]:
                running.remove(ended)
                job, process, begun = ended
                code = process.returncode
                if job.kind == "cell":
                    _mark(out, job, code)
                if code in STOPPED:  # from outside, all of them
                    raise KeyboardInterrupt
                spent.note()
                yield job, code, time.monotonic() - begun


def _in_order(jobs: list[Job], costs: dict[str, float]) -> list[Job]:
    """Return jobs as they are begun: starts before what begins with them, and the longest first."""
    return sorted(jobs, key=lambda job: (job.entry.start is not None, -costs.get(job.entry.name, 0.0), job.seed))


def _next(waiting: list[Job], running: list[tuple[Job, Any, float]]) -> Job | None:
    """Return a job whose start is there, if any."""
    busy = {(job.entry.name, job.seed) for job in (*waiting, *(one[0] for one in running))}
    return next((job for job in waiting if (job.entry.start, job.seed) not in busy), None)


def _begin(job: Job, out: Path) -> subprocess.Popen[bytes]:
    log = _log(out, job)
    log.parent.mkdir(parents=True, exist_ok=True)
    words = [sys.executable, "-m", "tokengan.api.cells", str(out), job.kind, job.entry.name, str(job.seed)]
    with log.open("ab") as file:
        # The pipe closes when this process ends, however it ends, and the cell then saves and ends too.
        return subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=file, stderr=file, env={**os.environ, "OMP_NUM_THREADS": "1"}
        )


@contextmanager
def _ended(running: list[tuple[Job, subprocess.Popen[bytes], float]]) -> Iterator[None]:
    """Let no process outlive this: those that still run save and stop."""
    try:
        yield
    finally:
        for _, process, _ in running:
            if process.stdin is not None:
                with suppress(BrokenPipeError):
                    process.stdin.close()
        for _, process, _ in running:
            process.wait()


def _log(out: Path, job: Job) -> Path:
    return out / "logs" / f"{job.name.replace(' ', '-')}.txt"


def _mark(out: Path, job: Job, code: int) -> None:
    """Leave a mark that a cell failed, or take it away."""
    mark = _log(out, job).with_suffix(".failed")
    if code in (0, *STOPPED):
        mark.unlink(missing_ok=True)
    else:
        atomic_write(mark, f"{code}\n")


def _makespan(jobs: list[Job], costs: dict[str, float], processes: int) -> float:
    """Return how long jobs take on so many processes, the longest first, those that wait for a start last."""
    ends = [0.0] * processes
    for job in _in_order(jobs, costs):
        place = ends.index(min(ends))
        ends[place] += costs.get(job.entry.name, 0.0)
    return max(ends)


# ---- what came of it


def _whole(plan: Plan, out: Path, entry: Entry, seed: int) -> bool:
    """Return whether a cell has all its points, those of its control too."""
    # One that does not draw tokens has temperature 1 alone.
    enough = (1, len(plan.points))
    return all(
        point_file(folder, 1.0).exists() and len(list((folder / POINTS).glob("*.json"))) in enough
        for folder in runs(plan.cell(out, entry, seed))
    )


def collect(plan: Plan, out: Path) -> Comparison:
    """Return what the cells of a comparison came to; only files are read."""
    rows: list[Row] = []
    for place, entry in enumerate(plan.entries):
        paths = {seed: plan.cell(out, entry, seed) for seed in range(plan.seeds)}
        cells = tuple(_cell(plan, out, path, entry, seed) for seed, path in paths.items())
        rows.append(Row(entry.name, entry.method, plan.command(entry), "method" if place else "base", cells))
        if any((path / CONTROL / CONFIG).exists() for path in paths.values()):
            cells = tuple(_cell(plan, out, path / CONTROL, entry, seed) for seed, path in paths.items())
            command = f"{plan.command(entry)} --control constant"
            rows.append(Row(f"{entry.name}, constant reward", entry.method, command, "control", cells))
    base = rows[0]
    held = tuple(row if row is base else replace(row, matched=matched(row, base)) for row in rows)
    real = json.loads((out / REAL).read_text()) if (out / REAL).exists() else []
    data = next((path for cell in base.cells if (path := out / cell.folder / "data.json").exists()), None)
    times = json.loads((out / TIME).read_text()) if (out / TIME).exists() else {}
    return Comparison(
        title=f"{', '.join(entry.name for entry in plan.entries)} on {plan.data or 'the oracle'}",
        rows=held,
        real=tuple(map(Figure.from_json, real)),
        data={} if data is None else json.loads(data.read_text()),
        plan={
            "seeds": plan.seeds,
            "temperatures": list(plan.points),
            "samples": plan.samples,
            "budget": "the presets' own schedules" if plan.minutes is None else f"{plan.minutes:g} minutes a cell",
            **{f"{name}_seconds": round(value) for name, value in times.items()},
        },
        environment={**versions(), "threads": "one a cell"},
        command=plan.typed(out),
    )


def _cell(plan: Plan, out: Path, path: Path, entry: Entry, seed: int) -> Cell:
    files = [point_file(path, t) for t in plan.points]
    points = tuple(Point.from_json(json.loads(file.read_text())) for file in files if file.exists())
    log = _log(out, Job(entry, seed))
    done = any(point.temperature == 1.0 for point in points)
    failed = not done and log.with_suffix(".failed").exists()
    clock = path / CLOCK
    minutes = json.loads(clock.read_text())["cpu"] / 60 if clock.exists() else None
    curve = tuple(Run(path).records()) if (path / CONFIG).exists() else ()
    said = "\n".join(log.read_text(errors="replace").splitlines()[-LOG_LINES:]) if failed else ""
    status = "done" if done else "failed" if failed else "missing"
    return Cell(seed, status, str(path.relative_to(out)), minutes, points if done else (), curve, said)
