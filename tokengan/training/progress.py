"""What a person sees while a run trains: a bar on a terminal, plain lines elsewhere, or nothing."""

from __future__ import annotations

import sys
import time
from typing import Any, TextIO

from tokengan.training.forecast import Left

__all__ = ["Bar", "Lines", "Progress", "progress_for"]


class Progress:
    """Shows nothing; the other ones show something. Rounds of a phase are counted, updates tick inside a round.

    Attributes:
        shows: Whether somebody may be reading.
    """

    shows = False
    _left, _said = Left(0.0, more=True), 0.0

    def phase(self, name: str, rounds: int, done: int) -> None:
        """Begin a phase of which some rounds are done."""

    def tick(self) -> None:
        """Count one update."""

    def round(self) -> None:
        """Count one round."""

    def left(self, left: Left) -> None:
        """Take in how long the whole run will still take."""
        self._left, self._said = left, time.monotonic()

    def say(self, text: str) -> None:
        """Print a line."""

    def _left_now(self) -> str:
        return self._left.words(time.monotonic() - self._said) if self._left.seconds else ""

    def close(self) -> None:
        """Leave the screen tidy."""


class Lines(Progress):
    """Plain lines, at most one in `every` seconds, for logs and pipes.

    >>> progress = Lines(sys.stdout, every=0)
    >>> progress.phase("adversarial", rounds=2, done=0)
    adversarial: 2 rounds
    >>> progress.tick(); progress.left(Left(90)); progress.round()  # doctest: +ELLIPSIS
    adversarial 0/2, 1 updates in this round
    adversarial 1/2, ... rounds/min, 1:30 left
    """

    shows = True

    def __init__(self, file: TextIO | None = None, every: float = 15.0) -> None:
        self.file, self.every = file or sys.stderr, every
        self.name, self.rounds, self.done, self.ticks = "", 0, 0, 0
        self.first, self.begun, self.shown = 0, time.monotonic(), time.monotonic()

    def phase(self, name: str, rounds: int, done: int) -> None:
        """See `Progress`."""
        self.name, self.rounds, self.done, self.ticks = name, rounds, done, 0
        self.first, self.begun = done, time.monotonic()
        self.say(f"{name}: {rounds} rounds" + (f", {done} done" if done else ""))

    def tick(self) -> None:
        """See `Progress`."""
        self.ticks += 1
        if self._due():
            self.say(f"{self.name} {self.done}/{self.rounds}, {self.ticks} updates in this round")

    def round(self) -> None:
        """See `Progress`."""
        self.done, self.ticks = self.done + 1, 0
        if self._due() or self.done == self.rounds:
            rate = (self.done - self.first) / max(time.monotonic() - self.begun, 1e-9)
            count = f"{self.name} {self.done}/{self.rounds}, {60 * rate:.1f} rounds/min"
            self.say(", ".join(part for part in (count, self._left_now()) if part))

    def say(self, text: str) -> None:
        """See `Progress`."""
        print(text, file=self.file, flush=True)

    def _due(self) -> bool:
        if time.monotonic() - self.shown < self.every:
            return False
        self.shown = time.monotonic()
        return True


class Bar(Progress):
    """A bar of the phase with its rate and the time left of the run, which also moves inside a round."""

    shows = True

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, ProgressColumn, Task, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as RichProgress
        from rich.text import Text

        left = self._left_now

        class LeftColumn(ProgressColumn):
            def render(self, task: Task) -> Text:
                return Text(left())

        self._bar = RichProgress(
            TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[count]}"),
            TimeElapsedColumn(), LeftColumn(), console=Console(stderr=True),
        )  # fmt: skip
        self._task: Any = None
        self._rounds = self._done = self._ticks = 0
        self._per_round = 0
        self._begun, self._all_ticks = time.monotonic(), 0

    def phase(self, name: str, rounds: int, done: int) -> None:
        """See `Progress`."""
        if self._task is None:
            self._bar.start()
        else:
            self._bar.remove_task(self._task)
        self._rounds, self._done, self._ticks, self._per_round = rounds, done, 0, 0
        self._begun, self._all_ticks = time.monotonic(), 0
        self._task = self._bar.add_task(name, total=rounds, completed=done, count=f"{done}/{rounds}")

    def tick(self) -> None:
        """See `Progress`."""
        self._ticks += 1
        self._all_ticks += 1
        self._show()

    def round(self) -> None:
        """See `Progress`."""
        self._per_round, self._done, self._ticks = max(self._ticks, 1), self._done + 1, 0
        self._show()

    def say(self, text: str) -> None:
        """See `Progress`."""
        self._bar.console.print(text, markup=False, highlight=False)

    def close(self) -> None:
        """See `Progress`."""
        self._bar.stop()

    def _show(self) -> None:
        if self._task is None:
            return
        # The last round's number of updates tells how far this one is; the first round can only count them.
        part = min(self._ticks / self._per_round, 0.99) if self._per_round else 0.0
        rate = self._all_ticks / max(time.monotonic() - self._begun, 1e-9)
        count = f"{self._done}/{self._rounds} · {rate:.1f} updates/s"
        self._bar.update(self._task, completed=self._done + part, count=count)


def progress_for(quiet: bool) -> Progress:
    """Return what suits the place where standard error goes.

    >>> type(progress_for(quiet=True)).__name__
    'Progress'
    """
    if quiet:
        return Progress()
    return Bar() if sys.stderr.isatty() else Lines()
