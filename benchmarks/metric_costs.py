"""What each metric costs at 1,000, 10,000 and 100,000 sentences: writes docs/results/metric-costs.md.

    OMP_NUM_THREADS=1 python benchmarks/metric_costs.py [--sizes 1000 10000 100000] [--data ../shared/data]

Captions of Texygen's MLE against the COCO captions' test and train files; what there is not is made by
`benchmarks/captions.py`. CPU seconds of one thread, and the most memory held meanwhile, the texts themselves included
(Linux tells it, and forgets it on request). Metrics that look at all pairs would take most of the time at the largest
size; they may have a table of their own, behind the first:

    python benchmarks/metric_costs.py --skip mauve mmd nearest-overlap
    python benchmarks/metric_costs.py --only mauve mmd nearest-overlap --sizes 10000 30000 --append
"""

from __future__ import annotations

import argparse
import gc
import random
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from captions import Text, at_least, lines

from tokengan.metrics import Given, known_metrics
from tokengan.metrics.features import Features, encoder

VECTORS = "vectors (LSA)"
FILES = {
    "samples": "peer-samples/texygen_coco_mle.txt",
    "reference": "coco-captions/test.tok.txt",
    "train": "coco-captions/train.tok.txt",
}
Cost = tuple[float, float]


def measured(work: Callable[[], object]) -> Cost:
    """Return CPU seconds, and the most memory held in GB."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")
    start = time.process_time()
    work()
    seconds = time.process_time() - start
    found = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    return seconds, int(found[1]) * 1024 / 1e9 if found else float("nan")


def costs(texts: dict[str, Text], asked: set[str]) -> dict[str, Cost]:
    """Return what the metrics asked for cost on these texts."""
    given = Given(*(texts[name] for name in FILES), extra={"features": Features(encoder())})
    read = given.extra["features"]
    found = {VECTORS: measured(lambda: [read(text, given.reference) for text in (given.samples, given.reference)])}
    for name, metric in known_metrics().items():
        if name in asked:
            found[name] = measured(lambda metric=metric: metric.compute(given))
            print(f"{len(given.samples):,} {name}: {found[name][0]:.2f} s, {found[name][1]:.2f} GB", flush=True)
    return found


def table(found: dict[int, dict[str, Cost]]) -> list[str]:
    """Return the rows."""
    sizes = list(found)
    heads = [
        "metric",
        "unasked",
        *(f"s, {size:,}" for size in sizes),
        "growth",
        *(f"GB, {size:,}" for size in sizes[1:]),
    ]
    rows = ["| " + " | ".join(heads) + " |", "| --- | --- |" + " ---: |" * (len(heads) - 2)]
    known = known_metrics()
    for name in (name for name in (VECTORS, *known) if any(name in cost for cost in found.values())):
        cells = [found[size].get(name) for size in sizes]
        seconds = [f"{cell[0]:.2f}" if cell else "-" for cell in cells]
        memory = [f"{cell[1]:.2f}" if cell else "-" for cell in cells[1:]]
        growth = f"{cells[-1][0] / max(cells[-2][0], 1e-3):.0f}" if len(sizes) > 1 and cells[-1] and cells[-2] else "-"
        unasked = "yes" if name in known and known[name].cost == "cheap" else ""
        rows.append(f"| {name} | {unasked} | " + " | ".join([*seconds, growth, *memory]) + " |")
    return rows


def summary(size: int, found: dict[str, Cost]) -> str:
    """Return the sums in words."""
    cheap = sum(found[name][0] for name, metric in known_metrics().items() if metric.cost == "cheap")
    both = sum(found[name][0] for name in (VECTORS, "fed", "mauve") if name in found)
    most = max(memory for _, memory in found.values())
    vectors = f"FED and MAUVE with their vectors {both:.1f} s, " if "mauve" in found else ""
    return f"- {size:,} sentences: all that are computed unasked {cheap:.1f} s, {vectors}most memory {most:.2f} GB."


HEAD = """# What the metrics cost

Output of `{command}`: CPU seconds of one thread and the most memory held meanwhile, texts and PyTorch included.
Captions of Texygen's MLE against as many of the COCO test file, and of its train file where a metric reads it. Beyond
the 10,000 lines that these have, lines are drawn from a chain of their words; {distinct} of all lines differ. "Growth"
is the last size's seconds by the size's before it: in proportion to sentences it would be that of the sizes. `evaluate`
computes each metric twice, for the samples and for real text.
"""
SQUARE = """## Those that grow with the square

MMD looks at all pairs, MAUVE at every sentence and one cluster for every ten, and the nearest overlap at every sample
and the training sentences that share a word with it. Output of `{command}`.
"""


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    root = Path(__file__).parents[1]
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--skip", nargs="*", default=[], help="metrics left out of the largest size")
    parser.add_argument("--only", nargs="*", default=list(known_metrics()), help="metrics that are measured")
    parser.add_argument("--append", action="store_true", help="a second table behind the page that is there")
    parser.add_argument("--data", type=Path, default=root.parent / "shared" / "data")
    parser.add_argument("--out", type=Path, default=root / "docs" / "results" / "metric-costs.md")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    # Shuffled before they are added to: the files are in order of topic.
    files = {
        name: random.Random(0).sample(text, len(text))
        for name, text in ((name, lines(arguments.data / path)) for name, path in FILES.items())
    }
    found: dict[int, dict[str, Cost]] = {}
    texts: dict[str, Text] = {}
    for size in sorted(arguments.sizes):
        texts = {name: at_least(text, size, seed) for seed, (name, text) in enumerate(files.items())}
        left_out = arguments.skip if size == max(arguments.sizes) else []
        found[size] = costs(texts, set(arguments.only).difference(left_out))
    command = " ".join(["python benchmarks/metric_costs.py", *sys.argv[1:]])
    if arguments.append:
        page = [arguments.out.read_text(encoding="utf-8"), SQUARE.format(command=command), *table(found), ""]
    else:
        shares = [100 * len(set(map(tuple, text))) / len(text) for text in texts.values()]
        distinct = f"{min(shares):.0f} to {max(shares):.0f} %"
        sums = [summary(size, cost) for size, cost in found.items()]
        page = [HEAD.format(command=command, distinct=distinct), *table(found), "", *sums, ""]
    arguments.out.write_text("\n".join(page), encoding="utf-8")


if __name__ == "__main__":
    main()
