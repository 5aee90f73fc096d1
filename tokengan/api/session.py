"""One run from its configuration to its figures: what `train` and `resume` have in common."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor, arange

from tokengan.api.model import Model, checkpoint_named, report_of
from tokengan.config import Config, configure
from tokengan.config.settings import dotted
from tokengan.data.messages import brief, place
from tokengan.data.write import atomic_write
from tokengan.errors import UserError
from tokengan.generators.base import Condition, on_device
from tokengan.methods.base import Method, generator_state
from tokengan.metrics.evaluator import Evaluator
from tokengan.noise import Noise, seeded
from tokengan.rewards.constant import Constant
from tokengan.sampling.decoding import Decoding
from tokengan.sampling.write import write
from tokengan.tasks.base import Task
from tokengan.training.hardware import Hardware
from tokengan.training.profile import Profile
from tokengan.training.profile_text import as_json, as_text
from tokengan.training.run import CONFIG, CONTROL, FINAL, Run
from tokengan.training.trainer import Result, fit

if TYPE_CHECKING:
    from tokengan.metrics.evaluator import FinalReport

__all__ = ["LIKELIHOOD", "Session", "TrainedRun"]

LIKELIHOOD = "pretrain generator"  # the phase that `start` makes needless
SHOWN = 20  # texts in `samples/STEP.txt`


class TrainedRun(Model):
    """A run that was trained just now.

    Attributes:
        result: How training ended: `status` is `done`, `stopped` or `collapsed`.
        report: The figures at the end; None where training was stopped before.
        control: The same of the control run, where one was asked for.
        profile: Where the time went, as a table; "" where nobody asked.
    """

    def __init__(self, run: Run, config: Config, method: Method, result: Result) -> None:
        super().__init__(run, config, method, run.checkpoints.pointed("last") or "")
        self.result = result
        self.report: FinalReport | None = None
        self.control: FinalReport | None = None
        self.profile = ""

    def samples(self, n: int) -> list[str]:
        """Return texts for a person: written for held-out conditions, with those beside them, where there are some."""
        if not self.method.writer.needs:
            return self.generate(n)
        test = self.method.task.test
        heldout = test.select(arange(n) * len(test) // n).to(self.method.device)  # of every label, in their order
        noise = Noise(seeded("samples", self.config.seed, self.method.device))
        return _shown(self.method, n, noise, heldout.condition)

    def to_json(self) -> dict[str, Any]:
        """Return the outcome for `json.dumps`."""
        return {
            "run": str(self.path),
            "status": self.result.status,
            "step": self.result.step,
            "report": None if self.report is None else self.report.to_json(),
            "control": None if self.control is None else self.control.to_json(),
        }


class Session:
    """A run that is about to be trained.

    Args:
        config: Its configuration.
        out: The run folder, which need not be there yet.
        task: The data, where they were read already.

    Attributes:
        task: The data.
        method: The method, built.
    """

    def __init__(self, config: Config, out: Path, task: Task | None = None) -> None:
        self.config, self.out = config, out
        _hardware(config)
        self.task = config.build_task() if task is None else task
        # A run that has a checkpoint reads its weights there, and no longer needs the run that it began from.
        begun = (out / CONFIG).exists() and Run(out).checkpoints.pointed("last") is not None
        self._weights = None if config.start is None or begun else _start_weights(config.start, self.task)
        self.method = self.build()

    @classmethod
    def open(cls, run: Path | str, task: Task | None = None, trust: bool = True) -> Session:
        """Return the session that goes on with a run folder."""
        folder = Run(run)
        session = cls(configure(None, file=folder.path / CONFIG, trust=trust), folder.path, task)
        _same_data(folder.path, session.task)
        return session

    def build(self) -> Method:
        """Return the method, freshly built, without the likelihood phase where the run begins from another one."""
        method = self.config.build_method(self.task, self._weights)
        phases = method.phases()
        if self.config.start is not None and len(phases) > 1:
            kept = [replace(phase, iterations=0) if phase.name == LIKELIHOOD else phase for phase in phases]
            method.phases = lambda: kept
        return method

    def run(self, at: str | None = None, profile: Profile | None = None) -> TrainedRun:
        """Train to the end, then the control where one is asked for, and measure both.

        With a `profile` the folder says where the time went (`profile.json`, `profile.txt`), the control's apart.
        A folder made here is taken away again by what goes wrong before its first checkpoint.
        """
        made = not (self.out / CONFIG).exists()
        above = [parent for parent in self.out.absolute().parents if not parent.exists()]
        try:
            folder = self._create() if made else Run(self.out)
            at = None if at is None else checkpoint_named(folder, at)
            result = fit(
                self.method,
                folder,
                Evaluator(),
                settings=self.config.trainer,
                samples=self._samples,
                at=at,
                profile=profile,
                rebuild=self.build,
            )
        except BaseException:
            if made:
                self._take_away(above)
            raise
        trained = TrainedRun(folder, self.config, self.method, result)
        if result.status != "stopped":
            return self.measured(trained, profile)
        if profile is not None:
            trained.profile = self._profiled(profile)
        return trained

    def measured(self, trained: TrainedRun, profile: Profile | None = None) -> TrainedRun:
        """Measure what was trained, and the control where one is asked for; both stand in `final.json`."""
        with nullcontext() if profile is None else profile.part("final figures", whole=True):
            trained.report = report_of(self.method, trained.run)
        if profile is not None:
            trained.profile = self._profiled(profile)
        if self.config.control is not None:
            trained.control = self._control()
        atomic_write(trained.path / FINAL, json.dumps(trained.to_json(), indent=2) + "\n")
        return trained

    def _create(self) -> Run:
        with tempfile.TemporaryDirectory() as aside:
            self.task.save(Path(aside))
            files = {path.name: path.read_text(encoding="utf-8") for path in Path(aside).iterdir()}
        files["data.json"] = json.dumps(self.task.report, indent=2) + "\n"
        return Run.create(self.out, self.config.dump(), files)

    def _profiled(self, profile: Profile) -> str:
        """Write where the time went into the folder, and return it for a person."""
        found = as_json(profile, self.method, self.config.trainer)
        text = as_text(found)
        atomic_write(self.out / "profile.json", json.dumps(found, indent=1) + "\n")
        atomic_write(self.out / "profile.txt", text + "\n")
        return text

    def _take_away(self, above: list[Path]) -> None:
        with suppress(UserError):
            if Run(self.out).checkpoints.names():
                return
            shutil.rmtree(self.out)
        for parent in above:  # the nearest first; one that holds something else stays
            with suppress(OSError):
                parent.rmdir()

    def _samples(self, method: Method) -> list[str]:
        noise = Noise(seeded("samples", self.config.seed, method.device))
        return _shown(method, SHOWN, noise, on_device(self.task.fresh(SHOWN, noise), method.device))

    def _control(self) -> FinalReport | None:
        out = self.out / CONTROL
        if (out / CONFIG).exists():
            return Session.open(out, self.task).run().report
        kept = {key: value for key, value in self.config.settings.items() if not key.startswith("reward.")}
        start = self.out / "checkpoints" / Run(self.out).checkpoints.find("start")
        method: Any = self.method  # one with a reward; its credit stays, which takes rewards a step or a sequence
        config = configure(
            self.config.method,
            preset="none",
            settings={
                **kept,
                "task": self.config.task,
                "reward": dotted(Constant),
                "reward.per_step": method.reward.per_step,
            },
            seed=self.config.seed,
            start=start,
        )
        return Session(config, out, self.task).run().report


def _shown(method: Method, rows: int, noise: Noise, condition: Condition) -> list[str]:
    """Return texts of a method, what they were written under beside them."""
    forbid = () if method.spec.unk is None else (method.spec.unk,)
    said = method.task.shown if method.writer.needs else method.task.decode
    return said(write(method.writer, rows, noise, Decoding(forbid=forbid), condition=condition))


def _hardware(config: Config) -> None:
    """Raise UserError, before anything is read, for a device that is not there, or for several processes."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise UserError(
            "this verb runs in one process: several processes train together through `tokengan.training.trainer.fit` "
            "in a script of yours"
        )
    try:
        Hardware.find(config.trainer.device, config.trainer.precision)
    except RuntimeError as error:
        raise UserError(
            f"trainer.device is '{brief(config.trainer.device)}': give auto, cpu, cuda or cuda:1"
        ) from error


def _start_weights(start: str, task: Task) -> dict[str, Tensor]:
    """Return the weights of a run folder (its best checkpoint) or of one of its checkpoint folders."""
    path, which = Path(start), "best"
    if path.parent.name == "checkpoints" and not (path / CONFIG).exists():
        path, which = path.parent.parent, path.name
    run = Run(path)
    with tempfile.TemporaryDirectory() as aside:
        task.save(Path(aside))
        for here in sorted(Path(aside).iterdir()):
            name, there = here.name, run.path / here.name
            if not there.exists() or here.read_bytes() != there.read_bytes():
                raise UserError(
                    f"{place(run.path)} was trained on other data than these ({name} differs): give the same data and "
                    "data settings, or start from another run"
                )
    weights = run.weights(which)
    if not generator_state(weights):
        raise UserError(f"{place(run.path)} holds no generator to start from")
    return weights


def _same_data(run: Path, task: Task) -> None:
    """Refuse to go on with other data than the run was begun with."""
    try:
        before = json.loads((run / "data.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(
            f"{place(run / 'data.json')} cannot be read ({brief(error, 100)}): the run is not whole"
        ) from None
    then, now = ([file["sha256"] for file in report.get("files", [])] for report in (before, task.report))
    if then != now:
        raise UserError(
            f"the data have changed since {place(run)} was begun (sha256 differs): put back the file as it was, or "
            f"train anew with: tokengan train --config {run / CONFIG}"
        )
