"""What the methods do, seen from outside: they learn what they should, and move what they name."""

from __future__ import annotations

import ast
import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

from tokengan.discriminators.cnn import HighwayCNN
from tokengan.estimators.baselines import EMA
from tokengan.estimators.credit import Final, RollOut
from tokengan.estimators.reinforce import Reinforce
from tokengan.generators.recurrent import LSTM
from tokengan.lagged import Lagged
from tokengan.methods.base import Method
from tokengan.methods.mle import MLE
from tokengan.methods.seqgan import SeqGAN
from tokengan.metrics.law import cross_entropy
from tokengan.optimiser import Optimiser
from tokengan.registry import known
from tokengan.rewards.base import Reward
from tokengan.rewards.constant import Constant
from tokengan.rewards.probability import Probability
from tokengan.schedules import Schedule
from tokengan.sequences import Sequences
from tokengan.tasks.oracle import OracleTask
from tokengan.tasks.text import TextTask
from tokengan.training.updater import Updater, players_of


@pytest.fixture(scope="module")
def task() -> OracleTask:
    return OracleTask(vocab_size=12, length=5, size=600, valid=300, test=300)


def small_cnn(spec):
    return HighwayCNN(spec, embedding=8, widths=[1, 2, 3], filters=[8, 8, 8], dropout=0.0)


def seqgan(task, **changes: Any) -> SeqGAN:
    settings: dict[str, Any] = {
        "generator": lambda spec: LSTM(spec, hidden=16),
        "discriminator": small_cnn,
        "credit": lambda: RollOut(n=4),
        "mle_epochs": 2,
        "d_rounds": 1,
        "rounds": 2,
        "d_steps": 1,
        "d_epochs": 1,
    }
    return ready(SeqGAN(task, **{**settings, **changes}))


def ready(method: Method) -> Any:
    method.update = Updater(players_of(method), method.world, lambda: None)
    return method.train()


def play(method: Method) -> None:
    for phase in method.phases():
        for i in range(phase.iterations):
            phase.run(i)


def weights(module: torch.nn.Module) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in module.parameters()]


def same(a: list[torch.Tensor], b: list[torch.Tensor]) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


# ---- maximum likelihood


def test_mle_learns_the_data(task: OracleTask) -> None:
    method = ready(MLE(task, epochs=8))
    before = cross_entropy(method.generator, task.test).mean
    play(method)
    after = cross_entropy(method.generator.eval(), task.test).mean
    assert before == pytest.approx(math.log(12), abs=0.1)
    assert after < before - 0.1


def test_mle_overfits_ten_sentences_to_their_empirical_entropy() -> None:
    task = OracleTask(vocab_size=50, length=6, size=10, valid=5, test=5)
    method = ready(MLE(task, generator=lambda spec: LSTM(spec, hidden=48), epochs=250, batch_size=10))
    play(method)
    assert cross_entropy(method.generator.eval(), task.train).mean == pytest.approx(math.log(10) / 6, abs=0.02)


def test_all_gold_is_teacher_forcing_bit_for_bit(task: OracleTask) -> None:
    plain, sampled = ready(MLE(task, epochs=1)), ready(MLE(task, epochs=1, gold=Schedule(1.0, end=1.0, over=5)))
    play(plain)
    play(sampled)
    assert same(weights(plain.generator), weights(sampled.generator))


def test_scheduled_sampling_feeds_the_model_its_own_tokens_and_still_learns(task: OracleTask) -> None:
    method = ready(MLE(task, epochs=6, gold=Schedule(1.0, end=0.25, over=4, shape="inverse_sigmoid")))
    before = cross_entropy(method.generator, task.test).mean
    play(method)
    assert cross_entropy(method.generator.eval(), task.test).mean < before - 0.05
    teacher = ready(MLE(task, epochs=6))
    play(teacher)
    assert not same(weights(method.generator), weights(teacher.generator))


# ---- SeqGAN


def test_seqgan_plays_all_its_phases(task: OracleTask) -> None:
    method = seqgan(task)
    assert [phase.name for phase in method.phases()] == ["pretrain generator", "pretrain discriminator", "adversarial"]
    g, d = weights(method.generator), weights(method.discriminator)
    play(method)
    assert not same(g, weights(method.generator))
    assert not same(d, weights(method.discriminator))


def test_each_step_moves_its_own_player_only(task: OracleTask) -> None:
    method = seqgan(task)
    g, d = weights(method.generator), weights(method.discriminator)
    method.step_policy(method.write(32))
    assert same(d, weights(method.discriminator))
    assert not same(g, weights(method.generator))
    g = weights(method.generator)
    method.teach_discriminator(0)
    assert same(g, weights(method.generator))
    assert not same(d, weights(method.discriminator))


class Contains(Reward):
    """1 where the sequence contains a token."""

    def __init__(self, token: int = 3) -> None:
        super().__init__()
        self.token = token

    def forward(self, x: Sequences, players: Any) -> torch.Tensor:
        return (x.tokens == self.token).any(1).float()


@pytest.mark.parametrize("credit", [lambda: RollOut(n=4), Final], ids=["rollout", "final"])
def test_a_reward_for_a_token_makes_it_frequent(task: OracleTask, credit: Any) -> None:
    """The sanity check of the card: with D replaced by "contains token k" its frequency climbs toward 1."""
    method = seqgan(
        task,
        reward=Contains,
        credit=credit,
        estimator=lambda: Reinforce(EMA),
        policy_optimiser=Optimiser(lr=2e-2),
    )
    share = []
    for _ in range(4):
        share.append(Contains()(method.write(400), method).mean().item())
        for _ in range(20):
            method.step_policy(method.write(64))
    share.append(Contains()(method.write(400), method).mean().item())
    assert share[-1] > 0.9
    assert share[0] < 0.6
    assert share == sorted(share) or min(b - a for a, b in pairwise(share)) > -0.05


def test_an_untrained_discriminator_is_undecided(task: OracleTask) -> None:
    method = seqgan(task, discriminator=lambda spec: HighwayCNN(spec, widths=[1, 2], filters=[20, 20]))
    judged = Probability()(method.write(400), method)
    assert judged.mean().item() == pytest.approx(0.5, abs=0.2)
    assert judged.dtype == torch.float32
    assert not judged.requires_grad


def test_dropout_is_off_when_the_discriminator_is_the_reward(task: OracleTask) -> None:
    method = seqgan(task, discriminator=lambda spec: HighwayCNN(spec, widths=[1, 2], filters=[20, 20], dropout=0.9))
    y = method.write(50)
    assert torch.equal(Probability()(y, method), Probability()(y, method))
    assert method.discriminator.dropout.training


def test_generator_dropout_is_off_in_the_policy_gradient(task: OracleTask) -> None:
    """Else the tokens would be scored under another law than the one that drew them."""
    method = seqgan(task, generator=lambda spec: LSTM(spec, hidden=16, dropout=0.5), reward=Constant)
    method.step_policy(method.write(64))
    assert float(method.update.drain()["policy/behaviour_gap"]) < 1e-5


def test_a_temperature_is_scored_as_it_was_drawn(task: OracleTask) -> None:
    method = seqgan(task, reward=Constant, temperature=Schedule(0.5), rounds=1)
    method.round(0)
    assert float(method.update.drain()["policy/behaviour_gap"]) < 1e-5


def test_a_reward_that_reads_no_discriminator_trains_none(task: OracleTask) -> None:
    method = seqgan(task, reward=Constant)
    d = weights(method.discriminator)
    play(method)
    assert same(d, weights(method.discriminator))


def test_no_buffer_of_the_discriminator_changes_while_the_generator_moves(task: OracleTask) -> None:
    method = seqgan(task)
    before = {name: value.clone() for name, value in method.discriminator.state_dict().items()}
    method.step_policy(method.write(32))
    assert all(torch.equal(before[name], value) for name, value in method.discriminator.state_dict().items())


# ---- shared pieces


def test_the_lag_follows_as_published(task: OracleTask) -> None:
    live = LSTM(task.spec, hidden=4)
    lagged = Lagged(live, 0.8)
    old = weights(lagged.network)
    for parameter in live.parameters():
        parameter.data += 1.0
    lagged.follow()
    for before, after in zip(old, weights(lagged.network), strict=True):
        torch.testing.assert_close(after, before + 0.2)
    lagged.catch_up()
    assert same(weights(live), weights(lagged.network))
    frozen = Lagged(live, 1.0)
    live.embedding.weight.data += 1
    frozen.follow()
    assert not torch.equal(frozen.network.embedding.weight, live.embedding.weight)


def test_a_lagging_policy_rolls_out_and_has_one_owner(task: OracleTask) -> None:
    method = seqgan(task, lag=0.8)
    assert method.policy is not method.generator
    assert not any(parameter.requires_grad for parameter in method.policy.parameters())
    method.phases()[0].run(0)
    assert not same(weights(method.generator), weights(method.policy))
    method.round(0)
    distance = max((a - b).abs().max() for a, b in zip(weights(method.generator), weights(method.policy), strict=True))
    assert 0 < distance < 0.05  # it begins with the pre-trained weights, not with those it was copied from
    names = method.state_dict()
    assert any(name.startswith("rollout_policy.copy") for name in names)
    assert len({value.data_ptr() for value in names.values() if value.numel()}) == len(
        [v for v in names.values() if v.numel()]
    )


def test_pairs_are_half_real_half_generated_and_cover_the_data(task: OracleTask) -> None:
    method = seqgan(task)
    fakes = method.write(len(task.train))
    pairs = list(method.pairs(fakes, 60, epochs=2))
    assert len(pairs) == 2 * 20
    assert all(len(real) == len(fake) == 30 for real, fake in pairs)
    seen = torch.cat([real.tokens for real, _ in pairs[:20]])
    assert sorted(seen.tolist()) == sorted(task.train.tokens.tolist())


def test_seqgan_plays_on_sentences_of_different_lengths() -> None:
    """Samples carry log-probabilities, and are cut after the longest row of a batch."""
    method = seqgan(TextTask("emoji", max_lines=100, max_length=30))
    play(method)
    x = method.write(20)
    short = x.select(x.lengths < x.lengths.max()).trim()
    assert short.length < x.length
    assert short.logp is not None
    assert short.logp.shape == short.tokens.shape


def test_pairs_of_a_small_training_split_are_smaller_not_missing() -> None:
    method = seqgan(OracleTask(vocab_size=12, length=5, size=20, valid=5, test=5))
    pairs = list(method.pairs(method.write(20), 64, epochs=3))
    assert [len(real) for real, _ in pairs] == [20, 20, 20]


def test_the_critic_is_nobody_before_it_was_taught(task: OracleTask) -> None:
    method = seqgan(task)
    assert method.critic is None
    method.teach_discriminator(0)
    assert method.critic is method.discriminator
    again = seqgan(task)
    again.load_state_dict(method.state_dict())
    assert again.critic is again.discriminator


def test_evaluation_draws_with_numbers_of_its_own(task: OracleTask) -> None:
    """Were they those that made the data, equal uniforms would make a trained generator repeat its training rows."""
    from tokengan.metrics.evaluator import _given

    method = seqgan(task)
    method.generator = task.oracle  # the law itself: with the same uniforms it writes the same rows
    for seed in range(3):
        written = _given(method, "valid", 300, seed).extra["written"].tokens
        for split in (task.train, task.valid, task.test):
            assert (written == split.tokens[:300]).all(1).float().mean() < 0.2


def test_the_likelihood_phase_trains_the_epochs_it_was_given() -> None:
    method = ready(MLE(OracleTask(vocab_size=5, length=2, size=1500, valid=5, test=5), epochs=2, batch_size=1))
    updates: list[int] = []
    method.update = lambda generator: updates.append(1)
    method.mle_loss = lambda x, epoch: updates.append(epoch) or torch.zeros(())
    (phase,) = method.phases()
    for i in range(phase.iterations):
        phase.run(i)
    assert len(updates) == 2 * 2 * 1500
    assert updates[0] == 0
    assert updates[-2] == 1


def test_complete_rows_are_not_judged_again() -> None:
    """Roll-outs of a sentence that ended are that sentence: its reward is known."""

    class Counting(Contains):
        seen = 0

        def forward(self, x: Sequences, players: Any) -> torch.Tensor:
            Counting.seen += len(x)
            return super().forward(x, players)

    method = seqgan(TextTask("emoji", max_lines=100, max_length=8), reward=Counting)
    y = method.real()
    credit, reward = RollOut(n=3), Counting()
    q = credit(reward, y, method)
    drawn = sum(3 * int((y.lengths > t).sum()) for t in range(1, y.length))
    assert Counting.seen == len(y) + drawn
    reward.alone = False
    Counting.seen = 0
    method.streams.load_state_dict({})
    assert credit(reward, y, method).shape == q.shape
    assert Counting.seen == len(y) + 3 * len(y) * (y.length - 1)


def test_batches_cover_an_epoch_and_differ_between_epochs(task: OracleTask) -> None:
    method = MLE(task, batch_size=100)
    first = torch.cat([method.batches.next() for _ in range(6)])
    second = torch.cat([method.batches.next() for _ in range(6)])
    assert sorted(first.tolist()) == list(range(600))
    assert not torch.equal(first, second)


def test_the_seed_decides_weights_and_draws(task: OracleTask) -> None:
    a, b, c = (seqgan(task, seed=seed) for seed in (1, 1, 2))
    assert same(weights(a), weights(b))
    assert not same(weights(a), weights(c))
    assert torch.equal(a.write(9).tokens, b.write(9).tokens)


def test_the_method_files_are_short_and_trainer_and_engine_name_no_method() -> None:
    package = Path(__file__).parents[2] / "tokengan"
    modules = {path.rpartition(".")[0] for path in known("methods").values() if path.startswith("tokengan.")}
    for module in modules:
        assert len((package.parent / f"{module.replace('.', '/')}.py").read_text().splitlines()) <= 150, module
    for path in [*(package / "training").glob("*.py"), *(package / "sampling").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            named = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            named += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert not modules & set(named), path
            assert not (isinstance(node, ast.Constant) and node.value in known("methods")), path
