"""Every registered method, stopped in its game and resumed, ends with the bits of one that was left alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tokengan.config import configure
from tokengan.config.slots import flags_of, slots_of
from tokengan.registry import known, resolve
from tokengan.training.forecast import tried
from tokengan.training.run import Run
from tokengan.training.trainer import TrainerSettings, fit

TINY = {
    "data.vocab_size": 12, "data.length": 4, "data.size": 48, "data.valid": 8, "data.test": 8, "data.hidden": 4,
}  # fmt: skip
# What keeps a state of its own between rounds, where a method takes it: a baseline's mean, running figures, a schedule.
MORE: dict[str, dict[str, Any]] = {
    "seqgan": {"estimator": "ppo", "credit": "final", "rescale": "running", "lag": 0.5},
    "organ": {"reward.objectives": ["variety", "length"], "credit.n": 2, "estimator.baseline": "ema"},
    "pg-bleu": {"mixer_tokens": 1, "mixer_rounds": 2, "estimator.baseline": "value"},
    "maligan": {"cross_fit": 0.3},
    "relgan": {"relax.sharpness.over": 8},
    "vae": {"encoder_steps": 16, "free_bits.nats": 0.5, "kl_weight.cycles": 2, "generator.word_dropout": 0.3},
    "gan": {"relax.sharpness.end": 5.0, "relax.sharpness.over": 10},
}
SMALL = {
    "batch_size": 16, "generator.embedding": 4, "generator.hidden": 4, "generator.head_size": 3,
    "mle_epochs": 1, "inter_rounds": 1, "epochs": 3, "d_rounds": 1, "rounds": 4, "updates": 2, "d_steps": 1,
    "d_epochs": 1, "credit.n": 2,
    "discriminator.widths": [1, 2], "discriminator.filters": [4, 4], "judge_epochs": 1, "mediator_epochs": 1,
    "samples": 16, "judge.hidden": 6, "mediator.hidden": 6, "patience": None, "judge_patience": None,
}  # fmt: skip


LABELLED = {
    "task": "labelled", "data.source": "fortunes", "data.labels": ["love", "pets"], "data.max_length": 12,
    "batch_size": 16, "generator.member": "lstm", "generator.member.embedding": 4, "generator.member.hidden": 4,
    "mle_steps": 2,
}  # fmt: skip
DATA = {"sentigan": LABELLED, "labelgan": LABELLED}  # in place of the oracle


def built(name: str) -> Any:
    flags = flags_of(slots_of(resolve("methods", name)))
    more = MORE.get(name, {})
    fitting = {key: value for key, value in SMALL.items() if key in flags and key.partition(".")[0] not in more}
    config = configure(name, "oracle", preset="none", settings={**DATA.get(name, TINY), **fitting, **more})
    return config.build_method(config.build_task())


def state(method: Any) -> dict[str, torch.Tensor]:
    return {key: value.cpu().clone() for key, value in method.state_dict().items()}


class Stop(Exception):
    """The process is gone."""


CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=CUDA)])
@pytest.mark.parametrize("name", known("methods"))
def test_a_stopped_run_ends_with_the_same_bits(tmp_path: Any, name: str, device: str) -> None:
    settings = TrainerSettings(eval_every=1000, save_every=1, quiet=True, device=device, deterministic=device != "cpu")
    whole = built(name)
    fit(whole, Run.create(tmp_path / "whole", ""), lambda method: {}, settings=settings)

    run = Run.create(tmp_path / "stopped", "")
    first, rounds = built(name), 0

    def stopping(phase: Any) -> Any:
        def one(i: int) -> None:
            nonlocal rounds
            rounds += 1
            if rounds == stop:
                raise Stop
            phase_run(i)

        phase_run = phase.run
        return one

    phases = first.phases()
    # In the last phase, two rounds in, where there are so many.
    stop = min(len(phases) + 2, sum(phase.iterations for phase in phases))
    dying = [type(phase)(phase.name, phase.iterations, stopping(phase)) for phase in phases]
    first.phases = lambda: dying
    with pytest.raises(Stop):
        fit(first, run, lambda method: {}, settings=settings)
    again = built(name)
    fit(again, run, lambda method: {}, settings=settings)
    a, b = state(whole), state(again)
    assert a.keys() == b.keys()
    assert [key for key in a if not torch.equal(a[key], b[key])] == []


@pytest.mark.parametrize("name", known("methods"))
def test_a_phase_knows_the_moves_of_its_rounds(name: str) -> None:
    """Where it says how many there are, by which the time of a round is told from a part of it."""
    method = built(name)
    phases = method.phases()
    saying = [phase for phase in phases if phase.moves is not None]
    if name not in ("cot", "dpgan", "judge", "leakgan", "ngram", "pg-bleu", "template", "vae"):
        assert saying == phases
    for phase in saying:
        made = {player: len(took) for player, took in tried(method, phase, lambda spent: False).moves.items()}
        assert made == {player: count for player, count in (phase.moves or {}).items() if count}
