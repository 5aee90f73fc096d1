"""Every hot path against the plain code that a paper's reader would write, as median ratios in one run.

    python benchmarks/speed.py [--paths NAME ...] [--threads 1]

Both forms take turns in one process, so that whatever else the machine does falls on both; a ratio is of processor
time. Peak memory is that of a process which runs our form alone. The page is docs/results/speed.md; with `--paths` the
other rows stay as they are.
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
from paths import HotPath, found

PAGE = Path("docs/results/speed.md")
INTRODUCTION = """\
Written by `benchmarks/speed.py`; nothing here is typed by hand. Each path of the package beside the straightforward
code kept in `benchmarks/paths`, on the same inputs and with the same weights. The two take turns; **ratio** is the
median over these pairs of the plain form's processor time to ours, with the smallest and the largest. Where the plain
form would take too long, a part of it is measured and multiplied, as the row says. **apart** is the largest difference
of results (tokens that differ, rewards, losses). **of the limit** is our time over the least that this machine could
take: the floating-point work at the speed of its own matrix product and the memory traffic at that of its own copy,
both measured in the same run. **memory** is the peak of a process that runs our form alone, PyTorch's own 0.3 GB
included."""
COLUMNS = ("ours", "plain", "ratio", "goal", "apart", "of the limit", "memory")


def timed(work: Callable[[], Any]) -> float:
    """Return the processor seconds of a call."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def machine() -> tuple[float, float]:
    """Return flops a second of a matrix product, and bytes a second of a copy."""
    a, b = torch.randn(1024, 1024), torch.randn(1024, 1024)
    out, long = torch.empty(1024, 1024), torch.randn(2**26)
    copy = torch.empty_like(long)
    torch.mm(a, b, out=out)
    copy.copy_(long)
    product = min(timed(lambda: torch.mm(a, b, out=out)) for _ in range(15))
    moved = min(timed(lambda: copy.copy_(long)) for _ in range(7))
    return 2 * 1024**3 / product, 2 * long.nbytes / moved


def measured(path: HotPath) -> dict[str, Any]:
    """Return what a path's two forms took, in this process."""
    forms = path.make()
    peak, bandwidth = machine()
    forms.ours()
    pairs = [(timed(forms.ours), forms.parts * timed(forms.plain)) for _ in range(path.times)]
    ratios = sorted(plain / ours for ours, plain in pairs)
    ours = statistics.median(one for one, _ in pairs)
    limit = None if forms.work is None else forms.work.seconds(peak, bandwidth)
    return {
        "ours": ours,
        "plain": statistics.median(other for _, other in pairs),
        "ratio": statistics.median(ratios),
        "ratios": [ratios[0], ratios[-1]],
        "apart": None if forms.apart is None else forms.apart(),
        "limit": None if limit is None else ours / limit,
        "peak": peak,
        "bandwidth": bandwidth,
    }


def weighed(path: HotPath) -> dict[str, Any]:
    """Return the most memory, in GB, of our form alone."""
    path.make().ours()
    return {"memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20}


def child(name: str, what: str, threads: int) -> dict[str, Any]:
    """Do one thing in a process of its own."""
    words = [sys.executable, __file__, "--one", name, "--what", what, "--threads", str(threads)]
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    ended = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
    if ended.returncode:
        raise SystemExit(ended.stderr)
    return json.loads(ended.stdout.splitlines()[-1])


def line(path: HotPath, got: dict[str, Any]) -> str:
    """Return a path's row."""
    cells = [
        f"{got['ours']:.3f} s",
        f"{got['plain']:.2f} s",
        f"**{got['ratio']:.1f}x** ({got['ratios'][0]:.1f} to {got['ratios'][1]:.1f})",
        f"{path.goal:g}x",
        "-" if got["apart"] is None else f"{got['apart']:.0e}" if got["apart"] else "0",
        "-" if got["limit"] is None else f"{got['limit']:.1f}x",
        f"{got['memory']:.2f} GB",
    ]
    return f"| {path.name} | " + " | ".join(cells) + " |"


def main() -> None:
    """Measure, print, and write the page."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--paths", nargs="*", help="names; all by default")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--one", help="for the processes that this starts")
    parser.add_argument("--what", default="time")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    paths = found()
    if options.one is not None:
        print(json.dumps((measured if options.what == "time" else weighed)(paths[options.one])))
        return
    chosen = options.paths or list(paths)
    rows, machine_said = standing(options.page, paths), "-"
    for name in chosen:
        got = {**child(name, "time", options.threads), **child(name, "memory", options.threads)}
        rows[name] = line(paths[name], got)
        print(rows[name], flush=True)
        machine_said = (
            f"{got['peak'] / 1e9:.0f} GFLOP/s in a matrix product, {got['bandwidth'] / 1e9:.0f} GB/s in a copy"
        )
    head = ["| path | " + " | ".join(COLUMNS) + " |", "|" + "---|" * (len(COLUMNS) + 1)]
    kept = [rows[name] for name in paths if name in rows]
    about = [f"- **{name}**: {paths[name].about}." for name in paths if name in rows]
    said = f"{options.threads} thread; the machine as last measured: {machine_said}. torch {torch.__version__}."
    publish(options.page, "\n".join(["# Speed", "", INTRODUCTION, "", *head, *kept, "", *about, "", said, ""]))


if __name__ == "__main__":
    main()
