"""The time left: against a clock on which every round, evaluation and checkpoint costs what it is told to."""

import io
import os
import time
from dataclasses import replace

import pytest
from training_toys import QUIET, Toy, equal, loss_of, weights_of

from tokengan.methods.base import Phase
from tokengan.training import trainer
from tokengan.training.forecast import Forecast, Left, Trial, tried
from tokengan.training.progress import Bar, Lines, Progress
from tokengan.training.run import Run
from tokengan.training.trainer import fit

SECONDS = {"fit": 0.7, "follow 1": 6.0, "follow 2": 11.0, "evaluation": 3.0}


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Watch(Progress):
    """Remembers what was shown when."""

    shows = True

    def __init__(self, clock: Clock) -> None:
        self.clock, self.shown = clock, []

    def left(self, left: Left) -> None:
        self.shown.append((self.clock.now, left))


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock)
    return clock


def timed_run(clock, monkeypatch, path, rebuild=True, rounds=(60, 25, 40), last=SECONDS["follow 2"]):
    """Train the toy on the clock; return what was shown, the end, and the toy."""
    costs = {**SECONDS, "follow 2": last}

    def built():
        toy = Toy(rounds=rounds, dropout=0.3)
        phases = toy.phases()

        def costing(phase):
            def run(i):
                for _ in range(2):  # two updates a round, so that a trial can be broken off between them
                    clock.now += costs[phase.name] / 2
                    phase.run(i)

            return replace(phase, run=run)

        toy.phases = lambda: [costing(phase) for phase in phases]
        return toy

    def evaluate(toy):
        clock.now += costs["evaluation"]
        return loss_of(toy)

    watch = Watch(clock)
    monkeypatch.setattr(os, "fsync", lambda file: None)  # a hundred checkpoints
    monkeypatch.setattr(trainer, "progress_for", lambda quiet: watch)
    given = replace(QUIET, quiet=False, eval_every=10, save_every=10)
    fit(toy := built(), Run.create(path), evaluate, settings=given, rebuild=built if rebuild else None)
    return watch.shown, clock.now, toy


def test_the_time_left_is_right_within_a_fifth_after_the_first_minute(clock, monkeypatch, tmp_path):
    shown, end, _ = timed_run(clock, monkeypatch, tmp_path / "run")
    later = [(now, left) for now, left in shown if now >= 60]
    assert shown[0][1].more
    assert not any(left.more or left.less for _, left in later)
    assert len(later) > 70
    assert all(abs(left.seconds - (end - now)) <= 0.2 * (end - now) + 1e-9 for now, left in later)
    # Here rounds cost the same every time, so it is exact as soon as an evaluation and a trial were seen.
    assert all(left.seconds == pytest.approx(end - now, abs=1e-6) for now, left in later)


def test_without_trials_it_says_that_more_is_to_come(clock, monkeypatch, tmp_path):
    shown, end, _ = timed_run(clock, monkeypatch, tmp_path / "run", rebuild=False)
    begun_last = next(now for now, left in shown if not left.more)
    assert end - begun_last == pytest.approx(39 * 11 + 4 * 3, abs=1)
    assert all(left.seconds < end - now for now, left in shown if left.more)


def test_trials_change_no_bit_and_are_broken_off_where_a_phase_is_short(clock, monkeypatch, tmp_path):
    given = {"rounds": (30, 25, 2), "last": 60.0}
    _, whole, alone = timed_run(clock, monkeypatch, tmp_path / "a", rebuild=False, **given)
    shown, end, tried = timed_run(clock, monkeypatch, tmp_path / "b", **given)
    assert equal(weights_of(alone), weights_of(tried))
    figures = [[record["figures"] for record in Run(tmp_path / name).records()] for name in "ab"]
    assert figures[0] == figures[1]
    # A whole round of 6 s, since 25 of them take long, and the first half of one of 60 s, since there are two of them.
    assert end - 2 * whole == pytest.approx(6 + 30)
    assert any(left.more for now, left in shown if now - whole > 60)


def test_a_phase_that_may_stop_early_is_counted_whole(clock):
    phases = [Phase("a", 10, print, watch="NLL-valid", patience=2, eval_every=1), Phase("b", 7, print)]
    forecast = Forecast(phases, eval_every=3, save_every=4)
    assert forecast.left(0, 0) == Left(0.0, more=True, less=True)
    forecast.round(0, 2.0)
    forecast.pause("evaluation", 0, 1.0)
    forecast.pause("checkpoint", 0, 0.5)
    forecast.trial(1, Trial(5.0, whole=False))
    # 9 rounds with an evaluation each, checkpoints after rounds 4, 8 and 10; then 7 rounds, 3 evaluations, 2 saves.
    assert forecast.left(0, 1) == Left(9 * 3.0 + 3 * 0.5 + 7 * 5 + 3 * 1.0 + 2 * 0.5, more=True, less=True)
    forecast.round(1, 8.0)
    assert forecast.left(1, 1) == Left(6 * 8 + 3 * 1.0 + 2 * 0.5)
    assert forecast.left(1, 7, pending=True) == Left(1.0 + 0.5)
    assert forecast.left(1, 7) == Left(0.0)


def test_a_round_is_told_from_a_part_of_it_where_its_moves_are_known(clock):
    """A trial that was broken off, and the moves that it lacks, at what they took in any trial."""
    toy = Toy(rounds=(1, 1))

    def game(i):
        for player, count, seconds in (("policy", 3, 5.0), ("discriminator", 8, 2.0)):
            for _ in range(count):
                clock.now += seconds
                toy.update(**{player: networks[player].weight.sum()})

    networks = {"policy": toy.generator, "discriminator": toy.discriminator}
    phases = [
        Phase("likelihood", 4, print, moves={"generator": 10}),
        Phase("teach", 2, print, moves={"discriminator": 4}),
        Phase("game", 6, game, moves={"policy": 3, "discriminator": 8, "generator": 1}),
    ]
    forecast = Forecast(phases, 100, 100)
    forecast.trial(2, trial := tried(toy, phases[2], lambda spent: True))
    # The three that tell what one takes, though it was enough before.
    assert (trial.seconds, trial.whole, trial.moves) == (15.0, False, {"policy": [5.0] * 3})
    assert forecast.left(2, 0) == Left(6 * 15.0, more=True)  # nothing is known of the other players
    forecast.trial(1, Trial(8.0, False, {"discriminator": [4.0, 2.0, 2.0]}))  # the first one has the samples before it
    forecast.round(0, 15.0)
    assert forecast.left(1, 0) == Left(2 * 10.0 + 6 * (3 * 5.0 + (2.0 + 8 * 2.0) + 1.5))


def test_the_bar_and_the_lines_count_down(clock):
    file = io.StringIO()
    for progress in (lines := Lines(file, every=0), bar := Bar()):
        progress.phase("adversarial", 4, 0)
        progress.left(Left(100, less=True))
        clock.now += 40
        progress.round()
    assert "1/4, 1.5 rounds/min, at most 1:00 left" in file.getvalue()
    column = bar._bar.columns[-1]
    assert str(column(bar._bar.tasks[0])) == "at most 1:00 left"
    bar.close()
    lines.close()
