"""How long a run will still take: from what its rounds, evaluations and checkpoints took so far."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tokengan.training.updater import Updater, players_of

if TYPE_CHECKING:
    from tokengan.methods.base import Phase

__all__ = ["Forecast", "Left", "tried"]


@dataclass(frozen=True)
class Left:
    """Time left of a run.

    Args:
        seconds: That which is known.
        more: Whether there is a phase of which it is not known how long its rounds are, or only that they are longer.
        less: Whether a phase may end before its last round.
    """

    seconds: float
    more: bool = False
    less: bool = False

    def words(self, since: float = 0.0) -> str:
        """Return it in words, so many seconds after it was said.

        >>> Left(3700).words(), Left(75, more=True).words(5), Left(75, less=True).words()
        ('1:01:40 left', 'more than 1:10 left', 'at most 1:15 left')
        """
        minutes, seconds = divmod(round(max(self.seconds - since, 0.0)), 60)
        hours, minutes = divmod(minutes, 60)
        clock = f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
        about = {(True, True): "about ", (True, False): "more than ", (False, True): "at most "}
        return f"{about.get((self.more, self.less), '')}{clock} left"


class _Cost:
    """Seconds of one thing that happens again and again: the mean of the newer half, which has no warming up in it.

    >>> cost = _Cost()
    >>> for seconds in (9.0, 2.0, 1.0, 3.0): cost.add(seconds)
    >>> cost.mean()
    2.0
    """

    def __init__(self) -> None:
        self._sums = [0.0]

    def add(self, seconds: float) -> None:
        self._sums.append(self._sums[-1] + seconds)

    def mean(self) -> float | None:
        """Return the mean of the newer half, None before the first."""
        seen = len(self._sums) - 1
        return (self._sums[-1] - self._sums[seen // 2]) / (seen - seen // 2) if seen else None


class Forecast:
    """The time left of all phases together.

    A phase that is running, or was, is known by its own rounds. One that is still to come is known by a trial round
    (`tried`), or not at all. Evaluations and checkpoints count with what they cost in the newest phase that had one.
    Where a phase may stop early nothing can tell when it will: all its rounds are counted.

    Args:
        phases: The phases.
        eval_every: The trainer's rounds between evaluations.
        save_every: And between checkpoints.
    """

    def __init__(self, phases: Sequence[Phase], eval_every: int, save_every: int) -> None:
        self.phases, self.save_every = list(phases), save_every
        self.eval_every = [phase.eval_every or eval_every for phase in phases]
        self._rounds = [_Cost() for _ in phases]
        self._pauses = {kind: [_Cost() for _ in phases] for kind in ("evaluation", "checkpoint")}
        self._trials: dict[int, tuple[float, bool]] = {}

    def round(self, phase: int, seconds: float) -> None:
        """Take in what a round took, without evaluation and checkpoint."""
        self._rounds[phase].add(seconds)

    def pause(self, kind: str, phase: int, seconds: float) -> None:
        """Take in what an `evaluation` or a `checkpoint` took."""
        self._pauses[kind][phase].add(seconds)

    def trial(self, phase: int, seconds: float, whole: bool) -> None:
        """Take in what a round of a phase that is still to come took, or what it took until it was broken off."""
        self._trials[phase] = seconds, whole

    def seen(self, kind: str) -> bool:
        """Return whether an `evaluation` or a `checkpoint` was seen yet."""
        return any(cost.mean() is not None for cost in self._pauses[kind])

    def left(self, phase: int, done: int, pending: bool = False) -> Left:
        """Return the time left after `done` rounds of a phase (counted from 0).

        With `pending` the evaluation and the checkpoint that may follow the last of them are still to come.
        """
        total, more, less = 0.0, False, False
        for k in range(phase, len(self.phases)):
            first, last = done if k == phase else 0, self.phases[k].iterations
            after = first - (pending and k == phase)
            if after >= last:
                continue
            cost, whole = self._rounds[k].mean(), True
            if cost is None:
                cost, whole = self._trials.get(k, (0.0, False))
            looks, saves = (_times(after, last, every) for every in (self.eval_every[k], self.save_every))
            total += (last - first) * cost
            total += looks * self._pause("evaluation", k) + saves * self._pause("checkpoint", k)
            more = more or (not whole and first < last)
            less = less or self.phases[k].patience is not None
        return Left(total, more, less)

    def _pause(self, kind: str, phase: int) -> float:
        costs = self._pauses[kind]
        means = [costs[k].mean() for k in (phase, *reversed(range(len(costs))))]
        return next((mean for mean in means if mean is not None), 0.0)


def _times(first: int, last: int, every: int) -> int:
    """Return how often something happens after rounds first+1 to last, that is at multiples and after the last one.

    >>> _times(0, 10, 4), _times(4, 10, 4), _times(0, 8, 4)
    (3, 2, 2)
    """
    return last // every - first // every + (last % every > 0)


class _Enough(Exception):  # not an error
    pass


def tried(method: Any, phase: Phase, enough: Callable[[float], bool]) -> tuple[float, bool]:
    """Return the seconds that one round took, and whether it was let end; it is broken off between two updates.

    Args:
        method: A copy of the method, made for this: it is trained.
        phase: One of the copy's phases.
        enough: Asked with the seconds gone whether to break off.
    """
    begun = time.monotonic()

    def tick() -> None:
        if enough(time.monotonic() - begun):
            raise _Enough

    method.update = Updater(players_of(method), tick=tick)
    method.train()
    try:
        phase.run(0)
    except _Enough:
        return time.monotonic() - begun, False
    return time.monotonic() - begun, True
