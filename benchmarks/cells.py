"""What the tables share: a cell is a run folder, which goes on where it was killed and, once done, is only read."""

from __future__ import annotations

import json
import statistics
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import starmap
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol, TypeVar

import torch

from tokengan.config import Config
from tokengan.methods.base import Method
from tokengan.methods.policy_gradient import PolicyGradient
from tokengan.metrics.evaluator import Evaluator
from tokengan.training.run import Run
from tokengan.training.trainer import Event, TrainerSettings, fit
from tokengan.training.updater import Updater, players_of

__all__ = [
    "CRITIC",
    "NAIVE",
    "NO_GAME",
    "Row",
    "asked",
    "by_row",
    "fill",
    "flags",
    "folder",
    "folder_name",
    "percent",
    "playing",
    "publish",
    "read",
    "run",
    "spread",
    "standing",
    "trained",
]

R = TypeVar("R", bound="Row")
M = TypeVar("M", bound=Method)

# Of ORGAN, whatever it writes: likelihood alone, the objective without D, and a critic in D's place.
NO_GAME = {"d_rounds": 0, "rounds": 0}
NAIVE = {"reward.weight": 0}
CRITIC = {
    "loss": "wasserstein",
    "constraint": "gradient_penalty",
    "reward.first": "critic",
    "reward.transform": "rank",
    "discriminator.l2": 0,
    "discriminator.dropout": 0,
}


def folder_name(name: str) -> str:
    """Return a row's name as part of a path."""
    return name.replace(", ", "-").replace(" ", "-")


def folder(out: Path, name: str, seed: int) -> Path:
    """Return the run folder of a cell."""
    return out / f"{folder_name(name)}-{seed}"


def trained(config: Config, task: Any, path: Path, start: Path | None, samples: int, **settings: Any) -> Any:
    """Train a cell, or go on with it, and return its method.

    The processor time of training, evaluations included, is kept in the folder: the machine may be busy with other
    things, and the run may be killed in between.

    Args:
        config: The settings; those of a run with a start leave likelihood out (`mle_epochs` 0), as `--start` does.
        task: The task.
        path: The cell's folder.
        start: The run whose generator it begins with, or None.
        samples: Samples of an evaluation on the way.
        settings: Those of the trainer, besides the preset's own.
    """
    method = config.build_method(task, None if start is None else Run(start).weights())
    run = Run(path) if path.exists() else _whole(path, config, task)
    clock = path / "cpu.json"
    before, begun = json.loads(clock.read_text()) if clock.exists() else 0.0, time.process_time()

    def spent(event: Event) -> None:
        if event.kind == "saved":
            clock.write_text(json.dumps(before + time.process_time() - begun))

    given = {"eval_every": config.trainer.eval_every, "save_every": 5, "quiet": True, **settings}
    ended = fit(method, run, Evaluator(samples), settings=TrainerSettings(**given), on_event=spent)
    if ended.status != "done":  # half a run is no result
        raise SystemExit(ended.text)
    return method


def playing(method: M) -> M:
    """Return a method whose steps can be made one by one, in its first round."""
    method.update = Updater(players_of(method))
    method.train()
    if isinstance(method, PolicyGradient):
        method.begin_round(0)
    return method


def _whole(path: Path, config: Config, task: Any) -> Run:
    """Make a run folder that `tokengan generate` and `--start` take like any other."""
    with TemporaryDirectory() as aside:
        task.save(Path(aside))
        files = {file.name: file.read_text(encoding="utf-8") for file in Path(aside).iterdir()}
    return Run.create(path, config.dump(), files)


class Row(Protocol):
    """What the tables' own rows have."""

    @property
    def name(self) -> str:
        """Stands in the table."""
        ...

    @property
    def seeds(self) -> int:
        """How many seeds it is run with."""
        ...


def asked(about: str | None, out: Path, page: Path) -> ArgumentParser:
    """Return the flags that every table has."""
    parser = ArgumentParser(description=(about or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=out)
    parser.add_argument("--page", type=Path, default=page)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rows", nargs="*", help="names of rows to run; all by default")
    parser.add_argument("--processes", type=int, default=2, help="cells at a time, one thread each")
    return parser


def run(work: Callable[[R, int], dict[str, Any]], waves: Iterable[Sequence[R]], options: Namespace) -> None:
    """Do work on every cell that was asked for, wave after wave: the starts before what begins with them."""
    for wave in waves:
        chosen = [row for row in wave if not options.rows or row.name in options.rows]
        jobs = [(row, seed) for seed in range(options.seeds) for row in chosen if seed < row.seeds]
        for found in _each(work, jobs, options.processes):
            print(json.dumps(found), flush=True)


def read(rows: Iterable[Row], options: Namespace) -> list[dict[str, Any]]:
    """Return the figures of all cells that are done, with their processor minutes where those were counted."""
    done: list[dict[str, Any]] = []
    for row in rows:
        for seed in range(options.seeds):
            path = folder(options.out, row.name, seed)
            if (path / "result.json").exists():
                clock = path / "cpu.json"
                minutes = json.loads(clock.read_text()) / 60 if clock.exists() else None
                done.append(json.loads((path / "result.json").read_text()) | {"minutes": minutes})
    return done


def _each(work: Callable[..., Any], jobs: Sequence[tuple[Any, int]], processes: int) -> Iterable[Any]:
    """Work in so many processes of one thread each; one failure ends the rest."""
    if processes == 1:
        torch.set_num_threads(1)
        yield from starmap(work, jobs)
        return
    spawned = get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=spawned, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        yield from pool.map(work, *zip(*jobs, strict=True)) if jobs else ()


def spread(values: Sequence[float | None], digits: int = 3, sign: str = "") -> str:
    """Return a mean and the seeds' own values, `-` where there are none.

    >>> spread([1.0, 2.0], 1), spread([0.5, None], 2), spread([None])
    ('1.5 (1.0, 2.0)', '0.50', '-')
    """
    known = [value for value in values if value is not None]
    if not known:
        return "-"
    one_by_one = [f"{value:{sign}.{digits}f}" for value in known]
    return one_by_one[0] if len(known) == 1 else f"{statistics.mean(known):{sign}.{digits}f} ({', '.join(one_by_one)})"


def flags(settings: Mapping[str, Any]) -> list[str]:
    """Return settings as they are typed.

    >>> flags({"epochs": 2, "reward.objectives": ["qed", "sa"], "data.melody": True})
    ['--epochs 2', "--reward.objectives '[qed,sa]'", '--data.melody true']
    """
    return [
        f"--{name} " + (f"'[{','.join(map(str, value))}]'" if isinstance(value, list) else str(value).lower())
        for name, value in settings.items()
    ]


def percent(values: Sequence[float]) -> str:
    """Return relative changes, in per cent.

    >>> percent([0.5, -0.25]), percent([])
    ('+12 (+50, -25) %', '-')
    """
    return "-" if not values else spread([100 * value for value in values], 0, "+") + " %"


def by_row(rows: Iterable[Row], done: Sequence[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Return the seeds of each row that has any, in the order of the rows."""
    found = {row.name: [one for one in done if one["cell"] == row.name] for row in rows}
    return {name: seeds for name, seeds in found.items() if seeds}


def standing(page: Path, names: Iterable[str], heading: str = "") -> dict[str, str]:
    """Return these rows of the first table after a heading as they stand on a page: what was not run again is kept."""
    if not page.exists():
        return {}
    text = page.read_text(encoding="utf-8").partition(heading)[2] if heading else page.read_text(encoding="utf-8")
    table = text.partition("|---")[2].partition("\n\n")[0]
    rows = {line.split(" | ")[0].removeprefix("| "): line for line in table.splitlines() if line.startswith("| ")}
    return {name: rows[name] for name in names if name in rows}


def publish(page: Path, text: str) -> None:
    """Write a page, in a folder that may not be there yet."""
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(text, encoding="utf-8")
    print(f"wrote {page}")


def fill(page: Path, name: str, lines: Sequence[str]) -> None:
    """Put lines between the marks `<!-- NAME -->` and `<!-- /NAME -->` of a page, which is to have them."""
    text = page.read_text(encoding="utf-8")
    before, mark, rest = text.partition(f"<!-- {name} -->\n")
    _, close, after = rest.partition(f"<!-- /{name} -->")
    if not mark or not close:
        raise SystemExit(f"{page} has no place for the table: put <!-- {name} --> and <!-- /{name} --> there")
    page.write_text("".join([before, mark, "\n".join(["", *lines, "", ""]), close, after]), encoding="utf-8")
