r"""What training costs: where a run's time goes, whether the time left is right, and switches that were tried.

    python benchmarks/training.py --arrays ../shared/data/seqgan-oracle/target_params.npz \
        --captions ../shared/data/coco-captions/train.tok.txt

Each part is kept in `--out` once it was measured (`--parts` names those to measure), and a part that is not there keeps
what stands on the page, docs/results/training.md. Seconds are processor seconds of one thread, so that whatever else
the machine does stays out of them.
"""

from __future__ import annotations

import json
import operator
import shutil
import statistics
import time
from argparse import ArgumentParser
from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from cells import playing, publish

from tokengan.api.session import Session
from tokengan.config import configure
from tokengan.metrics.evaluator import Evaluator, final_report
from tokengan.metrics.law import cross_entropy
from tokengan.training import trainer
from tokengan.training.forecast import Left
from tokengan.training.hardware import Hardware
from tokengan.training.profile import Profile
from tokengan.training.profile_text import as_text
from tokengan.training.progress import Progress
from tokengan.training.run import Run
from tokengan.training.trainer import TrainerSettings, fit

CLOCK = time.process_time
CPU = torch.device("cpu")
# A generator and a discriminator wide enough that their matrix products are most of the work.
WIDE = {
    "generator.embedding": 256,
    "generator.hidden": 512,
    "generator.layers": 2,
    "discriminator.widths": "null",
    "discriminator.filters": "null",
    "credit.n": 1,
}
SMALL_DATA = {"data.size": 1000, "data.valid": 100, "data.test": 100}
BUCKET, EPOCHS = 100, 3
# Besides these there are `published`, which takes an hour, and its `controls`.
PARTS = ["overhead", "captions", "quick", "switches", "buckets"]
SHORT = {"mle_epochs": 2, "d_rounds": 1, "rounds": 4}
# What is run of the published schedule, which takes many hours.
PAPER = "paper-oracle-20"
BEGUN = {"d_rounds": 5, "rounds": 6, "trainer.eval_every": 2}


class Watch(Progress):
    """Remembers what a person would have been told, and when."""

    shows = True

    def __init__(self) -> None:
        self.told: list[tuple[float, Left]] = []
        self.begun: list[tuple[float, str]] = []

    def phase(self, name: str, rounds: int, done: int) -> None:
        """Remember when a phase began."""
        self.begun.append((CLOCK(), name))

    def left(self, left: Left) -> None:
        """Remember the time left."""
        self.told.append((CLOCK(), left))


def whole_run(method: str, data: str | None, preset: str | None, settings: dict[str, Any], out: Path) -> dict[str, Any]:
    """Train a run, and return its profile, what was said of the time left, and the figures of its end."""
    shutil.rmtree(out, ignore_errors=True)
    watch, profile = Watch(), Profile(CLOCK)
    trainer.progress_for = lambda quiet: watch
    time.monotonic = CLOCK  # what the trainer measures rounds with
    session = Session(configure(method, data, preset=preset, settings=settings), out)
    begun = CLOCK()
    trained = session.run(profile=profile)
    found = json.loads((out / "profile.json").read_text())
    outside = found["phases"][""]["parts"].get("final figures", {"seconds": 0.0})["seconds"]
    end = CLOCK() - outside
    said = [
        {"after": at - begun, "said": left.seconds, "words": left.words(), "true": end - at} for at, left in watch.told
    ]
    starts = {name: at - begun for at, name in watch.begun}
    figures = {one.name: one.value for one in trained.report.figures} if trained.report else {}
    return {"profile": found, "said": said, "phases": starts, "figures": figures, "start": start_of(out)}


def start_of(run: Path) -> dict[str, float]:
    """Return the figures on the way of the model that the game began with: the best of likelihood's."""
    records = {record["step"]: record for record in Run(run).records()}
    last = records[int(Run(run).checkpoints.find("start"))]
    best = records[int(last.get("restored", last["step"]))]
    return {name: figure["value"] for name, figure in best["figures"].items()}


def game(settings: dict[str, Any], task: Any = None) -> Any:
    """Return SeqGAN on a little data, about to play."""
    config = configure("seqgan", preset="quick", settings={**SMALL_DATA, **settings})
    return playing(config.build_method(config.build_task() if task is None else task))


def likelihood(method: Any) -> None:
    """Make a step of maximum likelihood."""
    method.update(generator=method.mle_loss(method.real(), 0))


def discriminator(method: Any) -> None:
    """Make ten steps of the discriminator."""
    if not hasattr(method, "written"):
        method.written = method.write(320)
    for real, fake in method.pairs(method.written, 64, 1):
        method.step_discriminator(method.loss, method.constraint, real, fake)


def policy(method: Any) -> None:
    """Make a step of the policy gradient, roll-outs and scores with it."""
    method.step_generator(0)


WORK: dict[str, tuple[Callable[[Any], None], int]] = {
    "likelihood step": (likelihood, 3),
    "ten discriminator steps": (discriminator, 1),
    "policy step": (policy, 1),
}


def compare(ways: dict[str, tuple[Any, Callable[[], Any]]], repeats: int) -> dict[str, dict[str, float]]:
    """Return the median seconds of each piece of work in the first way, and the median ratios of the others to it.

    The ways take turns, forwards and backwards, and each ratio is of neighbours in time.
    """
    first, *others = ways
    found: dict[str, dict[str, float]] = {}
    for name, (work, times) in WORK.items():
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        for k in range(-2, repeats):  # the first two compile, and warm up
            for way in list(ways) if k % 2 else reversed(ways):
                method, context = ways[way]
                begun = CLOCK()
                with context():
                    for _ in range(times):
                        work(method)
                if k >= 0:
                    seconds[way].append((CLOCK() - begun) / times)
        ratios = {way: statistics.median(map(operator.truediv, seconds[way], seconds[first])) for way in others}
        found[name] = {first: statistics.median(seconds[first]), **ratios}
        print(name, {way: round(value, 3) for way, value in found[name].items()}, flush=True)
    return found


def compiled(method: Any) -> Any:
    """Return a method whose networks are compiled where they compute on tensors."""
    method.generator.hidden = torch.compile(method.generator.hidden, dynamic=True)
    method.discriminator.score = torch.compile(method.discriminator.score, dynamic=True)
    return method


def switches() -> dict[str, Any]:
    """Return seconds in float32, under bfloat16 autocast, and compiled."""
    found = {}
    for name, settings in (("quick", {}), ("wide", WIDE)):
        plain = game(settings)
        low = Hardware(CPU, bf16=True).rounds
        found[name] = compare(
            {
                "float32": (plain, nullcontext),
                "bf16": (game(settings, plain.task), low),
                "compiled": (compiled(game(settings, plain.task)), nullcontext),
            },
            repeats=4,
        )
    return found


def overhead() -> dict[str, Any]:
    """Return seconds with and without a profile."""
    plain = game({})
    watched = game({}, plain.task)
    with ExitStack() as stack:
        profile = Profile()
        stack.enter_context(profile.watching(SimpleNamespace(), watched, watched.update, CPU))
        return compare({"off": (plain, nullcontext), "on": (watched, nullcontext)}, repeats=12)


def buckets(captions: Path) -> dict[str, Any]:
    """Return what epochs of likelihood take with batches of chance and of about one length, and where they lead."""
    found, task = {}, None
    for generator in ("lstm", "transformer"):
        ways = {}
        for bucket in (1, BUCKET):
            config = configure("mle", str(captions), settings={"generator": generator, "bucket": bucket})
            task = config.build_task() if task is None else task
            ways[bucket] = playing(config.build_method(task))
        seconds: dict[int, list[float]] = {bucket: [] for bucket in ways}
        columns = dict.fromkeys(ways, 0.0)
        for _ in range(EPOCHS):
            for bucket, method in ways.items():
                method.train()
                begun = CLOCK()
                for _ in range(method.batches.per_epoch):
                    x = method.real()
                    method.update(generator=method.mle_loss(x, 0))
                    columns[bucket] += x.length / method.batches.per_epoch / EPOCHS
                seconds[bucket].append(CLOCK() - begun)
        found[generator] = {
            "seconds": statistics.median(seconds[1]),
            "ratio": statistics.median(map(operator.truediv, seconds[1], seconds[BUCKET])),
            "columns": list(columns.values()),
            "NLL-valid": [_held_out(method) for method in ways.values()],
        }
        print(generator, found[generator], flush=True)
    return found


@torch.no_grad()
def _held_out(method: Any) -> float:
    return cross_entropy(method.generator.eval(), method.task.valid).mean


# ---- the page

QUICK = "SeqGAN, preset `quick`, on the published oracle"
PUBLISHED = "SeqGAN's published schedule, begun"
LEFT_TITLE = "The time left"
CAPTIONS = "SeqGAN on captions, cut short"
PRECISION = "Precision and compiling"
BUCKET_TITLE = "Batches of about one length"
WATCHED = "What `--profile` costs"
INTRODUCTION = """\
# What training costs

Written by `benchmarks/training.py`; nothing here is typed by hand. Seconds are processor seconds of one thread: on a
machine with nothing else to do they are the time that passes, and a second core takes some of it away."""

LEFT = """\
The progress bar counts the rounds of the running phase by what they took, those of a phase to come by one trial round
on a copy, ten seconds into the run, and evaluations and checkpoints by what they took. A trial may take a twentieth of
what is known to come; one that is broken off is completed by what single updates took, where the method says how many
its rounds make, and where it does not the bar says `more than`. It says `at most` while a phase may stop early: nothing
tells when it will. What it said of the run above, whose likelihood was given 20 epochs and stopped before:"""

BEGINNING = "The first rounds of each phase, and at their pace, evaluations with them, the whole."
AGAINST = """\
After those rounds, less the start at the temperature of equal entropy (one seed), beside as many updates whose reward
is constant:"""
TOLD = "The time left, of what was run:"
ON_THE_WAY = "The model that likelihood left, and after so many rounds of the game:"

SWITCHES = """\
`--trainer.precision bf16` runs rounds under bfloat16 autocast; `compiled` is `torch.compile(dynamic=True)` of the
generator's hidden states and the discriminator's scores, tried here and **not offered**: it needs a C++ compiler and
half a minute, and it did not help. CUDA graphs have not been measured. Speed in ratios to float32 (above 1 is faster),
of `quick` (embedding and hidden 32, 450 filters), and of a wide pair (two layers of 512, the published filters):"""


BUCKETS = f"""\
`tokengan train mle --bucket {BUCKET}` sorts {BUCKET} batches by length together, so that a batch is cut after its
longest row with less padding. The usual settings on captions, {EPOCHS} epochs of either; columns are those of a mean
batch. Off by default: every epoch's batches are then of chance, as in all tables."""


def page(found: dict[str, Any], stands: str) -> str:
    """Return the page of what was measured; what was not keeps the section that stands on it."""
    before = {title: f"## {title}\n{body.rstrip()}" for title, _, body in _titled(stands)}
    sections = {QUICK: "", LEFT_TITLE: "", PUBLISHED: "", CAPTIONS: "", PRECISION: "", BUCKET_TITLE: "", WATCHED: ""}
    if "quick" in found:
        run = found["quick"]
        sections[QUICK] = "\n\n".join([f"    {run['command']}", _ending(run), _block(run)])
        sections[LEFT_TITLE] = "\n\n".join([LEFT, _left(run)])
    if "published" in found:
        run = found["published"]
        compared = [_against(found["controls"])] if "controls" in found else []
        sections[PUBLISHED] = "\n\n".join(
            [f"    {run['command']}", BEGINNING, _whole(run), *compared, TOLD, _left(run), _block(run)]
        )
    if "captions" in found:
        run = found["captions"]
        sections[CAPTIONS] = "\n\n".join([f"    {run['command']}", _block(run)])
    if "switches" in found:
        sections[PRECISION] = "\n\n".join([SWITCHES, _ratios(found["switches"])])
    if "buckets" in found:
        sections[BUCKET_TITLE] = "\n\n".join([BUCKETS, _bucketed(found["buckets"])])
    if "overhead" in found:
        ratios = ", ".join(f"{name} {100 * (t['on'] - 1):+.1f} %" for name, t in found["overhead"].items())
        sections[WATCHED] = f"Time with it against time without, preset `quick`: {ratios}."
    measured = (f"## {title}\n\n{body}" if body else before.get(title) for title, body in sections.items())
    return "\n\n".join([INTRODUCTION, *filter(None, measured)]) + "\n"


def _titled(stands: str) -> list[tuple[str, str, str]]:
    return [part.partition("\n") for part in stands.split("\n## ")[1:]]


def _ending(run: dict[str, Any]) -> str:
    minutes = run["profile"]["seconds"] / 60

    def shown(figures: dict[str, float]) -> str:
        names = ("NLL-oracle", "NLL-valid", "NLL-test", "NLL-div")
        return ", ".join(f"{name} {figures[name]:.3f}" for name in names if name in figures)

    return (
        f"{minutes:.1f} core minutes from reading the data to the final figures ({shown(run['figures'])}). The game "
        f"began with {shown(run['start'])}; likelihood's settings are those of `mle plain` in the [table](oracle.md)."
    )


def _whole(run: dict[str, Any]) -> str:
    """Return what the whole schedule takes at the pace of what was run of it, and the figures on the way."""
    rows = ["| phase | rounds run | core minutes | rounds of the schedule | core hours |", "|---|---|---|---|---|"]
    total = 0.0
    for phase, (ran, rounds) in run["rounds"].items():
        parts = run["profile"]["phases"][phase]["parts"].items()
        spent = sum(part["seconds"] for name, part in parts if name != "trial rounds")
        hours = spent / ran * rounds / 3600
        total += hours
        rows.append(f"| {phase} | {ran} | {spent / 60:.1f} | {rounds} | {hours:.1f} |")
    way = [f"| figure | {' | '.join(map(str, run['game']))} |", "|---" * (1 + len(run["game"])) + "|"]
    for name in ("NLL-oracle", "NLL-div"):
        way.append(f"| {name} | {' | '.join(f'{figures[name]:.3f}' for figures in run['game'].values())} |")
    return "\n".join([*rows, f"| **all** | | | | **{total:.1f}** |", "", ON_THE_WAY, "", *way])


def published(arrays: Path, out: Path) -> dict[str, Any]:
    """Return a run of the published schedule, cut after a few rounds of each game."""
    settings = {"data.arrays": str(arrays)}
    whole = configure("seqgan", preset=PAPER, settings=settings).settings
    shown = {name: whole[name] for name in ("mle_epochs", "d_rounds", "rounds")}
    run = whole_run("seqgan", None, PAPER, {**settings, **BEGUN}, out)
    ran, names = {**shown, **BEGUN}, list(run["phases"])
    records = [record for record in Run(out).records() if record["phase"] == names[-1]]
    return {
        "command": f"tokengan train seqgan --preset {PAPER} {_options(BEGUN)} --data.arrays ORACLE.npz --profile",
        "rounds": {name: (ran[key], shown[key]) for name, key in zip(names, shown, strict=True)},
        "game": {
            "start": run["start"],
            **{record["iteration"]: {n: f["value"] for n, f in record["figures"].items()} for record in records},
        },
        **run,
    }


def controls(arrays: Path, run: Path, out: Path) -> dict[str, Any]:
    """Return what that run gained over its start at equal entropy, and what as many updates of a constant reward do."""
    settings = {"data.arrays": str(arrays), **BEGUN, "mle_epochs": 0, "reward": "constant"}
    config = configure("seqgan", preset=PAPER, settings=settings)
    start = Run(run).weights("start")
    method = config.build_method(config.build_task(), start)
    shutil.rmtree(out, ignore_errors=True)
    fit(method, Run.create(out, config.dump()), Evaluator(1000), settings=TrainerSettings(quiet=True))
    control = final_report(method.eval(), start).to_json()
    return {"seqgan": json.loads((run / "final.json").read_text())["report"], "constant reward": control}


def _against(found: dict[str, Any]) -> str:
    rows = ["| row | d-oracle | d-test | NLL-div |", "|---|---|---|---|"]
    for name, report in found.items():
        held = report["entropy_matched"]
        told = (
            f"{held[n]['difference']:+.3f} (se {held[n]['standard_error']:.3f})" for n in ("NLL-oracle", "NLL-test")
        )
        entropy = next(figure["value"] for figure in report["figures"] if figure["name"] == "NLL-div")
        rows.append(f"| {name} | {' | '.join(told)} | {entropy:.3f} |")
    return "\n\n".join([AGAINST, "\n".join(rows)])


def _options(settings: dict[str, Any]) -> str:
    return " ".join(f"--{name} {value}" for name, value in settings.items())


def _block(run: dict[str, Any]) -> str:
    return "\n".join(f"    {line}".rstrip() for line in as_text(run["profile"]).splitlines())


def _left(run: dict[str, Any]) -> str:
    rows = ["| seconds into training | phase | it said | it was | said / was |", "|---|---|---|---|---|"]
    last = run["said"][-1]["after"]
    wanted = [20.0, 60.0, *(last * share for share in (0.25, 0.4, 0.55, 0.7, 0.85))]
    for after in sorted(wanted):
        one = next(one for one in run["said"] if one["after"] >= after)
        phase = max((at, name) for name, at in run["phases"].items() if at <= one["after"])[1]
        was = Left(one["true"]).words()
        rows.append(f"| {one['after']:.0f} | {phase} | {one['words']} | {was} | {one['said'] / one['true']:.2f} |")
    return "\n".join(rows)


def _ratios(found: dict[str, Any]) -> str:
    rows = ["| shapes | work | float32, ms | bf16 | compiled |", "|---|---|---|---|---|"]
    for shapes, works in found.items():
        for work, seconds in works.items():
            ratios = [f"{1 / seconds[way]:.2f}" for way in ("bf16", "compiled")]
            rows.append(f"| {shapes} | {work} | {1000 * seconds['float32']:.0f} | {' | '.join(ratios)} |")
    return "\n".join(rows)


def _bucketed(found: dict[str, Any]) -> str:
    rows = ["| generator | seconds an epoch | faster | columns | NLL-valid after |", "|---|---|---|---|---|"]
    for name, one in found.items():
        columns, held = ("{:.1f} to {:.1f}".format(*one["columns"]), "{:.3f}, {:.3f}".format(*one["NLL-valid"]))
        rows.append(f"| {name} | {one['seconds']:.1f} | {one['ratio']:.2f}x | {columns} | {held} |")
    return "\n".join(rows)


def main() -> None:
    """Measure what was asked for, and write the page."""
    parser = ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--arrays", type=Path, required=True)
    parser.add_argument("--captions", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("runs/training"))
    parser.add_argument("--page", type=Path, default=Path("docs/results/training.md"))
    parser.add_argument("--parts", nargs="*", default=PARTS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    measures: dict[str, Callable[[], dict[str, Any]]] = {
        "overhead": overhead,
        "captions": lambda: {
            "command": f"tokengan train seqgan CAPTIONS {_options(SHORT)} --profile",
            **whole_run("seqgan", str(options.captions), None, SHORT, options.out / "run-captions"),
        },
        "quick": lambda: {
            "command": "tokengan train seqgan --preset quick --data.arrays ORACLE.npz --profile",
            **whole_run("seqgan", None, "quick", {"data.arrays": str(options.arrays)}, options.out / "run-quick"),
        },
        "published": lambda: published(options.arrays, options.out / "run-published"),
        "controls": lambda: controls(options.arrays, options.out / "run-published", options.out / "run-constant"),
        "switches": switches,
        "buckets": lambda: buckets(options.captions),
    }
    found: dict[str, Any] = {}
    for name, measure in measures.items():
        stored = options.out / f"{name}.json"
        if name in options.parts:
            stored.write_text(json.dumps(measure()))
        if stored.exists():
            found[name] = json.loads(stored.read_text())
    publish(options.page, page(found, options.page.read_text() if options.page.exists() else ""))


if __name__ == "__main__":
    main()
