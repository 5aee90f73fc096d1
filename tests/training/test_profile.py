"""Where the time goes: every second once, to the part that was at work, and nothing else changed."""

import time
from dataclasses import replace

import pytest
import torch
from real_methods import seqgan
from training_toys import QUIET, equal, weights_of

from tokengan.methods.base import Phase
from tokengan.training.profile import Profile
from tokengan.training.profile_text import advice, as_json, as_text
from tokengan.training.run import Run
from tokengan.training.trainer import TrainerSettings, fit

SETTINGS = replace(QUIET, eval_every=2, save_every=2)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def costing(clock, owner, name, seconds):
    """Make a function of an object cost so many seconds more."""
    plain = getattr(owner, name)

    def slow(*args, **kwargs):
        clock.now += seconds
        return plain(*args, **kwargs)

    setattr(owner, name, slow)


def test_every_second_goes_to_the_part_that_took_it(tmp_path):
    clock, method = Clock(), seqgan()
    for owner, name, seconds in (
        (method, "write", 1.0),
        (method, "take", 0.25),
        (method.credit, "forward", 3.0),
        (method.reward, "forward", 0.5),
        (method.loss, "discriminator", 0.125),
        (method, "score", 2.0),
    ):
        costing(clock, owner, name, seconds)

    def evaluate(method):
        clock.now += 7.0
        method.take(method.task.train, torch.arange(4))  # is evaluation too
        return {}

    profile = Profile(clock)
    clock.now += 11.0
    run = Run.create(tmp_path / "run")
    fit(method, run, evaluate, settings=SETTINGS, profile=profile)
    seconds = {key: value for key, value in profile.seconds.items() if value}
    # 2 epochs of 2 batches; a round of D alone; then 3 rounds of a step of G and an epoch of D, of 4 pairs of batches.
    judgings = profile.calls["adversarial", "scoring"]  # of the batch, and of chunks of its completions
    assert judgings >= 6
    assert seconds == {
        ("", "start and the rest"): 11.0,
        ("pretrain generator", "data"): 4 * 0.25,
        ("pretrain generator", "evaluation"): 7.25,
        ("pretrain discriminator", "sampling"): 1.0,
        ("pretrain discriminator", "data"): 8 * 0.25,
        ("pretrain discriminator", "discriminator: losses"): 4 * 0.125,
        ("pretrain discriminator", "evaluation"): 7.25,
        ("adversarial", "sampling"): 6.0,
        ("adversarial", "roll-outs"): 9.0,
        ("adversarial", "scoring"): judgings * 0.5,
        ("adversarial", "losses"): 6.0,
        ("adversarial", "data"): 24 * 0.25,
        ("adversarial", "discriminator: losses"): 12 * 0.125,
        ("adversarial", "evaluation"): 14.5,
    }
    assert profile.total() == clock.now
    tokens = {key: count for key, count in profile.tokens.items() if key[0] == "adversarial"}
    assert tokens["adversarial", "written"] == 3 * (48 + 100) * 4
    assert tokens["adversarial", "read"] == 24 * 24 * 4


def test_watching_changes_no_bit_and_leaves_nothing_behind(tmp_path):
    fit(plain := seqgan(), Run.create(tmp_path / "a"), lambda method: {}, settings=SETTINGS)
    method = seqgan()
    fit(method, Run.create(tmp_path / "b"), lambda method: {}, settings=SETTINGS, profile=Profile())
    assert equal(weights_of(plain), weights_of(method))
    for one, other in ((plain, method), (plain.reward, method.reward), (plain.credit, method.credit)):
        assert set(vars(one)) == set(vars(other))


def test_shares_add_up_to_the_whole(tmp_path):
    profile, begun = Profile(), time.perf_counter()
    fit(method := seqgan(), Run.create(tmp_path / "run"), lambda method: {}, settings=SETTINGS, profile=profile)
    found = as_json(profile, method, SETTINGS)
    wall = time.perf_counter() - begun
    parts = [part["seconds"] for phase in found["phases"].values() for part in phase["parts"].values()]
    assert sum(parts) == pytest.approx(found["seconds"]) == pytest.approx(wall, rel=0.03)
    assert found["memory"]["memory"] > 50
    rows = [line.split("  ") for line in as_text(found).splitlines()]
    table = rows[1 : rows.index([""]) - 2]
    shares = [float(row[-1].removesuffix("%")) for row in table]
    assert sum(shares) == pytest.approx(100, abs=len(shares) / 2)


class Game:
    """What advice reads of a method."""

    device, d_steps, d_epochs = torch.device("cpu"), 1, 3

    def __init__(self, n=16):
        self.credit = type("Credit", (), {"n": n})()

    def phases(self):
        return [Phase("likelihood", 9, print, patience=2, eval_every=1), Phase("game", 9, print)]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        ({("game", "evaluation"): 30, ("game", "roll-outs"): 70}, "--trainer.eval_every 40 (now 10)"),
        ({("likelihood", "evaluation"): 30, ("game", "roll-outs"): 40, ("game", "scoring"): 30}, "--credit.n (now 16)"),
        ({("game", "checkpoints"): 30, ("game", "losses"): 70}, "--trainer.save_every 80 (now 20)"),
        ({("game", "discriminator: backward"): 60, ("game", "losses"): 40}, "--d_epochs (now 3) sets how much"),
    ],
)
def test_advice_names_the_setting_that_would_help(seconds, said):
    profile = Profile(clock=lambda: 0.0)
    profile.seconds.update(seconds)
    assert said in advice(profile, Game(), TrainerSettings(save_every=20))


def test_no_advice_where_no_setting_would_help(monkeypatch):
    monkeypatch.setattr("tokengan.training.profile_text._cores", lambda: 1)
    profile = Profile(clock=lambda: 0.0)
    profile.seconds.update({("game", "losses"): 60, ("game", "roll-outs"): 40})
    assert advice(profile, Game(n=1), TrainerSettings()) == ""
    monkeypatch.setattr("tokengan.training.profile_text._cores", lambda: 8)
    assert "OMP_NUM_THREADS=8" in advice(profile, Game(n=1), TrainerSettings())
