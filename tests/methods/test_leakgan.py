"""LeakGAN: who is moved by what, whose features are read, and that it learns."""

from __future__ import annotations

from copy import deepcopy
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import tokengan
from tokengan.config import configure
from tokengan.discriminators.cnn import HighwayCNN
from tokengan.discriminators.recurrent import RecurrentDiscriminator
from tokengan.errors import UserError
from tokengan.estimators.credit import Credit, Final, RollOut
from tokengan.generators.manager_worker import ManagerWorker
from tokengan.methods.leakgan import LeakGAN
from tokengan.methods.mle import MLE
from tokengan.methods.seqgan import SeqGAN
from tokengan.metrics.evaluator import Evaluator, _start_model, final_report
from tokengan.metrics.law import cross_entropy
from tokengan.optimiser import Optimiser
from tokengan.rewards.base import Reward
from tokengan.rewards.goals import intrinsic, reached
from tokengan.rewards.relative import Rescale
from tokengan.sampling.decoding import Decoding
from tokengan.schedules import Schedule
from tokengan.tasks.oracle import OracleTask
from tokengan.training.updater import Updater, players_of


@pytest.fixture(scope="module")
def task() -> OracleTask:
    return OracleTask(vocab_size=12, length=6, size=320, valid=32, test=200)


def writer(spec: Any) -> ManagerWorker:
    return ManagerWorker(spec, embedding=8, hidden=8, goal=4, window=2)


def cnn(spec: Any) -> HighwayCNN:
    return HighwayCNN(spec, embedding=8, widths=[1, 2, 3], filters=[6, 6, 6], dropout=0.3)


def built(task: OracleTask, cls: type[Any] = LeakGAN, **settings: Any) -> Any:
    given = {
        "generator": writer, "discriminator": cnn, "credit": lambda: RollOut(n=2, every=2), "batch_size": 32,
        "d_epochs": 1, "d_steps": 1, "d_rounds": 1, "mle_epochs": 1, "rounds": 2,
    }  # fmt: skip
    method = cls(task, **(given | settings))
    method.update = Updater(players_of(method))
    return method.train()


def weights(parameters: Any) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in parameters]


def moved(before: list[torch.Tensor], parameters: Any) -> bool:
    return any(not torch.equal(a, b) for a, b in zip(before, parameters, strict=True))


class Given(Credit):
    """Returns that stand already."""

    def __init__(self, returns: Any) -> None:
        super().__init__()
        self.returns = returns

    def forward(self, reward: Any, x: Any, players: Any) -> torch.Tensor:
        return self.returns(x) if callable(self.returns) else self.returns


# ---- who is moved


@pytest.mark.parametrize(
    ("player", "moves"),
    [("manager", "managers"), ("manager_policy", "managers"), ("generator", "workers"), ("policy", "workers")],
)
def test_a_loss_moves_its_own_player_and_never_the_discriminator(task, player, moves) -> None:
    method = built(task)
    y = method.real()
    if player.startswith("manager"):
        loss: Any = method.manager_loss(torch.ones(y.tokens.shape), y)
    else:
        loss = method.mle_loss(y, 0)
    still = "workers" if moves == "managers" else "managers"
    own, other = weights(getattr(method.generator, moves)), weights(getattr(method.generator, still))
    judge = deepcopy(method.discriminator.state_dict())
    method.update(**{player: loss})
    assert moved(own, getattr(method.generator, moves))
    assert not moved(other, getattr(method.generator, still))
    assert all(torch.equal(value, judge[name]) for name, value in method.discriminator.state_dict().items())
    assert all(parameter.grad is None for parameter in method.discriminator.parameters())


def test_the_manager_loss_reaches_neither_psi_nor_worker_and_no_loss_the_discriminator(task) -> None:
    method = built(task)
    y = method.real()
    method.manager_loss(torch.ones(y.tokens.shape), y)[0].backward()
    assert all(parameter.grad is None for parameter in method.generator.workers)
    assert any(parameter.grad.abs().max() > 0 for parameter in method.generator.managers if parameter.grad is not None)
    method.mle_loss(y, 0).backward()
    assert method.generator.psi.weight.grad.abs().max() > 0
    assert all(parameter.grad is None for parameter in method.discriminator.parameters())


def test_manager_and_worker_move_at_once_each_with_an_optimiser_of_its_own(task) -> None:
    method, names = built(task), []
    update = method.update
    method.update = lambda **each: (names.append(tuple(each)), update(**each))
    method.step_generator(0)
    method.learn_likelihood(1)
    assert names == [("policy", "manager_policy"), ("generator", "manager")]
    managers, workers = ({id(p) for p in update.players[name].parameters} for name in ("manager_policy", "policy"))
    assert managers.isdisjoint(workers)
    assert managers | workers == {id(p) for p in method.generator.parameters() if p.requires_grad}


def test_training_the_generator_changes_no_buffer_and_no_mode_of_the_discriminator(task) -> None:
    method = built(task)
    method.discriminator.register_buffer("seen", torch.zeros(()))

    def seen_in_training(dropout: Any, *_: Any) -> None:
        method.discriminator.seen += dropout.training

    method.discriminator.dropout.register_forward_hook(seen_in_training)
    before = deepcopy(method.discriminator.state_dict())
    method.begin_round(0)
    method.step_generator(0)
    method.learn_likelihood(2)
    assert all(torch.equal(value, before[name]) for name, value in method.discriminator.state_dict().items())
    assert all(part.training for part in method.discriminator.modules())


# ---- what is optimised


def test_losses_by_hand(task) -> None:
    """Per sample and step: the Manager's -mean Q cos(f_{t+c} - f_t, g_t), the Worker's -sum r log p; Q from ranks."""
    method, moves = built(task), []
    method.update = lambda **each: moves.append(each)
    y = method.write(32)
    q = torch.rand(32, 6)
    method.credit = Given(q)
    method.step_policy(y)
    goals, features = method.generator.plan(y)
    ranks = q.argsort(0, descending=True).argsort(0) + 1
    rescaled = torch.sigmoid(16 * (0.5 - ranks / 32))
    value, metrics = moves[0]["manager_policy"]
    torch.testing.assert_close(value, -(rescaled * reached(goals, features, 2)).mean())
    torch.testing.assert_close(metrics["cosine"], reached(goals, features, 2).mean().detach())
    worker = -(intrinsic(goals, features, 2).detach() * method.score(y)["logp"]).sum(1).mean()
    torch.testing.assert_close(moves[0]["policy"][0], worker)


def test_a_step_raises_the_likelihood_of_well_rewarded_words(task, monkeypatch) -> None:
    method = built(task, policy_optimiser=Optimiser(name="sgd", lr=0.5))
    y = method.write(32)
    pay = torch.randn(32, 6)
    monkeypatch.setattr("tokengan.methods.leakgan.intrinsic", lambda *_: pay)
    before = method.score(y)["logp"].detach()
    method.step_policy(y)
    gain = method.score(y)["logp"].detach() - before
    assert (gain * pay).sum() > 0


def test_ranks_are_of_what_the_discriminator_says_at_each_place(task) -> None:
    """The mean is the card's whatever D says, and the order is D's: the higher judged, the higher the return."""
    method = built(task, rescale=lambda: Rescale(form="code", divide=4.0), batch_size=64)
    returns = torch.rand(64, 6)
    method.credit = Given(returns)
    q, _ = method.worth(method.write(64))
    assert q.mean(0).tolist() == pytest.approx([0.12695181503855285] * 6, rel=1e-5)
    assert torch.equal(q.argsort(0), returns.argsort(0))


def test_generated_prefixes_are_ranked_among_real_ones(task) -> None:
    """With all real ones judged better, generated ones are the last of twice as many, and only they are kept."""
    method = built(task, beside=Schedule(0.0, end=32.0, over=1))
    y = method.write(32)
    judged = torch.arange(64.0).flip(0).unsqueeze(1).expand(-1, 6)  # of which the real ones, last, are the best
    method.credit = Given(lambda x: -judged[: len(x)])
    alone, _ = method.worth(y)
    method.iteration = 1
    among, _ = method.worth(y)
    assert among.shape == alone.shape == (32, 6)
    assert among.max() <= 0.5 < alone.max()


class Kept(Reward):
    """Judges by the tokens, and notes how many rows it was shown."""

    rows = 0

    def forward(self, x, players):
        self.rows += len(x)
        return (x.tokens * torch.arange(1, x.length + 1)).double().sum(1)


@pytest.mark.parametrize("every", [2, 3, 4, 6, 9])
def test_rollouts_of_every_few_prefixes(task, every) -> None:
    """Completed greedily there is nothing to draw: the values are those of all prefixes, taken at every c-th."""
    method = built(task)
    greedy = SimpleNamespace(
        policy=method.generator, decoding=Decoding(greedy=True), world=method.world, noise=method.noise
    )
    y = method.write(8)
    each = RollOut(n=2)(Kept(), y, greedy)
    reward = Kept()
    found = RollOut(n=2, every=every)(reward, y, greedy)
    for t in range(6):
        at = min(-(-(t + 1) // every) * every, 6)
        assert torch.equal(found[:, t], each[:, at - 1])
    assert reward.rows == 8 + 2 * 8 * len(range(every, 6, every))


# ---- the order of training


def test_discriminator_and_generator_are_pretrained_in_turns_and_likelihood_comes_back(task) -> None:
    method, seen = built(task, inter_rounds=2, supervise_every=2, supervise=0.2, rounds=4), []
    method.update = lambda **each: seen.append(next(iter(each)))
    first, game = method.phases()
    assert (first.iterations, game.iterations) == (2, 4)
    first.run(0)
    assert seen == ["discriminator"] * 20 + ["generator"] * 10  # half a batch of fakes each time
    counts = []
    for i in range(4):
        seen.clear()
        method.round(i)
        counts.append(seen.count("generator"))
    assert counts == [0, 2, 0, 2]


# ---- whose features are read


def test_the_rollout_policy_has_weights_of_its_own_and_reads_the_one_discriminator(task) -> None:
    method = built(task, lag=0.5)
    assert method.policy is not method.generator
    assert method.policy.lent.module is method.discriminator
    judged = [name for name in method.state_dict() if "convolutions" in name]
    assert judged
    assert all(name.startswith("discriminator.") for name in judged)
    method.begin_round(0)
    method.step_generator(0)


def test_the_start_model_reads_the_discriminator_of_the_start(task) -> None:
    """Its law is what it was, although the discriminator has learnt since; and the live one is left alone."""
    method = built(task)
    x = method.task.test.select(slice(0, 20))
    start, law = deepcopy(method.state_dict()), method.generator.eval()(x)["logits"].detach()
    method.train()
    for _ in range(3):
        method.teach_discriminator(0)
    now = deepcopy(method.state_dict())
    assert not torch.allclose(method.generator.eval()(x)["logits"], law, atol=1e-4)
    torch.testing.assert_close(_start_model(method, start)(x)["logits"], law)
    assert all(torch.equal(value, now[name]) for name, value in method.state_dict().items())


def test_a_run_that_begins_from_another_takes_its_discriminator_too() -> None:
    small = {"data.vocab_size": 9, "data.length": 4, "data.size": 40, "data.valid": 8, "data.test": 8,
             "discriminator.widths": [1, 2], "discriminator.filters": [4, 4], "generator.hidden": 4}  # fmt: skip
    config = configure("leakgan", "oracle", preset="none", settings=small)
    task = config.build_task()
    first = config.build_method(task)
    with torch.no_grad():
        for parameter in first.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    again = config.build_method(task, first.state_dict())
    x = task.test
    assert torch.equal(again.eval().generator(x)["logits"], first.eval().generator(x)["logits"])
    other = configure("leakgan", "oracle", preset="none", settings={**small, "discriminator.embedding": 5})
    with pytest.raises(UserError, match="of another discriminator"):
        other.build_method(task, first.state_dict())


def test_a_run_folder_writes_and_scores_as_the_run_did(tmp_path) -> None:
    lines = [f"{a} {b} {c}" for a in ("one", "two", "six") for b in ("red", "blue") for c in ("cats", "big dogs")]
    data = tmp_path / "data.txt"
    data.write_text("\n".join(lines * 2))
    settings = {"inter_rounds": 2, "mle_epochs": 2, "d_rounds": 1, "rounds": 1, "d_steps": 1, "batch_size": 8}
    settings |= {
        "credit": {"n": 2, "every": 2},
        "generator": {"hidden": 6},
        "trainer": {"device": "cpu", "quiet": True},
    }
    settings |= {"discriminator": {"widths": [1, 2], "filters": [4, 4]}}
    run = tokengan.train("leakgan", data, preset="none", out=tmp_path / "run", **settings)
    data.unlink()
    loaded = tokengan.load(run.path, "last")
    assert loaded.generate(20, seed=2) == run.generate(20, seed=2)
    assert loaded.nll(lines) == run.nll(lines)
    assert loaded.score(lines) == run.score(lines)
    start = tokengan.load(run.path, "start")
    assert not torch.equal(start.method.discriminator.output.weight, loaded.method.discriminator.output.weight)


def test_evaluation_trains_nothing_and_is_not_sharpened(task) -> None:
    method = built(task)
    method.teach_discriminator(0)
    before = deepcopy(method.state_dict())
    plain = Evaluator(samples=30)(method)["NLL-div"].value
    method.decoding = Decoding(temperature=0.5)
    assert Evaluator(samples=30)(method)["NLL-div"].value == plain
    final_report(method, before, samples=30, matched_samples=30)
    assert all(torch.equal(value, before[name]) for name, value in method.state_dict().items())


def test_samples_and_scores_are_under_one_law_in_training(task) -> None:
    """Tempered alike when drawn and when scored: a policy that samples sharpened and is scored plain is another one."""
    method = built(task, temperature=Schedule(0.7))
    method.begin_round(0)
    y = method.write(32, method.decoding)
    torch.testing.assert_close(method.score(y)["logp"], y.logp, rtol=1e-4, atol=1e-5)


def test_what_gives_no_prefix_features_is_refused(task) -> None:
    with pytest.raises(UserError, match=r"RecurrentDiscriminator gives none.*cnn"):
        built(task, discriminator=lambda spec: RecurrentDiscriminator(spec, 4, 4))
    with pytest.raises(UserError, match="ManagerWorker reads a discriminator's features"):
        MLE(task, generator=writer)


def test_any_other_method_with_a_discriminator_lends_it_too(task) -> None:
    method = built(task, SeqGAN)
    method.teach_discriminator(0)
    method.begin_round(0)
    method.step_generator(0)
    written = method.write(5)
    assert written.tokens.shape == (5, 6)


# ---- it learns


def test_pretraining_learns_the_data_and_the_manager_foresees_it(task) -> None:
    method = built(task, inter_rounds=6, generator_optimiser=Optimiser(lr=1e-2))
    cosine = reached(*method.generator.plan(task.test), 2).mean()
    before = cross_entropy(method.generator, task.test).mean
    for i in range(6):
        method.pretrain(i)
    method.eval()
    assert cross_entropy(method.generator, task.test).mean < before - 0.05
    assert reached(*method.generator.plan(task.test), 2).mean() > cosine + 0.3


def test_in_the_game_the_worker_learns_to_go_where_the_manager_points(task) -> None:
    method = built(task, credit=Final, policy_optimiser=Optimiser(lr=1e-2))

    def pay() -> float:
        y = method.write(300)
        return intrinsic(*method.generator.plan(y), 2).mean().item()

    before = pay()
    for i in range(30):
        method.begin_round(i)
        method.step_generator(i)
    assert pay() > before + 0.1
