"""One step of a method against its formula: what is minimised, by what weights, with whose dropout."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[1]))
from toy import Tabular

from tokengan.discriminators.cnn import HighwayCNN
from tokengan.estimators.baselines import Group
from tokengan.estimators.credit import Final
from tokengan.estimators.maligan import ImportanceWeights
from tokengan.estimators.reinforce import Reinforce
from tokengan.generators.recurrent import LSTM
from tokengan.methods.base import Method
from tokengan.methods.cot import CoT
from tokengan.methods.maligan import MaliGAN
from tokengan.methods.organ import ORGAN
from tokengan.methods.pg_bleu import PGBLEU
from tokengan.modes import evaluating
from tokengan.noise import Noise
from tokengan.optimiser import Optimiser
from tokengan.rewards.constant import Constant
from tokengan.rewards.organ import ObjectiveReinforced
from tokengan.sampling.law import kl
from tokengan.schedules import Schedule
from tokengan.sequences import Sequences
from tokengan.spec import Spec
from tokengan.tasks.oracle import OracleTask
from tokengan.training.updater import Updater, players_of

DATA = torch.tensor([0.5, 0.3, 0.15, 0.05], dtype=torch.float64)


@pytest.fixture(scope="module")
def task() -> OracleTask:
    return OracleTask(vocab_size=6, length=5, size=64, valid=8, test=8)


def lstm(spec: Spec) -> LSTM:
    return LSTM(spec, hidden=6, embedding=6, dropout=0.5, init_std=1.0)


def cnn(spec: Spec) -> HighwayCNN:
    return HighwayCNN(spec, embedding=4, widths=[1, 2], filters=[6, 6], dropout=0.5)


def watched(method: Method) -> tuple[Any, list[Any]]:
    """Return a method in training mode that moves nobody, and what it would have moved by."""
    moves: list[Any] = []
    method.update = lambda **each: moves.append(each)
    return method.train(), moves


def quiet(method: Any, y: Sequences) -> tuple[Tensor, Tensor]:
    """Return D's logits and the log-probabilities of a batch, all dropout off."""
    with evaluating(method):
        return method.discriminator(y)["logits"].detach(), method.generator.score(y)["logp"]


# ---- MaliGAN


def test_maligan_weighs_by_the_odds_of_d_and_not_by_d(task: OracleTask) -> None:
    """Its defaults: w = B softmax(d), that is r / mean r with r = D/(1-D), of a D without dropout; one move a batch."""
    method, moves = watched(MaliGAN(task, generator=lstm, discriminator=cnn, batch_size=8))
    with torch.no_grad():
        method.discriminator.output.weight.mul_(20)
    y = method.write(8)
    method.step_policy(y)
    d, logp = quiet(method, y)
    odds = d.sigmoid() / (1 - d.sigmoid())
    assert odds.std() > 0.05
    expected = -((odds / odds.mean()).unsqueeze(1) * logp).sum(1).mean()
    torch.testing.assert_close(moves[0]["policy"][0], expected)
    assert len(moves) == 1


def test_mixed_maligan_is_one_objective_split_at_n(task: OracleTask) -> None:
    """Both terms are means over the m real rows; the weights of the n completions of one prefix sum to 1, b to 1."""
    n, m, given = 4, 3, 2
    estimator = partial(ImportanceWeights, Schedule(0.5), num_generations=n)
    method, moves = watched(
        MaliGAN(
            task, generator=lstm, discriminator=cnn, estimator=estimator, given=Schedule(float(given)), completions=n
        )
    )
    method.generator.dropout.p = 0.0  # likelihood is learnt with it on
    x = method.take(task.train, torch.arange(m))
    y = method.continued(x, torch.full((m,), given), n)
    method.step_policy(y, likelihood=True)
    d, logp = quiet(method, y)
    expected = torch.zeros(())
    for i in range(m):
        rows = torch.arange(n) * m + i
        assert (y.tokens[rows, :given] == x.tokens[i, :given]).all()
        weights = d[rows].softmax(0) - 0.5 / n
        expected = expected - (weights * logp[rows, given:].sum(1)).sum() / m - logp[i, :given].sum() / m
    torch.testing.assert_close(moves[0]["policy"][0], expected)


def test_mixer_learns_the_first_tokens_by_likelihood_and_the_last_by_reward(task: OracleTask) -> None:
    method, moves = watched(
        PGBLEU(
            task, generator=lstm, reward=partial(Constant, 2.0), mixer_tokens=2, mixer_rounds=1, batch_size=4, rounds=1
        )
    )
    method.generator.dropout.p = 0.0
    seen: list[Sequences] = []
    step = method.step_policy
    method.step_policy = lambda y, likelihood: (seen.append(y), step(y, likelihood))
    for i, given in enumerate((3, 1, 0)):
        method.round(i)
        y = seen[-1]
        assert y.chosen.tolist() == [[t >= given for t in range(5)]] * 4
        assert all(row in task.train.tokens[:, :given].tolist() for row in y.tokens[:, :given].tolist())
        logp = method.generator.score(y)["logp"]
        expected = -(2.0 * logp[:, given:].sum(1) + logp[:, :given].sum(1)).mean()
        torch.testing.assert_close(moves[-1]["policy"][0], expected)


# ---- CoT


def cot(law: Tensor, mediator: Tensor) -> tuple[Any, list[Any]]:
    """Return the game of one token, with these laws as players."""
    task = OracleTask(vocab_size=4, length=1, size=8, valid=4, test=4, hidden=4)
    players = [lambda spec, p=p: Tabular(p.log().tolist(), [[0.0] * 4] * 4) for p in (law, mediator)]
    method, moves = watched(CoT(task, generator=players[0], mediator=players[1]))
    method.generator.spec = method.judging.spec = task.spec
    return method, moves


def letters(*counts: int) -> Sequences:
    tokens = torch.arange(4).repeat_interleave(torch.tensor(counts)).unsqueeze(1)
    return Sequences(tokens, torch.ones_like(tokens, dtype=torch.bool))


def test_cots_gradient_is_twice_that_of_the_jensen_shannon_divergence() -> None:
    """With M = (P + G)/2 and one token; the mediator, though its weights move G, is detached."""
    law = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
    method, _ = cot(law, (DATA + law) / 2)
    (loss,) = method._divergences(letters(2, 1, 0, 3))
    (found,) = torch.autograd.grad(loss, method.generator.first)
    p = method.generator.first.softmax(0)
    mean = (DATA + p) / 2
    jsd = ((DATA * (DATA / mean).log()).sum() + (p * (p / mean).log()).sum()) / 2
    torch.testing.assert_close(found, 2 * torch.autograd.grad(jsd, method.generator.first)[0], rtol=0, atol=1e-14)
    assert not loss.requires_grad or method.judging.first.grad is None
    same, _ = cot(law, law)
    (loss,) = same._divergences(letters(1, 0, 0, 0))
    assert loss.abs() < 1e-15


def test_the_mediator_settles_at_half_real_half_generated() -> None:
    """Whatever the sizes of the two batches: -(E_P log M + E_G log M)/2 is flat at M = (P + G)/2 alone."""
    law = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
    for mediator, flat in (((DATA + law) / 2, True), (DATA, False), ((20 * DATA + 10 * law) / 30, False)):
        method, moves = cot(law, mediator)
        method.step_judge(letters(10, 6, 3, 1), letters(1, 2, 3, 4))
        (slope,) = torch.autograd.grad(moves[0]["judge"], method.judging.first)
        assert (slope.abs().max() < 1e-15) == flat
        entropy = -((DATA + law) / 2 * mediator.log()).sum()
        torch.testing.assert_close(moves[0]["judge"].detach(), entropy)


def test_a_judge_scores_without_dropout_and_in_parts_as_at_once() -> None:
    """Rows of different lengths, more than are held at once: the parts add up to the mean over all real tokens."""
    spec = Spec(vocab_size=6, max_length=5, start=1, end=2, pad=0)
    task = OracleTask(vocab_size=6, length=5, size=64, valid=8, test=8)
    method, _ = watched(CoT(task, generator=lstm, mediator=lstm, samples=70))
    method.generator, method.judging = lstm(spec).train(), lstm(spec).train()
    found: list[float] = []
    method.update = lambda policy: found.extend(part.item() for part in policy)
    seen: list[Sequences] = []
    write = method.write
    method.write = lambda rows: seen.append(write(rows)) or seen[0]
    method.step_generator()
    y = seen[0]
    assert not y.mask.all()
    with evaluating(method):
        distance = kl(method.generator(y)["logits"], method.judging(y)["logits"])
    assert len(found) == 3
    assert sum(found) == pytest.approx(distance[y.mask].mean().item(), rel=1e-5)
    assert method.judging.dropout.training


# ---- ORGAN


def share_of_a(texts: list[str]) -> list[float]:
    return [text.split().count("0") / 2 for text in texts]


@pytest.mark.parametrize("repetition", [False, True])
def test_the_repetition_penalty_keeps_several_strings(repetition: bool) -> None:
    """The card's toy of two letters: O, the share of a, takes all without it, and with it only its share.

    Where each copy of x is worth O(x) u / c(x), shares in proportion to O are worth the same: aa 1/2, ab and ba 1/4.
    """
    task = OracleTask(vocab_size=2, length=2, size=64, valid=8, test=8, hidden=4)
    reward = partial(ObjectiveReinforced, [f"{__name__}:share_of_a"], weight=0.5, first=Constant, repetition=repetition)
    method = ORGAN(
        task, generator=lambda spec: Tabular([0.0] * 2, [[0.0] * 2] * 2, torch.float32), reward=reward, credit=Final,
        discriminator=cnn, estimator=lambda: Reinforce(Group), batch_size=64, policy_optimiser=Optimiser(lr=0.2),
    )  # fmt: skip
    method.update = Updater(players_of(method), method.world, lambda: None)
    for _ in range(70):
        method.step_policy(method.write(64))
    first, second = method.generator.first.softmax(0), method.generator.second.softmax(1)
    law = (first.unsqueeze(1) * second).flatten().tolist()
    assert law == pytest.approx([0.5, 0.25, 0.25, 0.0] if repetition else [1.0, 0.0, 0.0, 0.0], abs=0.12)


# ---- token 0


def moved_at_zero(network: torch.nn.Module) -> list[bool]:
    """Return, for each embedding of words that has a gradient, whether token 0's is in it."""
    words = [part for part in network.modules() if isinstance(part, torch.nn.Embedding) and part.num_embeddings == 6]
    return [bool(part.weight.grad[0].abs().max() > 0) for part in words if part.weight.grad is not None]


ORACLE, ROW = Spec(vocab_size=6, max_length=5, start=0), torch.tensor([[3, 0, 2, 1, 4]])


def test_token_zero_of_the_oracle_is_a_word_to_generators(make_generator: Any) -> None:
    """A peer's padding_idx = 0 left it a frozen embedding, though it is the start and an ordinary word."""
    if make_generator.lacks(ORACLE):
        pytest.skip("the oracle's sequences have no conditions")
    generator = make_generator(ORACLE)
    if not any(p.requires_grad for p in generator.parameters()):
        pytest.skip("is counted: it has no embedding")
    drawn = generator.prior(len(ROW), Noise(torch.Generator().manual_seed(0)))
    generator.score(Sequences(ROW, ROW >= 0, condition=drawn))["logp"][0, 2:].sum().backward()
    assert moved_at_zero(generator)
    assert all(moved_at_zero(generator))


def test_token_zero_of_the_oracle_is_a_word_to_discriminators(make_discriminator: Any) -> None:
    if make_discriminator.lacks(ORACLE):
        pytest.skip("the oracle's sequences have no conditions")
    discriminator = make_discriminator(ORACLE).eval()
    discriminator(Sequences(ROW, ROW >= 0))["logits"].sum().backward()
    assert moved_at_zero(discriminator) == [True]
