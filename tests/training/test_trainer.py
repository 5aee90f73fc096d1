"""Phases, evaluation, best states, stops: everything but the killing."""

import io
import json
import os
import random
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from real_methods import METHODS, figures
from training_toys import QUIET, Toy, equal, loss_of, weights_of

from tokengan.errors import UserError
from tokengan.generators.recurrent import LSTM
from tokengan.methods.mle import MLE
from tokengan.noise import Noise
from tokengan.sampling.law import nll
from tokengan.sampling.write import write
from tokengan.tasks.oracle import OracleTask
from tokengan.training import rng
from tokengan.training.evaluation import EvaluationChangedState
from tokengan.training.forecast import Left
from tokengan.training.hardware import Hardware
from tokengan.training.health import NLL_DIV, TOP_SHARE
from tokengan.training.progress import Bar, Lines
from tokengan.training.run import Run
from tokengan.training.trainer import TrainerSettings, fit
from tokengan.training.updater import Diverged


@pytest.fixture
def run(tmp_path):
    return Run.create(tmp_path / "run", "method: toy")


def test_a_run_leaves_what_the_design_says(run):
    events = []
    result = fit(Toy(), run, loss_of, settings=QUIET, samples=lambda toy: ["a b"], on_event=events.append)
    assert (result.status, result.step) == ("done", 7)
    records = run.records()
    assert [(r["step"], r["phase"], r["iteration"]) for r in records][-2:] == [(6, "follow 1", 2), (7, "follow 1", 3)]
    assert set(records[0]) == {"step", "phase", "iteration", "seed", "seconds", "figures", "training", "health"}
    assert records[0]["training"]["generator/rows"] == 8.0
    assert (run.path / "samples" / "000007.txt").read_text() == "a b\n"
    assert [run.checkpoints.pointed(p) for p in ("last", "best", "start")] == ["000007", "000007", "000004"]
    assert run.checkpoints.names() == ["000004", "000006", "000007"]
    assert [event.kind for event in events if event.kind != "saved"][:2] == ["phase", "evaluated"]
    again = fit(Toy(), run, loss_of, settings=QUIET)  # a finished run is left alone
    assert (again.status, again.step, again.record["step"]) == ("done", 7, 7)
    assert run.records() == records


def test_intervals(run):
    settings = replace(QUIET, eval_every=3, save_every=2, keep=10)
    fit(Toy(rounds=(7, 2)), run, loss_of, settings=settings)
    assert [record["step"] for record in run.records()] == [3, 6, 7, 9]
    assert run.checkpoints.names() == ["000002", "000004", "000006", "000007", "000009"]


def test_the_callers_random_numbers_are_left_alone(run):
    torch.manual_seed(1)
    before = rng.capture()
    fit(Toy(), run, loss_of, settings=QUIET)
    assert rng.capture() == before


def test_evaluating_more_often_changes_no_bit(run, tmp_path):
    fit(often := Toy(dropout=0.3), run, loss_of, settings=QUIET)
    fit(
        seldom := Toy(dropout=0.3),
        Run.create(tmp_path / "b"),
        loss_of,
        settings=replace(QUIET, eval_every=100, save_every=100),
    )
    assert equal(weights_of(often), weights_of(seldom))


def watched(*values):
    """An evaluation that gives these figures, one after another."""
    left = iter(values)
    return lambda method: {"error": next(left)}


def test_a_watched_phase_ends_with_its_best_weights(run):
    seen = {}

    def evaluate(toy):
        step = len(seen) + 1
        seen[step] = weights_of(toy)
        return {"error": {2: 0.5, 4: float("nan")}.get(step, 1.0)}

    toy, kinds = Toy(rounds=(4, 0), watch="error"), []
    fit(toy, run, evaluate, settings=QUIET, on_event=lambda event: kinds.append(event.kind))
    final = weights_of(toy)
    streams = {key for key in final if key.startswith("streams.")}
    assert all(torch.equal(final[key], seen[2][key]) for key in final if key not in streams)
    assert all(torch.equal(final[key], seen[4][key]) for key in streams)  # no number is drawn twice
    assert run.records()[-1]["restored"] == "000002"
    assert "restored" in kinds
    assert all(torch.equal(run.weights("start")[key], seen[2][key]) for key in final if key not in streams)


def test_patience_ends_a_phase_early(run):
    fit(toy := Toy(rounds=(20, 2), watch="error", patience=3), run, watched(3, 2, 4, 4, 4, 1, 1), settings=QUIET)
    assert [record["phase"] for record in run.records()] == ["fit"] * 5 + ["follow 1"] * 2
    assert run.records()[4]["restored"] == "000002"
    assert toy.update.players["generator"].updates == 5


def test_going_back_to_an_older_checkpoint_ends_with_the_same_bits(run, tmp_path):
    """Also where the best of that time is no longer the best: what a kept checkpoint needs is kept."""

    def evaluate(toy):
        return {"error": float(toy.update.players["generator"].updates)}  # the first is the best

    settings = replace(QUIET, keep=5)
    fit(first := Toy(rounds=(4, 3), watch="error"), run, evaluate, settings=settings)
    fit(second := Toy(rounds=(4, 3), watch="error"), run, evaluate, settings=settings, at="3")
    assert equal(weights_of(first), weights_of(second))
    assert [record["step"] for record in run.records()] == [1, 2, 3, 4, 5, 6, 7]
    assert run.records()[3]["restored"] == "000001"


def test_a_figure_that_evaluation_does_not_give_is_named(run):
    with pytest.raises(UserError, match=r"watches the figure 'eror'.*did you mean 'error'.*error, noise"):
        fit(Toy(watch="eror"), run, loss_of, settings=QUIET)


def test_phases_of_no_rounds(run):
    result = fit(Toy(rounds=(0, 0, 2)), run, loss_of, settings=QUIET)
    assert result.step == 2
    assert run.checkpoints.pointed("start") == "000000"
    assert [record["step"] for record in run.records()] == [0, 1, 2]


# ---- pains


@pytest.fixture
def task():
    return OracleTask(vocab_size=12, length=5, size=32, valid=16, test=16)


def mle(task, seed=0):
    return MLE(task, generator=partial(LSTM, embedding=8, hidden=8, tied=True), epochs=3, batch_size=16, seed=seed)


def test_pain_02_reload_gives_identical_logprobs_and_samples(run, task):
    method = mle(task)
    fit(method, run, lambda m: {}, settings=QUIET)

    def uses(m):
        noise = Noise(torch.Generator().manual_seed(7))
        return nll(m.generator(task.test), task.test), write(m.generator, 20, noise).tokens

    logp, written = uses(method)
    for which in ("last", "best"):
        reloaded = mle(task, seed=5)
        assert not torch.equal(uses(reloaded)[0], logp)
        reloaded.load_state_dict(Run(run.path).weights(which))
        assert torch.equal(uses(reloaded)[0], logp)
        assert torch.equal(uses(reloaded)[1], written)


def change_weight(toy):
    toy.generator.weight.add_(1e-6)


def change_hidden(toy):
    toy.generator.weight.data[0, 0] += 1e-6  # past autograd's version counter


def draw(toy):
    torch.rand(1, generator=toy.streams["data"])


@pytest.mark.parametrize(
    ("culprit", "word"),
    [(change_weight, "'generator.weight'"), (change_hidden, "'generator.weight'"), (draw, "stream 'streams.data'")],
)
def test_pain_07_evaluation_changes_no_weight(run, culprit, word):
    def evaluate(toy):
        culprit(toy)
        return {}

    with pytest.raises(EvaluationChangedState, match=word):
        fit(Toy(), run, evaluate, settings=QUIET)


def test_pain_07_evaluation_runs_without_gradient_mode_or_random_numbers_of_the_run(run):
    seen = []

    def evaluate(toy):
        seen.append((torch.is_grad_enabled(), toy.training, torch.rand(1).item(), np.random.rand(), random.random()))
        toy.train()
        return {}

    fit(toy := Toy(rounds=(1, 1)), run, evaluate, settings=QUIET)
    assert [one[:2] for one in seen] == [(False, False)] * 2
    assert toy.training
    assert seen[0][2:] != seen[1][2:]


def collapsing(toy):
    """Healthy until two rounds into the second phase, then one sentence."""
    sick = toy.update.players["policy"].updates >= 2
    return {TOP_SHARE: 0.9 if sick else 0.01, NLL_DIV: 1.0 if sick else 4.0}


def test_pain_08_collapse_is_seen_and_rolled_back(run):
    events = []
    result = fit(toy := Toy(rounds=(2, 9)), run, collapsing, settings=QUIET, on_event=events.append)
    assert result.status == "collapsed"
    assert result.step == 5
    assert "90%" in result.text
    assert "checkpoint 000002" in result.text
    assert f"tokengan resume {run.path}" in result.text
    assert "collapsed" in run.records()[-1]["health"][-1]
    assert run.checkpoints.pointed("last") == "000002"
    start = run.weights("start")
    networks = [key for key in start if not key.startswith("streams.")]
    assert all(torch.equal(toy.state_dict()[key], start[key]) for key in networks)
    assert sum(event.kind == "health" for event in events) >= 1


def test_pain_08_the_stop_can_be_switched_off(run):
    result = fit(Toy(rounds=(2, 9)), run, collapsing, settings=replace(QUIET, stop_on_collapse=False))
    assert (result.status, result.step) == ("done", 11)
    assert "collapsed" in run.records()[-1]["health"][-1]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_number_that_is_not_finite_stops_with_the_last_good_checkpoint_kept(run, bad):
    def poison(name, i):
        if (name, i) == ("follow", 1):
            toy.data = lambda: torch.full((8, 3), bad)

    toy = Toy()
    toy.before_round = poison
    with pytest.raises(Diverged) as caught:
        fit(toy, run, loss_of, settings=QUIET)
    for part in ("'policy'", "'follow 1', round 2", "000005 is the last good one", f"tokengan resume {run.path}"):
        assert part in str(caught.value)
    assert run.checkpoints.pointed("last") == "000005"
    assert all(value.isfinite().all() for value in run.weights("last").values())
    result = fit(Toy(), run, loss_of, settings=QUIET)
    assert (result.status, result.step) == ("done", 7)


# ---- stops


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_after_the_round_and_the_run_goes_on_to_the_same_bits(run, tmp_path, kind):
    toy, before = Toy(), signal.getsignal(kind)
    toy.before_round = lambda name, i: signal.raise_signal(kind) if (name, i) == ("follow", 0) else None
    result = fit(toy, run, loss_of, settings=replace(QUIET, save_every=100))
    assert (result.status, result.step) == ("stopped", 5)
    assert kind.name in result.text
    assert f"tokengan resume {run.path}" in result.text
    assert run.checkpoints.pointed("last") == "000005"
    assert signal.getsignal(kind) == before
    fit(resumed := Toy(), run, loss_of, settings=QUIET)
    fit(alone := Toy(), Run.create(tmp_path / "alone"), loss_of, settings=QUIET)
    assert equal(weights_of(resumed), weights_of(alone))


def test_the_second_signal_ends_at_once(run):
    toy = Toy()

    def twice(name, i):
        if i == 2:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

    toy.before_round = twice
    with pytest.raises(KeyboardInterrupt):
        fit(toy, run, loss_of, settings=QUIET)
    assert run.checkpoints.pointed("last") == "000002"


def test_time_is_up(run):
    result = fit(Toy(), run, loss_of, settings=replace(QUIET, max_minutes=0.0))
    assert (result.status, result.step) == ("stopped", 1)
    assert "max_minutes" in result.text


def test_a_thread_may_train(run):
    results = []
    thread = threading.Thread(target=lambda: results.append(fit(Toy(), run, loss_of, settings=QUIET)))
    thread.start()
    thread.join()
    assert results[0].status == "done"


# ---- hardware


def test_fp16_is_refused_and_bf16_keeps_float32_weights(run, tmp_path):
    with pytest.raises(UserError, match="fp16 is refused"):
        fit(Toy(), run, loss_of, settings=replace(QUIET, precision="fp16"))
    seen = []
    toy = Toy()
    fit_round = toy.fit

    def watch(i):
        seen.append(toy.generator(torch.rand(2, 3)).dtype)
        fit_round(i)

    toy.fit = watch
    fit(toy, run, loss_of, settings=replace(QUIET, precision="bf16"))
    assert set(seen) == {torch.bfloat16}
    assert toy.generator.weight.dtype == torch.float32
    fit(plain := Toy(), Run.create(tmp_path / "b"), loss_of, settings=QUIET)
    assert torch.allclose(toy.generator.weight, plain.generator.weight, atol=0.05)


def test_bf16_reads_the_weights_as_the_update_before_left_them(run):
    """Autocast's cache would keep the cast weights of a round's first update until the round's end."""
    toy, seen = Toy(), []
    toy.generator = torch.nn.Linear(3, 1)
    fit_round = toy.fit

    def twice(i):
        x = torch.ones(2, 3)
        for _ in range(2):
            seen.append(toy.generator(x).float().mean().item())
            with torch.no_grad():
                toy.generator.weight += 1
        toy.generator.weight.data -= 2
        fit_round(i)

    toy.fit = twice
    fit(toy, run, loss_of, settings=replace(QUIET, precision="bf16"))
    assert seen[1] - seen[0] == pytest.approx(3, abs=0.1)


def test_a_device_that_is_not_there_is_refused():
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(UserError, match="no CUDA device"):
        Hardware.find("cuda")


def test_other_hardware_is_said_on_resume(run):
    toy, events = Toy(), []
    toy.before_round = lambda name, i: signal.raise_signal(signal.SIGTERM) if i == 1 else None
    fit(toy, run, loss_of, settings=QUIET)
    torch.set_num_threads(2)  # the fixture sets it back
    fit(Toy(), run, loss_of, settings=QUIET, on_event=events.append)
    warning = next(event for event in events if event.kind == "warning")
    assert "threads was 1, is 2" in warning.text


@pytest.mark.parametrize("name", METHODS)
def test_two_processes_equal_one_with_the_same_global_batch(tmp_path, child_environment, name):
    program = Path(__file__).with_name("two_processes.py")
    alone = tmp_path / "alone"
    fit(METHODS[name](), Run.create(alone), figures, settings=replace(QUIET, keep=10))
    shared = tmp_path / "shared"
    Run.create(shared)
    world = {
        **child_environment,
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "localhost",
        "MASTER_PORT": str(20000 + (os.getpid() + 3333 * list(METHODS).index(name)) % 9999),
    }
    children = [
        subprocess.Popen(
            [sys.executable, str(program), str(shared), name],
            env={**world, "RANK": str(rank), "LOCAL_RANK": str(rank), "LOCAL_WORLD_SIZE": "2"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    outputs = [child.communicate(timeout=90) for child in children]
    assert [child.returncode for child in children] == [0, 0], outputs
    reports = [json.loads(out.splitlines()[-1]) for out, _ in outputs]
    assert reports[0] == reports[1]  # both ranks hold the same weights
    one, two = Run(alone).weights("last"), Run(shared).weights("last")
    assert one.keys() == two.keys()
    if name == "uneven":
        return
    assert all(torch.allclose(one[key].double(), two[key].double(), atol=2e-5, rtol=0) for key in one)
    assert [r["step"] for r in Run(shared).records()] == [r["step"] for r in Run(alone).records()]
    a, b = Run(shared).records()[0]["training"], Run(alone).records()[0]["training"]
    assert a["generator/loss"] == pytest.approx(b["generator/loss"], abs=1e-6)


# ---- what a person sees


def test_lines_show_rate_and_time_left():
    file = io.StringIO()
    lines = Lines(file, every=0)
    lines.phase("adversarial", 4, 1)
    lines.tick()
    lines.left(Left(3700))
    lines.round()
    text = file.getvalue()
    assert "adversarial: 4 rounds, 1 done" in text
    assert "1 updates in this round" in text
    assert "adversarial 2/4" in text
    assert "1:01:40 left" in text


def test_the_bar_moves_inside_a_round():
    bar = Bar()
    bar.phase("adversarial", 4, 0)
    for _ in range(10):
        bar.tick()
    bar.round()
    for _ in range(5):
        bar.tick()
    task = bar._bar.tasks[0]
    assert task.completed == pytest.approx(1.5)
    assert "updates/s" in task.fields["count"]
    bar.phase("next", 2, 0)
    bar.close()


def test_quiet_prints_nothing_and_loud_prints_lines(tmp_path, capsys):
    fit(Toy(), Run.create(tmp_path / "a"), loss_of, settings=QUIET)
    assert capsys.readouterr() == ("", "")
    fit(Toy(), Run.create(tmp_path / "b"), loss_of, settings=replace(QUIET, quiet=False))
    assert "round 7 (follow 1): error" in capsys.readouterr().err


def test_tensorboard_holds_the_figures(run):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    fit(Toy(), run, loss_of, settings=replace(QUIET, tensorboard=True))
    events = EventAccumulator(str(run.path / "events")).Reload()
    assert [event.step for event in events.Scalars("figures/error")] == [1, 2, 3, 4, 5, 6, 7]
    assert "training/generator/loss" in events.Tags()["scalars"]


@pytest.mark.parametrize("name", ["eval_every", "save_every", "keep"])
def test_settings_below_one_are_refused(name):
    with pytest.raises(UserError, match=f"{name} is 0"):
        TrainerSettings(**{name: 0})


def test_figures_that_json_cannot_hold_become_none(run):
    fit(
        Toy(rounds=(1,)),
        run,
        lambda m: {"a": float("nan"), "b": torch.tensor(2.0), "c": np.float64(1.5)},
        settings=QUIET,
    )
    assert run.records()[0]["figures"] == {"a": None, "b": 2.0, "c": 1.5}


def test_pointers_are_put_back_to_the_time_of_the_checkpoint(run):
    """A kill after `best` was moved and before `last` was: until the next save, `best` is what it was."""
    fit(Toy(), run, loss_of, settings=QUIET)
    assert run.checkpoints.pointed("best") == "000007"
    with pytest.raises(ZeroDivisionError):
        fit(Toy(), run, lambda toy: {"error": 1 / 0}, settings=QUIET, at="6")
    assert [run.checkpoints.pointed(p) for p in ("last", "best", "start")] == ["000006", "000006", "000004"]
