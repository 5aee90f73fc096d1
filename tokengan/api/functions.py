"""The functions of the package, with the names of the command line's verbs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tokengan.api.model import Model
from tokengan.api.session import Session, TrainedRun
from tokengan.config import Config, configure
from tokengan.data.builtin import BUILTIN
from tokengan.training.profile import Profile

if TYPE_CHECKING:
    from tokengan.metrics.base import Figure

__all__ = ["evaluate", "free_folder", "load", "resume", "train"]


def train(
    method: str | type | None,
    data: Any = None,
    *,
    preset: str | None = None,
    out: str | Path | None = None,
    seed: int | None = None,
    start: str | Path | None = None,
    control: str | None = None,
    config: str | Path | None = None,
    profile: bool = False,
    **settings: Any,
) -> TrainedRun:
    """Train a method on data into a run folder, and measure what came of it.

    Args:
        method: Short name, class path or class.
        data: A file, a folder, a built-in name, a hub id, or a task class; None is the built-in oracle.
        preset: Name of a preset of the method.
        out: The run folder; None makes one under `runs/`.
        seed: Seed of weights, batches and draws.
        start: Run folder whose generator weights the run begins with; the likelihood phase is left out.
        control: `constant`: train again from the same start with a reward that knows nothing, and report both.
        config: A run's `config.yaml` to lay under these settings. It is trusted code.
        profile: Whether to measure where the time goes (`TrainedRun.profile`, and `profile.json` in the folder).
        settings: Settings by name, nested (`credit={"n": 4}`), dotted (`**{"credit.n": 4}`), or part classes.
    """
    measured = Profile() if profile else None
    resolved = configure(
        method, data, preset=preset, file=config, settings=settings, seed=seed, start=start, control=control
    )
    return Session(resolved, free_folder(resolved, out)).run(profile=measured)


def resume(run: str | Path, *, at: str | None = None, profile: bool = False) -> TrainedRun:
    """Go on with a run from its last checkpoint, or from the one named; its `config.yaml` is trusted code.

    With `profile` it is measured where the time of this part of the run goes.
    """
    measured = Profile() if profile else None
    return Session.open(run).run(at, measured)


def load(run: str | Path, checkpoint: str | int = "best", *, trust: bool = False, device: str = "cpu") -> Model:
    """Return a trained run, ready to write. The data are not needed.

    Args:
        run: The run folder.
        checkpoint: `best`, `last`, `start`, or a number.
        trust: Whether classes that are neither ours nor registered may be imported.
        device: Where it computes.
    """
    return Model.load(run, checkpoint, trust=trust, device=device)


def evaluate(
    samples: str | Path | Sequence[str],
    reference: str | Path | Sequence[str] | None = None,
    train: str | Path | Sequence[str] | None = None,
    *,
    metrics: Sequence[str] | None = None,
    lowercase: bool = False,
    tokens: Literal["word", "char"] = "word",
    encoder: str = "lsa",
    progress: bool = False,
) -> list[Figure]:
    """Return the figures of any texts against any texts.

    Args:
        samples: What a system wrote: a file, one sequence a line, or the texts.
        reference: Held-out real text.
        train: The text that the system learnt from.
        metrics: Names of metrics; None for all cheap ones that can be computed, `["all"]` for the costly ones too.
        lowercase: Lower-case all texts first.
        tokens: Cut at white space (`word`) or into characters (`char`).
        encoder: What turns texts into vectors for FED, MAUVE and the like: `lsa`, `lsa:DIMENSIONS`, `minilm` or
            `hf:NAME`.
        progress: Show on standard error which metric is under way, where that is a terminal.
    """
    from tokengan.metrics import evaluate_texts

    return evaluate_texts(
        samples,
        reference,
        train,
        metrics=metrics,
        lowercase=lowercase,
        tokens=tokens,
        encoder_name=encoder,
        progress=progress,
    )


def free_folder(config: Config, out: str | Path | None) -> Path:
    """Return the folder asked for, or the first `runs/METHOD-DATA`, `-2`, `-3` ... that is not there."""
    if out is not None:
        return Path(out)
    source = str(config.values.data.get("source", None) or config.task)
    stem = (
        source.replace(":", "-") if source.partition(":")[0] in BUILTIN else os.path.basename(source).partition(".")[0]
    )
    base = f"{config.method.rpartition('.')[2].lower()}-{stem or 'data'}"
    number = 1
    while (path := Path("runs", base if number == 1 else f"{base}-{number}")).exists():
        number += 1
    return path
