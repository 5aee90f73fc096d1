"""The one trainer: phases of rounds, evaluation, checkpoints, health. It never asks which method it is running."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from tokengan.errors import UserError, nearest
from tokengan.memory import keep_freed
from tokengan.training import rng
from tokengan.training.board import Board
from tokengan.training.evaluation import guarded, plain
from tokengan.training.forecast import Forecast, tried
from tokengan.training.hardware import Hardware, differences
from tokengan.training.health import Finding, diagnose, number
from tokengan.training.profile import Profile
from tokengan.training.progress import progress_for
from tokengan.training.run import Run
from tokengan.training.signals import StopAsked, stop_on_signals
from tokengan.training.snapshot import Standing, load_networks, pack, read_weights, unpack
from tokengan.training.updater import Diverged, Updater, players_of

if TYPE_CHECKING:
    from tokengan.methods.base import Method, Phase

__all__ = ["Evaluate", "Event", "Result", "TrainerSettings", "fit"]

Evaluate = Callable[[Any], Mapping[str, Any]]
RECENT = 30  # records that the health monitors look back on
LOOK = 10.0  # seconds of training before the phases to come are tried
TRIAL = 30.0  # most seconds of a trial


@dataclass(frozen=True)
class TrainerSettings:
    """How training is run; nothing here changes what is learnt, except `precision`, `device` and `stop_on_collapse`.

    Args:
        eval_every: Rounds between evaluations; the end of a phase is always evaluated.
        save_every: Rounds between checkpoints; a new best, the end of a phase and a stop are always saved.
        keep: Newest checkpoints kept, besides `best` and `start`.
        device: `auto`, `cpu`, `cuda`, `cuda:1` ...
        precision: `fp32`, or `bf16` for autocast; fp16 is refused.
        tensorboard: Whether to write TensorBoard events too.
        max_minutes: Stop cleanly after so many minutes of this process; None for no limit.
        stop_on_collapse: Whether a collapsed generator ends the run and is taken back to its best state.
        deterministic: Whether CUDA is held to deterministic algorithms; the CPU is without this.
        quiet: Whether nothing is printed.
    """

    eval_every: int = 10
    save_every: int = 10
    keep: int = 2
    device: str = "auto"
    precision: str = "fp32"
    tensorboard: bool = False
    max_minutes: float | None = None
    stop_on_collapse: bool = True
    deterministic: bool = False
    quiet: bool = False

    def __post_init__(self) -> None:
        for name in ("eval_every", "save_every", "keep"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} is {getattr(self, name)}: give a whole number of 1 or more")


@dataclass(frozen=True)
class Event:
    """Something that happened.

    Args:
        kind: `resumed`, `phase`, `evaluated`, `restored`, `saved`, `health`, `warning`, `stopping`, `ended`.
        text: A line for a person.
        data: The record, the checkpoint's name, or what else belongs to it.
    """

    kind: str
    text: str
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """How a call of `fit` ended.

    Args:
        status: `done`, `stopped` (a signal, or time was up), or `collapsed`.
        step: Rounds of all phases done.
        text: A line for a person; says how to go on.
        record: The newest evaluation record, or None.
    """

    status: str
    step: int
    text: str
    record: Mapping[str, Any] | None


def fit(
    method: Method,
    run: Run,
    evaluate: Evaluate,
    *,
    settings: TrainerSettings = TrainerSettings(),
    samples: Callable[[Any], Iterable[str]] | None = None,
    on_event: Callable[[Event], None] | None = None,
    at: str | None = None,
    profile: Profile | None = None,
    rebuild: Callable[[], Method] | None = None,
) -> Result:
    """Train a method in a run folder, from its last checkpoint where there is one.

    A run that is killed anywhere and called again ends with the same bits as one left alone, on the same device,
    threads and versions: all state is in the checkpoint, which falls between rounds.

    Args:
        method: What is trained, freshly built as for the first call.
        run: The run folder.
        evaluate: Called with the method; returns figures by name (numbers, or objects with `to_json`). It may use the
            global random generators, which are set aside, and must change nothing of the method.
        settings: See there.
        samples: Called with the method at each evaluation; returns the texts of `samples/STEP.txt`.
        on_event: Called with each event.
        at: Go back to this checkpoint (`000120`, `best`, `start`) and go on from there.
        profile: Measures where the time goes; None for nothing.
        rebuild: Returns the method freshly built once more. Where progress is shown, and in one process, a round of
            each phase to come is tried on such a copy, so that the time left is known; None leaves them unknown.

    Raises:
        Diverged: A loss or gradient was not finite; the last checkpoint is kept.
        UserError: A refused checkpoint, a full disk, a folder in use, an unknown watched figure.
    """
    keep_freed()
    training = _Training(method, run, evaluate, settings, samples, on_event, rebuild)
    if profile is None:
        return training.run(at)
    with profile.watching(training, method, training.updater, training.hardware.device):
        return training.run(at)


class _Training:
    """One call of `fit`."""

    def __init__(
        self,
        method: Method,
        run: Run,
        evaluate: Evaluate,
        settings: TrainerSettings,
        samples: Callable[[Any], Iterable[str]] | None,
        on_event: Callable[[Event], None] | None,
        rebuild: Callable[[], Method] | None,
    ) -> None:
        self.hardware = Hardware.find(settings.device, settings.precision)
        self.method, self.folder, self.settings = method, run, settings
        self.evaluate, self.samples, self.on_event = evaluate, samples, on_event
        run.checkpoints.keep = settings.keep
        method.to(self.hardware.device)
        method.world = self.hardware.world
        self.progress = progress_for(settings.quiet or not self.hardware.leads)
        self.updater = Updater(players_of(method), self.hardware.world, self.progress.tick)
        method.update = self.updater
        self.phases = method.phases()
        self.forecast = Forecast(self.phases, settings.eval_every, settings.save_every)
        self.rebuild = rebuild if self.progress.shows and self.hardware.world.size == 1 else None
        self.seed = method.streams.seed
        self.standing = Standing()
        self.findings: set[str] = set()
        self.board: Board | None = None
        self.begun = self.counted = time.monotonic()

    # ---- the loop

    def run(self, at: str | None) -> Result:
        with ExitStack() as stack:
            if self.hardware.leads:
                stack.enter_context(self.folder.locked())
                self.folder.checkpoints.sweep()
            # The caller's own random numbers are left alone; each process has its own, for dropout.
            stack.enter_context(rng.forked(self.hardware.device, self.seed, "train", self.hardware.world.rank))
            stack.enter_context(_deterministic(self.settings.deterministic))
            stack.enter_context(_full_precision())
            stack.callback(self.progress.close)
            stop = stack.enter_context(stop_on_signals(lambda text: self._tell("stopping", text)))
            self.method.train()
            self._restore(at)
            if self.settings.tensorboard and self.hardware.leads:
                self.board = Board(self.folder.path, self.standing.position.total)
                stack.callback(self.board.close)
            try:
                return self._phases(stop)
            except Diverged as error:
                raise self._diverged(error) from None

    def _phases(self, stop: StopAsked) -> Result:
        position = self.standing.position
        while position.phase < len(self.phases):
            phase = self.phases[position.phase]
            self.progress.phase(phase.name, phase.iterations, position.iteration)
            self._tell("phase", "", phase=phase.name)
            over = phase.iterations <= position.iteration
            if over:
                # No rounds: the model is judged all the same where later phases are compared with it.
                record = self._evaluated(phase) if position.phase == 0 and len(self.phases) > 1 else None
                self._end_phase(phase, record)
                if record is not None:
                    self._log(record)
                self._save()
            while not over:
                over, collapse = self._round(phase)
                self._look_ahead()
                self.progress.left(self.forecast.left(position.phase, position.iteration))
                if collapse is not None:
                    return self._roll_back(collapse)
                reason = self._asked(stop)
                if reason:
                    if position.checkpoint != self.folder.checkpoints.pointed("last"):
                        self._save()
                    if position.phase < len(self.phases):
                        return self._end("stopped", f"stopped ({reason}) and saved after round {position.total}")
        return self._end("done", f"trained for {position.total} rounds")

    def _round(self, phase: Phase) -> tuple[bool, Finding | None]:
        """Train one round; return whether the phase is over, and a finding that ends the run."""
        position, settings = self.standing.position, self.settings
        self.updater.phase, self.updater.iteration = phase.name, position.iteration
        begun = time.monotonic()
        with self.hardware.rounds():
            try:
                phase.run(position.iteration)
            except Diverged:
                raise
            except UserError as error:
                raise self._placed(error, phase) from error
        position.iteration += 1
        position.total += 1
        self.forecast.round(position.phase, time.monotonic() - begun)
        self.progress.left(self.forecast.left(position.phase, position.iteration, pending=True))
        self.progress.round()
        done = position.iteration
        over, better, record, collapse = done >= phase.iterations, False, None, None
        if over or done % (phase.eval_every or settings.eval_every) == 0:
            record = self._evaluated(phase)
            better = self._compare(phase, record)
            over = over or (phase.patience is not None and self.standing.waited >= phase.patience)
            collapse = self._examined(record)
        if record is not None and collapse is not None and settings.stop_on_collapse:
            self._log(record)
            return over, collapse
        save = over or better or done % settings.save_every == 0
        if save and (better or phase.watch is None):
            self.standing.pointers["best"] = position.checkpoint
        if over:
            self._end_phase(phase, record)
        if record is not None:
            self._log(record)
        if save:
            self._save()
        return over, None

    def _asked(self, stop: StopAsked) -> str:
        """Return why all processes should stop now, or ""."""
        limit = self.settings.max_minutes
        up = limit is not None and time.monotonic() - self.begun > 60 * limit
        reasons = self.hardware.everybodys(stop.by or ("max_minutes is over" if up else ""))
        return next((reason for reason in reasons if reason), "")

    # ---- the time left

    def _look_ahead(self) -> None:
        """Once, early in a run: try a round of each phase to come on a copy, and an evaluation if there was none yet.

        The generator has learnt a little by then, so that its sequences have about the length they will have.
        """
        if self.rebuild is None or time.monotonic() - self.begun < LOOK:
            return
        build, self.rebuild = self.rebuild, None
        position = self.standing.position
        ahead = [k for k, phase in enumerate(self.phases) if k > position.phase and phase.iterations]
        # What is only there for a guess must not end a run.
        with suppress(Exception), rng.forked(self.hardware.device, self.seed, "forecast"):
            if not self.forecast.seen("evaluation"):
                with self._timed("evaluation"):
                    guarded(self._ask, self.method, self.hardware, self.seed, "forecast")
            copy = build().to(self.hardware.device) if ahead else self.method
            copy.load_state_dict(self.method.state_dict())
            phases = copy.phases()
            for k in ahead:
                known = self.forecast.left(position.phase, position.iteration).seconds
                with self.hardware.rounds():
                    self.forecast.trial(k, tried(copy, phases[k], partial(_enough, known, phases[k])))

    @contextmanager
    def _timed(self, kind: str) -> Iterator[None]:
        begun, phase = time.monotonic(), min(self.standing.position.phase, len(self.phases) - 1)
        yield
        self.forecast.pause(kind, phase, time.monotonic() - begun)

    # ---- evaluation

    def _evaluated(self, phase: Phase) -> dict[str, Any]:
        position = self.standing.position
        with self._timed("evaluation"):
            figures, texts = guarded(self._ask, self.method, self.hardware, self.seed, "evaluate", position.total)
        if texts is not None and self.hardware.leads:
            self.folder.write_samples(position.total, texts)
        return {
            "step": position.total,
            "phase": phase.name,
            "iteration": position.iteration,
            "seed": self.seed,
            "seconds": round(self._seconds(), 3),
            "figures": figures,
            "training": {name: plain(value) for name, value in self.updater.drain().items()},
            "health": [],
        }

    def _ask(self, method: Any) -> tuple[dict[str, Any], list[str] | None]:
        figures = {name: plain(value) for name, value in self.evaluate(method).items()}
        return figures, None if self.samples is None else list(self.samples(method))

    def _compare(self, phase: Phase, record: Mapping[str, Any]) -> bool:
        """Return whether the watched figure is the phase's lowest so far."""
        if phase.watch is None:
            return False
        if phase.watch not in record["figures"]:
            raise UserError(
                f"phase '{phase.name}' watches the figure '{phase.watch}', which evaluation does not give"
                f"{nearest(phase.watch, record['figures'])} (it gives: {', '.join(record['figures']) or 'none'})"
            )
        value = number(record["figures"][phase.watch])
        if value is not None and (self.standing.best is None or value < self.standing.best):
            self.standing.best, self.standing.waited = value, 0
            return True
        self.standing.waited += 1
        return False

    def _examined(self, record: dict[str, Any]) -> Finding | None:
        """Ask the health monitors, tell what is new, and return a finding that says stop."""
        self.standing.recent = [*self.standing.recent, record][-RECENT:]
        findings = diagnose(self.standing.recent, self.standing.start)
        record["health"] = [finding.text for finding in findings]
        for finding in findings:
            if finding.monitor not in self.findings:  # once, until it goes away
                self._tell("health", finding.text, monitor=finding.monitor)
        self.findings = {finding.monitor for finding in findings}
        return next((finding for finding in findings if finding.stop), None)

    def _log(self, record: dict[str, Any]) -> None:
        if self.hardware.leads:
            self.folder.append(record)
        if self.board is not None:
            self.board.write(record)
        shown = {name: number(value) for name, value in record["figures"].items()}
        figures = ", ".join(f"{name} {value:.4g}" for name, value in shown.items() if value is not None)
        self._tell("evaluated", f"round {record['step']} ({record['phase']}): {figures}", **record)

    # ---- the end of a phase, and of the run

    def _end_phase(self, phase: Phase, record: dict[str, Any] | None) -> None:
        """Go back to the phase's best weights, and move on to the next phase."""
        standing, position = self.standing, self.standing.position
        best = standing.pointers.get("best")
        if phase.watch is not None and standing.best is not None and best not in (None, position.checkpoint):
            self._take_networks(best)
            if record is not None:
                record["restored"] = best
            lowest = f"{phase.watch} {standing.best:.4g}, checkpoint {best}"
            self._tell("restored", f"'{phase.name}' ends with its best weights ({lowest})", checkpoint=best)
        # The end of a phase is its best state, whatever it was chosen by: what follows starts here.
        standing.pointers["best"] = position.checkpoint
        if position.phase == 0 and len(self.phases) > 1:
            standing.pointers["start"] = position.checkpoint
            standing.start = record and self._record_at(record.get("restored"), record)
        standing.best, standing.waited = None, 0
        position.phase, position.iteration = position.phase + 1, 0

    def _record_at(self, checkpoint: str | None, record: dict[str, Any]) -> dict[str, Any]:
        """Return the record that was written with a checkpoint, else the one given."""
        return next((old for old in self.standing.recent if checkpoint and old["step"] == int(checkpoint)), record)

    def _take_networks(self, checkpoint: str) -> None:
        load_networks(self.method, read_weights(self.folder.checkpoints.read(checkpoint)), checkpoint)

    def _roll_back(self, collapse: Finding) -> Result:
        """Leave the run, and the method, at the last state known to be good."""
        phase, standing = self.phases[self.standing.position.phase], self.standing
        # Without a watched figure the newest checkpoint may be sick already: only the start model is known to be good.
        good = standing.pointers.get("best" if phase.watch is not None and standing.best is not None else "start")
        if good is None:
            return self._end("collapsed", f"{collapse.text} There was no checkpoint to go back to.")
        self._take_networks(good)
        if self.hardware.leads:
            self.folder.checkpoints.point("last", good)
            self.folder.checkpoints.point("best", good)
        return self._end("collapsed", f"{collapse.text} The run was stopped and taken back to checkpoint {good}.")

    def _placed(self, error: UserError, phase: Phase) -> UserError:
        """Return somebody else's error (an objective's) with the place where it came and the way on."""
        last = self.folder.checkpoints.pointed("last")
        kept = f"checkpoint {last} is kept" if last else "there is no checkpoint yet"
        return UserError(
            f"{error} It came in phase '{phase.name}', round {self.standing.position.iteration + 1}; {kept}. Once it "
            f"is mended: tokengan resume {self.folder.path}"
        )

    def _diverged(self, error: Diverged) -> Diverged:
        last = self.folder.checkpoints.pointed("last")
        kept = f"Checkpoint {last} is the last good one" if last else "There is no checkpoint yet"
        error.args = (
            f"{error.args[0]}; no weight was touched by that update. {kept}. Lower the learning rate of "
            f"'{error.player}' or clip its gradient harder in {self.folder.path / 'config.yaml'}, "
            f"then: tokengan resume {self.folder.path}",
        )
        return error

    def _end(self, status: str, text: str) -> Result:
        if status != "done":
            text = f"{text.rstrip('.')}. Go on with: tokengan resume {self.folder.path}"
        self._tell("ended", text, status=status)
        recent = self.standing.recent
        return Result(status, self.standing.position.total, text, recent[-1] if recent else None)

    # ---- checkpoints

    def _save(self) -> None:
        with self._timed("checkpoint"):
            self._write_checkpoint()

    def _write_checkpoint(self) -> None:
        standing, checkpoints = self.standing, self.folder.checkpoints
        states = self.hardware.everybodys(rng.capture(self.hardware.device))
        means = self.updater.state()
        if self.hardware.leads:
            name, players = standing.position.checkpoint, self.updater.players
            self._seconds()
            standing.metrics_bytes = self.folder.metrics_bytes(sync=True)
            kept = sorted({*checkpoints.names(), name})[-checkpoints.keep :]
            standing.needs = {old: standing.needs[old] for old in kept if old in standing.needs}
            standing.needs[name] = sorted(set(standing.pointers.values()))
            checkpoints.write(name, pack(self.method, players, standing, states, means, self.hardware.describe()))
            # `last` comes last: until then a kill leads back to the checkpoint before, and to its `best` and `start`.
            for pointer in ("best", "start"):
                checkpoints.point(pointer, standing.pointers.get(pointer))
            checkpoints.point("last", name)
            self._prune()
            self._tell("saved", "", checkpoint=name)
        self.hardware.wait()

    def _prune(self) -> None:
        self.folder.checkpoints.prune(spared=[one for needed in self.standing.needs.values() for one in needed])

    def _seconds(self) -> float:
        """Return the time spent on the run so far, by this process and those before it."""
        now = time.monotonic()
        self.standing.seconds, self.counted = self.standing.seconds + now - self.counted, now
        return self.standing.seconds

    def _restore(self, at: str | None) -> None:
        """Put back the last checkpoint, or the one asked for; none is a fresh start."""
        checkpoints = self.folder.checkpoints
        if at is None and not checkpoints.names() and checkpoints.pointed("last") is None:
            self._cut(0)
            return
        name = checkpoints.find(at or "last")
        self.standing, state = unpack(checkpoints.read(name), self.method, self.updater.players, name)
        self.updater.load_state(state["means"])
        if len(state["rng"]) == self.hardware.world.size:
            rng.restore(state["rng"][self.hardware.world.rank], self.hardware.device)
        if self.hardware.leads:
            for pointer in ("best", "start"):
                checkpoints.point(pointer, self.standing.pointers.get(pointer))
            checkpoints.point("last", name)
            self._prune()  # a kill may have come after the pointer and before this
        self._cut(self.standing.metrics_bytes)
        self._tell("resumed", f"goes on after round {self.standing.position.total}", checkpoint=name)
        changed = differences(state["machine"], self.hardware.describe())
        if changed:
            text = f"the same bits as a run left alone are not promised: {'; '.join(changed)}"
            self._tell("warning", text, changed=changed)

    def _cut(self, length: int) -> None:
        if self.hardware.leads:
            self.folder.cut(length)
        self.hardware.wait()

    def _tell(self, kind: str, text: str, /, **data: Any) -> None:
        if text:
            self.progress.say(text)
        if self.on_event is not None and self.hardware.leads:
            self.on_event(Event(kind, text, data))


def _enough(known: float, phase: Phase, spent: float) -> bool:
    """Return whether a trial has taken enough: a second, or a twentieth of all that is known to come, up to a limit.

    The phase that is tried takes `iterations * spent` at least, so one of twenty rounds or more is tried to the end of
    one, if that is within the limit.
    """
    return spent > max(1.0, min(TRIAL, (known + phase.iterations * spent) / 20))


@contextmanager
def _deterministic(wanted: bool) -> Iterator[None]:
    """Hold CUDA to deterministic algorithms for a while."""
    before = torch.are_deterministic_algorithms_enabled()
    if wanted:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS asks for it
        torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)


@contextmanager
def _full_precision() -> Iterator[None]:
    """Hold cuDNN to float32 for a while, which it leaves by default.

    A generator writes step by step and is scored in one pass: were one of the two in TF32, what is scored would not be
    the law that was drawn from. bfloat16, where it is asked for, is the faster way.
    """
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before
