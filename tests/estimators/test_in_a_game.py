"""Every estimator within a method: it moves the policy and its own player, resumes, and leaves the rest alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tokengan.discriminators.cnn import HighwayCNN
from tokengan.estimators.actor_critic import ActorCritic
from tokengan.estimators.all_actions import AllActions
from tokengan.estimators.baselines import Group, LeaveOneOut, SelfCritical, Value
from tokengan.estimators.credit import Final, RollOut
from tokengan.estimators.grpo import GRPO
from tokengan.estimators.maligan import ImportanceWeights
from tokengan.estimators.ppo import PPO
from tokengan.estimators.rebar import REBAR
from tokengan.estimators.reinforce import Reinforce
from tokengan.estimators.rloo import RLOO
from tokengan.generators.recurrent import LSTM
from tokengan.methods.seqgan import SeqGAN
from tokengan.rewards.log_ratio import LogRatio
from tokengan.rewards.probability import Probability
from tokengan.tasks.oracle import OracleTask
from tokengan.training.updater import Updater, players_of

ESTIMATORS: dict[str, Any] = {
    "value": lambda: Reinforce(Value),
    "self_critical": lambda: Reinforce(SelfCritical),
    "leave_one_out": lambda: Reinforce(lambda: LeaveOneOut(4)),
    "group": lambda: Reinforce(Group),
    "rloo": lambda: RLOO(num_iterations=2),
    "grpo": lambda: GRPO(4, beta=0.1, num_iterations=2, importance_sampling_level="sequence"),
    "ppo": lambda: PPO(num_ppo_epochs=2, num_mini_batches=2),
    "actor_critic": lambda: ActorCritic(lam=0.5),
    "all_actions": lambda: AllActions(critic_lag=0.9),
    "maligan": ImportanceWeights,
    "rebar": REBAR,
}


@pytest.fixture(scope="module")
def task() -> OracleTask:
    return OracleTask(vocab_size=8, length=4, size=64, valid=16, test=16)


def game(task: OracleTask, name: str, credit: Any = Final) -> Any:
    method = SeqGAN(
        task,
        generator=lambda spec: LSTM(spec, embedding=6, hidden=6, dropout=0.3),
        discriminator=lambda spec: HighwayCNN(spec, embedding=4, widths=[1, 2], filters=[4, 4]),
        reward=LogRatio if name == "maligan" else Probability,
        credit=credit,
        estimator=ESTIMATORS[name],
        batch_size=8,
        d_steps=1,
        d_epochs=1,
    )
    method.update = Updater(players_of(method), method.world, lambda: None)
    return method.train()


@pytest.mark.parametrize("credit", [Final, lambda: RollOut(n=2)], ids=["final", "rollout"])
@pytest.mark.parametrize("name", ESTIMATORS)
def test_it_plays(task: OracleTask, name: str, credit: Any) -> None:
    method = game(task, name, credit)
    before = {key: value.clone() for key, value in method.generator.state_dict().items()}
    judge = {key: value.clone() for key, value in method.discriminator.state_dict().items()}
    method.estimator.begin()
    for _ in range(2):
        method.step_generator(method.write(method.batch_size, method.decoding))
    after = method.generator.state_dict()
    assert all(value.isfinite().all() for value in after.values())
    assert any(not torch.equal(before[key], after[key]) for key in before)
    assert all(torch.equal(judge[key], value) for key, value in method.discriminator.state_dict().items())
    if "value" in method.moves:
        assert any(parameter.abs().sum() > 0 for parameter in method.trains()["value"])


@pytest.mark.parametrize("name", ESTIMATORS)
def test_its_state_is_in_the_checkpoint(task: OracleTask, name: str) -> None:
    method, again = game(task, name), game(task, name)
    method.round(0)
    again.load_state_dict(method.state_dict())
    for key, value in again.estimator.state_dict().items():
        assert torch.equal(value, method.estimator.state_dict()[key])
    assert (name in ("rloo", "grpo", "ppo")) == any("reference" in key for key in again.estimator.state_dict())


@pytest.mark.parametrize("name", ["rloo", "grpo", "ppo"])
def test_dropout_is_off_in_every_pass_so_that_ratios_begin_at_one(task: OracleTask, name: str) -> None:
    method = game(task, name)
    method.estimator.low = method.estimator.high = method.estimator.cliprange = 1e-6
    y = method.write(8, method.decoding)
    returns = Final()(method.reward, y, method)
    for losses in method.estimator(y, returns, method):  # nothing moves in between
        assert losses["policy"][1]["clip_ratio"] == 0
        assert losses["policy"][1]["behaviour_gap"] < 1e-5
