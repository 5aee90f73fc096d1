"""Parts multiply: what makes sense trains, the rest is refused in a sentence.

Every pair of an estimator and a reward, of a reward and a loss, and every other part once, over the registries: a part
that is added is tested here without a line.
"""

from __future__ import annotations

import itertools
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from tokengan.discriminators.base import Discriminator
from tokengan.discriminators.cnn import HighwayCNN
from tokengan.errors import UserError
from tokengan.estimators.reinforce import Reinforce
from tokengan.generators.recurrent import LSTM
from tokengan.losses.minimax import Minimax
from tokengan.methods.seqgan import SeqGAN
from tokengan.registry import known, resolve
from tokengan.rewards.probability import Probability
from tokengan.sequences import Sequences
from tokengan.tasks.oracle import OracleTask
from tokengan.training.updater import Updater, players_of

STEPS = 20


class Everything(Discriminator):
    """Gives all that any part reads: a CNN, a logit a token, a language model's log-probabilities, class logits."""

    gives = frozenset({"logits", "features", "token_logits", "logp", "class_logits"})

    def __init__(self, spec) -> None:
        super().__init__(spec, 6)
        self.cnn = HighwayCNN(spec, embedding=6, widths=[1, 2], filters=[8, 8], dropout=0.1)
        self.token = torch.nn.Linear(6, 1)
        self.language = LSTM(spec, 6, 6)
        self.classes = torch.nn.Linear(16, 3)
        self.features = self.cnn.features

    def score(self, embedded: Tensor, x: Sequences) -> dict[str, Tensor]:
        outputs = self.cnn.score(embedded, x)
        return {
            **outputs,
            "token_logits": self.token(embedded).squeeze(-1),
            "logp": self.language.score(x)["logp"],
            "class_logits": self.classes(outputs["features"]),
        }


@pytest.fixture(scope="module")
def task() -> OracleTask:
    return OracleTask(vocab_size=10, length=4, size=32, valid=16, test=16, hidden=8)


def parts(kind: str) -> dict[str, Any]:
    return {name: resolve(kind, name) for name in known(kind)}


# Rewards and losses of classes need labels, which no sequence of the oracle has: tests/methods/test_labels.py has them.
CLASSES = {"class_probability", "label_probability", "multiclass"}
REWARDS = {name: part for name, part in parts("rewards").items() if name not in CLASSES} | {
    "objective": partial(resolve("rewards", "objective"), "variety")
}
LOSSES = {name: part for name, part in parts("losses").items() if name not in CLASSES}
ESTIMATORS = parts("estimators") | {
    f"reinforce, {name}": partial(Reinforce, baseline) for name, baseline in parts("baselines").items()
}


COMPARING = {"rloo", "grpo", *(f"reinforce, {name}" for name in ("group", "leave_one_out", "self_critical"))}


def built(task: OracleTask, **chosen: Any) -> SeqGAN:
    """Return a game, with the credit that the reward's kind asks for; a refusal raises."""
    reward = chosen.get("reward", Probability)()
    credit = resolve("credits", "discounted" if reward.per_step else "final")
    method = SeqGAN(
        task,
        **{"generator": lambda spec: LSTM(spec, 6, 6), "discriminator": Everything, "batch_size": 16, "credit": credit}
        | {"d_epochs": 1}
        | chosen,
    )
    method.update = Updater(players_of(method))
    return method.train()


def trains(method: SeqGAN, moves: bool = True) -> None:
    """Twenty policy steps, the discriminator taught before and after: the policy moves, and everything stays finite."""
    before = [p.detach().clone() for p in method.generator.parameters()]
    method.teach_discriminator(0)
    for i in range(STEPS):
        method.begin_round(i)
        method.step_generator(i)
    method.teach_discriminator(1)
    assert all(p.isfinite().all() for p in method.parameters())
    still = all(torch.equal(a, b) for a, b in zip(before, method.generator.parameters(), strict=True))
    assert still != moves
    assert all(torch.as_tensor(value).isfinite().all() for value in method.update.drain().values())


def makes_sense(reward: Any, loss: Any) -> bool:
    return "discriminator" not in reward.needs or reward.reads <= loss.gives


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("reward", REWARDS)
def test_every_estimator_trains_on_every_reward(task: OracleTask, estimator: str, reward: str) -> None:
    loss = Minimax if makes_sense(REWARDS[reward](), Minimax) else LOSSES["ranking"]
    chosen = {"estimator": ESTIMATORS[estimator], "reward": REWARDS[reward], "loss": loss}
    if estimator == "rebar" and "discriminator" not in REWARDS[reward]().needs:
        with pytest.raises(UserError, match=r"REBAR reads a discriminator, which the reward .* do not bring"):
            built(task, **chosen)
    elif estimator == "reinforce, self_critical" and not REWARDS[reward]().alone:
        with pytest.raises(UserError, match=r"SelfCritical reads a judgement of one sequence by itself"):
            built(task, **chosen)
    else:
        # Compared with its siblings, or with itself written greedily, no sequence is worth more than another.
        trains(built(task, **chosen), moves=not (reward == "constant" and estimator in COMPARING))


@pytest.mark.parametrize(("reward", "loss"), list(itertools.product(REWARDS, LOSSES)))
def test_every_reward_trains_with_every_loss_that_gives_what_it_reads(task: OracleTask, reward: str, loss: str) -> None:
    if makes_sense(REWARDS[reward](), LOSSES[loss]):
        trains(built(task, reward=REWARDS[reward], loss=LOSSES[loss]))
    else:
        with pytest.raises(UserError, match=r"reads .*, and a discriminator that plays .* choose another"):
            built(task, reward=REWARDS[reward], loss=LOSSES[loss])


@pytest.mark.parametrize(
    ("kind", "argument", "name"),
    [
        (kind, argument, name)
        for kind, argument in (("transforms", "rescale"), ("constraints", "constraint"), ("credits", "credit"))
        for name in known(kind)
    ],
)
def test_every_transform_constraint_and_credit_trains(task: OracleTask, kind: str, argument: str, name: str) -> None:
    reward = REWARDS["dense"] if name == "discounted" else Probability
    trains(built(task, reward=reward, **{argument: resolve(kind, name)}))
