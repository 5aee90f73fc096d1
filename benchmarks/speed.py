"""Every hot path against the plain code that a paper's reader would write, as median ratios in one run.

    python benchmarks/speed.py [--paths NAME ...]

Each form is a process of its own, ours with the settings that the package gives itself, and the two take turns, so that
whatever else the machine does falls on both. On one core a ratio is of processor time, on two of time on the clock:
those want a machine that does nothing else. The page is docs/results/speed.md; with `--paths` the other rows stay.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from cells import publish, standing
from paths import Forms, HotPath, found
from torch.profiler import ProfilerActivity, profile

from tokengan.memory import keep_freed

PAGE = Path("docs/results/speed.md")
COLUMNS = (
    "ours",
    "ratio, 1 core",
    "ratio, 2 cores",
    "goal",
    "of the limit, 1 core",
    "2 cores",
    "at the limit",
    "apart",
    "memory",
)
INTRODUCTION = """\
Written by `benchmarks/speed.py`; nothing here is typed by hand. Each path of the package beside the straightforward
code kept in `benchmarks/paths`, on the same inputs and with the same weights, in processes that take turns.
Rows may have been measured on different days and machines (`--paths` measures some again): a ratio is always of one
run.

- **ours**: seconds of one call on one core.
- **ratio**: the median over the turns of the plain form's time to ours, with the smallest and the largest. On one core
  it is of processor time, on two of time on the clock. Where the plain form would take too long, a part of it is
  measured and multiplied, as the row says.
- **of the limit**: our time over the least that this machine could take: the floating-point work at the speed of its
  own matrix product and the memory traffic at that of its own copy, both measured in the same run. Convolutions count
  as products there; looked up in tables, or made at frequencies, they take less, hence values under 1.
- **at the limit**: what the ratio would be there, on one core and on two. Where it is below the goal, the goal asks for
  more than the machine has: the plain form spends most of its time on the same products.
- **apart**: the largest difference of results (tokens that differ, rewards, losses), of a small case.
- **memory**: the peak of a process that runs our form alone, PyTorch's own 0.3 GB included."""

LEFT = """\
Where our own time goes. `mm`, `bmm`, `addmm` and `addmm_` are the floating-point work itself."""


def timed(work: Callable[[], Any]) -> tuple[float, float]:
    """Return the processor seconds and the seconds on the clock of a call."""
    begun = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - begun[0], time.perf_counter() - begun[1]


def machine() -> tuple[float, float]:
    """Return flops a second of a matrix product, and bytes a second of a copy."""
    a, b = torch.randn(1024, 1024), torch.randn(1024, 1024)
    out, long = torch.empty(1024, 1024), torch.randn(2**26)
    copy = torch.empty_like(long)
    torch.mm(a, b, out=out)
    copy.copy_(long)
    product = min(timed(lambda: torch.mm(a, b, out=out))[1] for _ in range(30))
    moved = min(timed(lambda: copy.copy_(long))[1] for _ in range(7))
    return 2 * 1024**3 / product, 2 * long.nbytes / moved


# ---- a process that runs one form


def serve(path: HotPath, form: str) -> None:
    """Run the form once for every line that is read, and say how long it took; say what memory it took in the end."""
    if form == "ours":
        keep_freed()
    forms = path.make()
    works = [(forms.ours, 1.0)] if form == "ours" else list(forms.plain)
    works[0][0]()
    print(json.dumps({"memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20}), flush=True)
    for _ in sys.stdin:
        spent = [(times, *timed(work)) for work, times in works]
        print(json.dumps([sum(times * s[k] for times, *s in spent) for k in range(2)]), flush=True)


def shares(work: Callable[[], Any]) -> list[tuple[str, float]]:
    """Return PyTorch's operations that take a twentieth or more of a call, and their shares."""
    with profile(activities=[ProfilerActivity.CPU]) as watched:
        work()
    spent = {entry.key.removeprefix("aten::"): entry.self_cpu_time_total for entry in watched.key_averages()}
    whole = sum(spent.values())
    ranked = sorted(spent.items(), key=lambda item: -item[1])
    return [(name, microseconds / whole) for name, microseconds in ranked if microseconds >= whole / 20]


def told(path: HotPath) -> dict[str, Any]:
    """Return how far the forms are apart, the limit in seconds, the machine's two speeds, and where our time goes."""
    keep_freed()
    forms: Forms = path.make()
    peak, bandwidth = machine()
    forms.ours()
    return {
        "shares": shares(forms.ours),
        "apart": None if forms.apart is None else forms.apart(),
        "limit": None if forms.work is None else forms.work.seconds(peak, bandwidth),
        "peak": peak,
        "bandwidth": bandwidth,
    }


# ---- what starts them


class Server:
    """A process that runs one form when it is asked to."""

    def __init__(self, name: str, form: str, cores: int) -> None:
        words = [sys.executable, __file__, "--one", name, "--form", form, "--cores", str(cores)]
        environment = {**os.environ, "OMP_NUM_THREADS": str(cores)}
        self.process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def said(self) -> Any:
        """Return the next thing it says."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{' '.join(map(str, self.process.args))} ended")  # pyright: ignore
        return json.loads(line)

    def ask(self) -> list[float]:
        """Return the processor seconds and the seconds on the clock of one run."""
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return self.said()

    def close(self) -> None:
        """End it."""
        self.process.communicate()


def measured(path: HotPath, cores: int) -> dict[str, Any]:
    """Return what a path's two forms took."""
    ours, plain = servers = [Server(path.name, form, cores) for form in ("ours", "plain")]
    memory, _ = (server.said() for server in servers)
    clock = 0 if cores == 1 else 1
    pairs = [(ours.ask()[clock], plain.ask()[clock]) for _ in range(path.times)]
    for server in servers:
        server.close()
    about = Server(path.name, "about", cores)
    facts = about.said()
    about.close()
    ratios = [theirs / mine for mine, theirs in pairs]
    seconds = statistics.median(mine for mine, _ in pairs)
    limit = None if facts["limit"] is None else seconds / facts["limit"]
    return {**memory, **facts, "ours": seconds, "ratios": sorted(ratios), "limit": limit}


def possible(got: dict[str, Any]) -> float:
    """Return the ratio that the limit would have."""
    return statistics.median(got["ratios"]) * got["limit"]


def line(path: HotPath, one: dict[str, Any], two: dict[str, Any]) -> str:
    """Return a path's row."""
    cells = [
        f"{one['ours']:.3f} s",
        *(f"**{statistics.median(r):.1f}x** ({r[0]:.1f} to {r[-1]:.1f})" for r in (one["ratios"], two["ratios"])),
        f"{path.goal:g}x",
        *("-" if got["limit"] is None else f"{got['limit']:.1f}x" for got in (one, two)),
        *(["-"] if one["limit"] is None else [", ".join(f"{possible(got):.1f}x" for got in (one, two))]),
        "-" if one["apart"] is None else f"{one['apart']:.0e}" if one["apart"] else "0",
        f"{one['memory']:.2f} GB",
    ]
    return f"| {path.name} | " + " | ".join(cells) + " |"


def main() -> None:
    """Measure, print, and write the page."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--paths", nargs="*", help="names; all by default")
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--one", help="for the processes that this starts")
    parser.add_argument("--form")
    parser.add_argument("--cores", type=int, default=1)
    options = parser.parse_args()
    paths = found()
    if options.one is not None:
        torch.set_num_threads(options.cores)
        if options.form == "about":
            print(json.dumps(told(paths[options.one])))
        else:
            serve(paths[options.one], options.form)
        return
    rows, speeds = standing(options.page, paths), []
    left = standing(options.page, [f"{name}:" for name in paths], "## What is left")
    for name in options.paths or list(paths):
        got = [measured(paths[name], cores) for cores in (1, 2)]
        rows[name] = line(paths[name], *got)
        print(rows[name], flush=True)
        most = ", ".join(f"{operation} {share:.0%}" for operation, share in got[0]["shares"])
        left[f"{name}:"] = f"| {name}: | {most} |"
        speeds = [(one["peak"] / 1e9, one["bandwidth"] / 1e9) for one in got]
    head = ["| path | " + " | ".join(COLUMNS) + " |", "|" + "---|" * (len(COLUMNS) + 1)]
    kept = [rows[name] for name in paths if name in rows]
    about = [f"- **{name}**: {paths[name].about}." for name in paths if name in rows]
    told_of = " and ".join(f"{a:.0f} GFLOP/s in a matrix product, {b:.0f} GB/s in a copy" for a, b in speeds)
    said = f"The machine on one and on two cores, as last measured: {told_of}. torch {torch.__version__}."
    text = ["# Speed", "", INTRODUCTION, "", *head, *kept, "", *about, "", said, ""]
    text += ["## What is left", "", LEFT, "", "| path | operations of 5 % or more, one core |", "|---|---|"]
    text += [*(left[f"{name}:"] for name in paths if f"{name}:" in left), ""]
    publish(options.page, "\n".join(text))


if __name__ == "__main__":
    main()
