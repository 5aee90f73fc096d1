"""How long a run will still take: from what its rounds, evaluations and checkpoints took so far."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

from tokengan.training.updater import Updater, players_of

if TYPE_CHECKING:
    from tokengan.methods.base import Phase

__all__ = ["Forecast", "Left", "Trial", "forecast_of", "in_words", "tried"]

FEW = 3  # updates of a player that a trial is not broken off before, where they tell the rest


@dataclass(frozen=True)
class Trial:
    """A round that was tried.

    Args:
        seconds: What it took.
        whole: Whether it was let end.
        moves: What each of its updates took, with all that came before it, by the first player that the update names.
    """

    seconds: float
    whole: bool
    moves: Mapping[str, Sequence[float]] = field(default_factory=dict)


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


def in_words(seconds: float) -> str:
    """Return a duration as a person would say it.

    >>> in_words(75), in_words(600), in_words(9000)
    ('75 s', '10 min', '2.5 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


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
    (`tried`); one that was broken off is completed by what single updates took in all trials, where the phase knows how
    many updates a round has. Evaluations and checkpoints count with what they cost in the newest phase that had one.
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
        self._trials: dict[int, Trial] = {}

    def round(self, phase: int, seconds: float) -> None:
        """Take in what a round took, without evaluation and checkpoint."""
        self._rounds[phase].add(seconds)

    def pause(self, kind: str, phase: int, seconds: float) -> None:
        """Take in what an `evaluation` or a `checkpoint` took."""
        self._pauses[kind][phase].add(seconds)

    def trial(self, phase: int, trial: Trial) -> None:
        """Take in what a round of a phase that is still to come took."""
        self._trials[phase] = trial

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
            cost, whole = self.round_takes(k)
            looks, saves = (_times(after, last, every) for every in (self.eval_every[k], self.save_every))
            total += (last - first) * cost
            total += looks * self._pause("evaluation", k) + saves * self._pause("checkpoint", k)
            more = more or (not whole and first < last)
            less = less or self.phases[k].patience is not None
        return Left(total, more, less)

    def round_takes(self, phase: int) -> tuple[float, bool]:
        """Return what a round of a phase takes, and whether that is all of it."""
        mean = self._rounds[phase].mean()
        if mean is not None:
            return mean, True
        trial, moves = self._trials.get(phase, Trial(0.0, False)), self.phases[phase].moves
        if trial.whole or moves is None or not trial.seconds:
            return trial.seconds, trial.whole
        total, sure = trial.seconds, True
        for name, count in moves.items():
            made = len(trial.moves.get(name, ()))
            cost = self._move(name) if made < count else (0.0, 0.0)
            total += 0.0 if cost is None else (count - made) * cost[1] + (cost[0] if not made else 0.0)
            sure = sure and cost is not None
        return total, sure

    def _move(self, name: str) -> tuple[float, float] | None:
        """Return what comes before the first update of a player, such as new samples, and what an update takes.

        That is the median of all trials, or else the mean of a phase that had no other player.
        """
        seen = [trial.moves[name] for trial in self._trials.values() if len(trial.moves.get(name, ())) > 1]
        if seen:
            each = median(seconds for one in seen for seconds in one[1:])
            return max(max(one[0] for one in seen) - each, 0.0), each
        for phase, cost in zip(self.phases, self._rounds, strict=True):
            mean = cost.mean()
            if mean is not None and phase.moves is not None and set(phase.moves) == {name}:
                return 0.0, mean / phase.moves[name]
        return None

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


class _Timed(Updater):
    """Notes what each update took, and breaks off after one when it has been enough."""

    def __init__(self, method: Any, phase: Phase, enough: Callable[[float], bool]) -> None:
        super().__init__(players_of(method))
        self.phase_moves, self.enough = phase.moves or {}, enough
        self.moves = defaultdict[str, list[float]](list)
        self.begun = self.last = time.monotonic()

    def __call__(self, **losses: Any) -> None:
        super().__call__(**losses)
        now, name = time.monotonic(), next(iter(losses))
        self.moves[name].append(now - self.last)
        self.last = now
        # The first of a player's has more before it than the others; those tell the rest of the round.
        some = len(self.moves[name]) >= min(FEW, self.phase_moves.get(name, 0))
        if some and self.enough(now - self.begun):
            raise _Enough


def tried(method: Any, phase: Phase, enough: Callable[[float], bool]) -> Trial:
    """Return what a round takes, from one that is broken off between two updates when it has been enough.

    Args:
        method: A copy of the method, made for this: it is trained.
        phase: One of the copy's phases.
        enough: Asked with the seconds gone whether to break off.
    """
    method.update = timed = _Timed(method, phase, enough)
    method.train()
    whole = True
    try:
        phase.run(0)
    except _Enough:
        whole = False
    return Trial(time.monotonic() - timed.begun, whole, dict(timed.moves))


def forecast_of(method: Any, patience: float) -> Forecast:
    """Return how long the rounds of each phase take, by trying one of each for so many seconds.

    Args:
        method: A copy of the method, made for this: it is trained, phase after phase.
        patience: Seconds after which a trial is broken off.
    """
    phases = method.phases()
    forecast = Forecast(phases, 1, 1)
    for place, phase in enumerate(phases):
        if phase.iterations:
            forecast.trial(place, tried(method, phase, lambda spent: spent > patience))
    return forecast
