"""How the cost of SeqGAN's generator update grows with T, V, N and B, and that of an epoch with the data.

    python benchmarks/scaling.py [--schedules]

One dimension at a time is varied around a small case; the exponent is the slope of a line through the logarithms of all
points. Also the hours of the published schedule, from one of each of its parts. The page is
docs/results/scaling.md, with a picture beside it.
"""

from __future__ import annotations

import math
import time
from argparse import ArgumentParser
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from cells import playing, publish

from tokengan.config import configure
from tokengan.discriminators.cnn import HighwayCNN
from tokengan.estimators.credit import RollOut
from tokengan.generators.recurrent import LSTM
from tokengan.memory import keep_freed
from tokengan.methods.seqgan import SeqGAN
from tokengan.reports.chart import Chart, Dot, Series
from tokengan.reports.svg import alone
from tokengan.tasks.oracle import OracleTask

PAGE = Path("docs/results/scaling.md")
BASE = {"T": 20, "V": 5000, "N": 4, "B": 64}
VALUES = {"T": (10, 20, 40, 80), "V": (1250, 2500, 5000, 10000, 20000), "N": (2, 4, 8, 16), "B": (16, 32, 64, 128)}
AT_MOST = {"T": 2, "V": 1, "N": 1, "B": 1, "data": 1}
CORES = (1, 2)
DATA = (2000, 4000, 8000, 16000)
MEANING = {
    "T": "length",
    "V": "vocabulary",
    "N": "roll-outs of a prefix",
    "B": "batch",
    "data": "sequences, an epoch of likelihood",
}
INTRODUCTION = """\
Written by `benchmarks/scaling.py`; nothing here is typed by hand. Seconds of processor time of one generator update of
SeqGAN (roll-outs of every prefix, all judged by the published filters of widths 1 to 10, one step), one of the four
sizes varied at a time around T = 20, V = 5,000, N = 4, B = 64; and of an epoch of likelihood by the size of the data.
**exponent** is the slope of a line through the logarithms: 1 is linear, 2 quadratic; what is fixed in a size lowers it.
"""


def method(sizes: dict[str, int], data: int | None = None) -> SeqGAN:
    """Return a SeqGAN of these sizes."""
    rows = data or sizes["B"]
    widths = list(range(1, 11))
    return playing(
        SeqGAN(
            OracleTask(length=sizes["T"], vocab_size=sizes["V"], size=rows, valid=sizes["B"], test=sizes["B"]),
            generator=lambda spec: LSTM(spec, embedding=32, hidden=32),
            discriminator=lambda spec: HighwayCNN(spec, widths=widths),
            credit=lambda: RollOut(n=sizes["N"]),
            batch_size=sizes["B"],
        )
    )


def seconds(
    work: Callable[[], Any], clock: Callable[[], float] = time.process_time, times: int = 3, before: int = 1
) -> float:
    """Return the fewest seconds of some calls, after some others."""
    for _ in range(before):
        work()
    spent: list[float] = []
    for _ in range(times):
        begun = clock()
        work()
        spent.append(clock() - begun)
    return min(spent)


def slope(points: list[tuple[int, float]]) -> float:
    """Return the slope of the line through the logarithms.

    >>> round(slope([(1, 3.0), (2, 6.0), (4, 12.0)]), 6)
    1.0
    """
    xs, ys = ([math.log(p[k]) for p in points] for k in range(2))
    x, y = sum(xs) / len(xs), sum(ys) / len(ys)
    return sum((a - x) * (b - y) for a, b in zip(xs, ys, strict=True)) / sum((a - x) ** 2 for a in xs)


def curves() -> dict[str, list[tuple[int, float]]]:
    """Return the seconds of every size."""
    found: dict[str, list[tuple[int, float]]] = {}
    for name, values in VALUES.items():
        for value in values:
            game = method({**BASE, name: value})
            found.setdefault(name, []).append((value, seconds(lambda g=game: g.step_generator(0))))
            print(name, *found[name][-1], flush=True)
    for rows in DATA:
        game = method(BASE, rows)

        def epoch(game: SeqGAN = game) -> None:
            for _ in range(game.batches.per_epoch):
                game.update(generator=game.mle_loss(game.real(), 0))

        found.setdefault("data", []).append((rows, seconds(epoch, times=2)))
        print("data", *found["data"][-1], flush=True)
    return found


def schedule(preset: str) -> list[str]:
    """Return the lines of a preset's schedule: seconds of each of its parts by cores, and what all take."""
    config = configure("seqgan", preset=preset, settings={})
    game = playing(config.build_method(config.build_task()))
    judged = game.d_rounds + game.rounds * game.d_steps
    parts: dict[str, tuple[int, Callable[[], Any]]] = {
        "epoch of likelihood": (game.mle_epochs, partial(game.phases()[0].run, 0)),
        "round of the discriminator": (judged, partial(game.teach_discriminator, 0)),
        "update of the generator": (game.rounds * game.g_steps, partial(game.step_generator, 0)),
    }
    lines, totals = [], [0.0] * len(CORES)
    for name, (times, work) in parts.items():
        spent = [seconds(work, clock, times=1, before=0) for clock in map(on, CORES)]
        totals = [total + one * times for total, one in zip(totals, spent, strict=True)]
        told_of = " | ".join(f"{one:.1f} s | {told(one * times)}" for one in spent)
        lines.append(f"| {name} | {times:,} | {told_of} |")
        print(lines[-1], flush=True)
    on(1)
    return [*lines, f"| **all** | | {' | '.join(f'| **{told(total)}**' for total in totals)} |"]


def on(cores: int) -> Callable[[], float]:
    """Let PyTorch use so many cores, and return the clock to read: of the processor for one, of the wall for more."""
    torch.set_num_threads(cores)
    return time.process_time if cores == 1 else time.perf_counter


def told(spent: float) -> str:
    """Return minutes, or hours from two on.

    >>> told(90), told(9000)
    ('1.5 min', '2.5 h')
    """
    return f"{spent / 60:.1f} min" if spent < 7200 else f"{spent / 3600:.1f} h"


def picture(found: dict[str, list[tuple[int, float]]]) -> str:
    """Return a chart of all curves, both axes relative to the smallest size and in powers of two."""
    series = []
    for k, (name, points) in enumerate(found.items()):
        dots = tuple(
            Dot(math.log2(size / points[0][0]), math.log2(spent / points[0][1]), f"{name} = {size:,}: {spent:.2f} s")
            for size, spent in points
        )
        series.append(Series(name, dots, style=k + 1, label=name))
    ends = (Dot(0.0, 0.0), Dot(4.0, 4.0))
    linear = Series("linear", ends, style=0, plain=True, broken=True, label="linear")
    return alone(Chart("Cost by size", "doublings of the size", "doublings of the time", (linear, *series)))


def curves_page(picture_file: Path) -> str:
    """Measure every size, write the picture, and return the page down to it."""
    found = curves()
    text = ["# Scaling", "", INTRODUCTION, "| size | seconds | exponent | at most |", "|---|---|---|---|"]
    for name, points in found.items():
        seconds_of = ", ".join(f"{size:,}: {spent:.2f}" for size, spent in points)
        text.append(f"| {name} ({MEANING[name]}) | {seconds_of} | **{slope(points):.2f}** | {AT_MOST[name]} |")
    picture_file.write_text(picture(found), encoding="utf-8")
    return "\n".join([*text, "", f"![cost by size]({picture_file.name})", "", ""])


def main() -> None:
    """Measure and write the page."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--schedules", action="store_true", help="measure these alone, and keep the curves of the page")
    options = parser.parse_args()
    keep_freed()
    on(1)
    if options.schedules:
        before = options.page.read_text(encoding="utf-8").partition("## Schedules")[0]
    else:
        before = curves_page(options.page.with_suffix(".svg"))
    text = ["## Schedules", ""]
    text += ["One of each part, in processor time on one core and by the clock on two, and all of them at that pace:"]
    text += ["**worked out from measured parts, not a whole run**; no evaluation, likelihood never stopped early."]
    for preset in ("paper-oracle-20", "quick"):
        text += ["", f"`tokengan train seqgan --preset {preset}`:", ""]
        heads = " | ".join(f"one, {cores} core{'s' * (cores > 1)} | all" for cores in CORES)
        text += [f"| part | times | {heads} |", "|---|---|---|---|---|---|", *schedule(preset)]
    publish(options.page, before + "\n".join([*text, "", f"torch {torch.__version__}.", ""]))


if __name__ == "__main__":
    main()
