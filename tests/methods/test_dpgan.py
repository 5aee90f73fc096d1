"""DPGAN against its card (methods/dpgan.md): closed forms on one word of four, then one step and what is kept."""

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

import tokengan
from tokengan.discriminators.base import Judged
from tokengan.discriminators.language_model import LanguageModelDiscriminator
from tokengan.estimators.credit import Discounted, Final
from tokengan.generators.recurrent import LSTM
from tokengan.generators.seq2seq import Seq2Seq
from tokengan.losses.surprise import Surprise
from tokengan.methods.base import Method
from tokengan.methods.dpgan import DPGAN
from tokengan.methods.pool import Pool
from tokengan.modes import evaluating
from tokengan.optimiser import Optimiser
from tokengan.rewards.constant import Constant
from tokengan.rewards.language_model import LanguageModel
from tokengan.sequences import Sequences
from tokengan.spec import Spec
from tokengan.tasks.oracle import OracleTask
from tokengan.tasks.pairs import PairsTask
from tokengan.training.updater import Updater, players_of

DATA = torch.tensor([0.5, 0.3, 0.15, 0.05], dtype=torch.float64)
LETTERS = Sequences(torch.arange(4).unsqueeze(1), torch.ones(4, 1, dtype=torch.bool))
REAL = LETTERS.select(torch.arange(4).repeat_interleave(torch.tensor([10, 6, 3, 1])))


@pytest.fixture(scope="module")
def task() -> OracleTask:
    return OracleTask(vocab_size=6, length=5, size=64, valid=32, test=8)


@pytest.fixture(scope="module")
def pairs() -> PairsTask:
    return PairsTask("emoji:en-de", max_length=6, max_source=8, max_lines=120)


def lstm(spec: Spec) -> LSTM:
    return LSTM(spec, hidden=6, embedding=6, dropout=0.5, init_std=1.0)


def judge(spec: Spec) -> LanguageModelDiscriminator:
    return LanguageModelDiscriminator(spec, lstm)


def dpgan(task: Any, **settings: Any) -> Any:
    return DPGAN(
        task, **{"generator": lstm, "discriminator": judge, "batch_size": 8, "d_epochs": 1, **settings}
    ).train()


def watched(method: Method) -> tuple[Any, list[Any]]:
    """Return a method that moves nobody, and what it would have moved by."""
    moves: list[Any] = []
    method.update = lambda **each: moves.append(each)
    return method, moves


def moving(method: Method) -> Any:
    method.update = Updater(players_of(method), method.world, lambda: None)
    return method


# ---- the card's toy: one word of four, D = G


def settled(law: Tensor, own: float, real: float, level: str = "word", steps: int = 100) -> Tensor:
    """Return where G goes when D is G itself: the exact policy gradient times `own`, the steps on real text `real`."""
    one = OracleTask(vocab_size=4, length=1, size=8, valid=4, test=4, hidden=4)
    generator = Tabular(law.log().tolist(), [[0.0] * 4] * 4)
    method, moves = watched(
        dpgan(one, generator=lambda spec: generator, reward=partial(LanguageModel, level), batch_size=4)
    )
    method.judge = lambda x: Judged({"logp": generator.score(x)["logp"]}, x)
    optimiser = torch.optim.Adam([generator.first], lr=0.1)
    for k in range(steps):
        optimiser.param_groups[0]["lr"] = 0.1 if k < steps / 2 else 0.01
        p = generator.first.softmax(0).detach()
        total = torch.zeros((), dtype=torch.float64)
        moves.clear()
        if own:
            for i in range(4):
                method.step_policy(LETTERS.select(slice(i, i + 1)))
            total = total + own * sum(p[i] * moves[i]["policy"][0] for i in range(4))
        if real:
            method.step_teacher(REAL)
            total = total + real * moves[-1]["teacher"][0]
        optimiser.zero_grad()
        total.backward()
        optimiser.step()
    return generator.first.softmax(0).detach()


@pytest.mark.parametrize("level", ["word", "product"])
def test_pure_reward_by_a_d_that_tracks_g_is_entropy(level: str) -> None:
    """Maximising E_G[-log G] leads to the uniform law from any start."""
    found = settled(torch.tensor([0.01, 0.01, 0.93, 0.05], dtype=torch.float64), own=1.0, real=0.0, level=level)
    torch.testing.assert_close(found, torch.full_like(found, 0.25), rtol=0, atol=1e-2)


@pytest.mark.parametrize(
    ("own", "expected"),
    [(0.0, [0.395, 0.304, 0.203, 0.098]), (0.1, [0.388, 0.302, 0.206, 0.104]), (1.0, [0.349, 0.286, 0.218, 0.147])],
)
def test_weighted_real_text_flattens_the_data_and_samples_flatten_it_further(own: float, expected: list[float]) -> None:
    """Of real text alone the fixed point is G(x) in proportion to P(x) (-log G(x)), not P."""
    found = settled(DATA, own, real=1.0)
    assert found.tolist() == pytest.approx(expected, abs=1.5e-3)
    if own == 0:
        share = DATA * -found.log()
        torch.testing.assert_close(found, share / share.sum(), rtol=0, atol=1e-3)


# ---- one step


def test_a_step_on_samples_and_one_on_real_rows_are_the_cards(task: OracleTask) -> None:
    """By a plain loop: Q_k = R_s sum over i >= k of gamma^(i-k) R_w,i, then R_w on the real row; D without dropout."""
    method, moves = watched(dpgan(task, credit=partial(Discounted, 0.5)))
    seen: list[Sequences] = []
    sampled, real = method.sampled, method.real
    method.sampled = lambda x: seen.append(sampled(x)) or seen[-1]
    method.real = lambda: seen.append(real()) or seen[-1]
    method.generator.dropout.p = 0.0  # likelihood is learnt with it on
    method.step_generator(0)
    x, y = seen
    with evaluating(method), torch.no_grad():
        words = [-method.discriminator(z)["logp"] for z in (y, x)]
    expected = 0.0
    for r, logp in zip(words[0].tolist(), method.generator.score(y)["logp"], strict=True):
        for k in range(5):
            expected -= sum(r) / 5 * sum(0.5 ** (i - k) * r[i] for i in range(k, 5)) * logp[k] / len(y)
    torch.testing.assert_close(moves[0]["policy"][0], expected)
    torch.testing.assert_close(moves[1]["teacher"][0], -(words[1] * method.generator.score(x)["logp"]).mean())
    assert moves[1]["teacher"][1]["weight"].item() == pytest.approx(words[1].mean().item())
    assert [list(move) for move in moves] == [["policy"], ["teacher"]]


def test_without_a_discount_each_word_weighs_by_itself(task: OracleTask) -> None:
    """gamma 0: the gradient is that of likelihood on the sample, each word times its own reward."""
    method, moves = watched(dpgan(task, credit=partial(Discounted, 0.0), reward=partial(LanguageModel, "word")))
    y = method.write(8)
    method.step_policy(y)
    with evaluating(method):
        weights, logp = -method.discriminator(y)["logp"].detach(), method.generator.score(y)["logp"]
    grads = []
    for loss in (moves[0]["policy"][0], -(weights * logp).sum(1).mean()):
        grads.append(torch.autograd.grad(loss, [p for p in method.generator.parameters() if p.requires_grad]))
    for one, other in zip(*grads, strict=True):
        torch.testing.assert_close(one, other)


def test_both_steps_move_g_at_their_own_pace_and_d_stays(task: OracleTask) -> None:
    """The released code divides one update by 10,000 and the other by 10: here each has a learning rate of its own."""
    for policy, teacher in ((0.0, 1e-2), (1e-2, 0.0)):
        pace = {"policy_optimiser": Optimiser(lr=policy), "teacher_optimiser": Optimiser(lr=teacher)}
        method = moving(dpgan(task, **pace))
        moved = []
        d = [p.detach().clone() for p in method.discriminator.parameters()]
        for step, batch in ((method.step_policy, method.write(8)), (method.step_teacher, method.real())):
            before = method.generator.output.weight.detach().clone()
            step(batch)
            moved.append((method.generator.output.weight - before).abs().max().item())
        assert moved == pytest.approx([policy, teacher], rel=1e-3)
        assert all(torch.equal(a, b) for a, b in zip(d, method.discriminator.parameters(), strict=True))


def test_a_constant_weight_is_plain_likelihood(task: OracleTask) -> None:
    method, moves = watched(dpgan(task, reward=Constant, credit=Final, teacher=partial(Constant, 1.0), teacher_steps=2))
    method.generator.dropout.p = 0.0
    x = method.real()
    method.step_teacher(x)
    torch.testing.assert_close(moves[0]["teacher"][0], method.mle_loss(x, 0))
    method.teach_discriminator(0)  # nobody reads D, so it is not trained
    assert len(moves) == 1
    method.step_generator(0)
    assert [list(move) for move in moves[1:]] == [["policy"], ["teacher"], ["teacher"]]


def test_one_drawn_word_then_the_likeliest_ones(task: OracleTask) -> None:
    """The released sampling, as an option; the word that was drawn is the one kept, where they recorded another."""
    method = dpgan(task, drawn=1)
    x = method.real()
    y = method.sampled(x)
    with evaluating(method):
        likeliest = method.generator(y)["logits"].argmax(-1)
    assert torch.equal(y.tokens[:, 1:], likeliest[:, 1:])
    assert not torch.equal(y.tokens[:, 0], likeliest[:, 0])
    assert torch.equal(y.chosen, y.mask)
    free = dpgan(task).sampled(x)
    assert not torch.equal(free.tokens[:, 1:], likeliest[:, 1:])
    assert free.logp is not None


# ---- D and its negatives


def test_d_expects_its_own_fakes_and_not_held_out_text(task: OracleTask) -> None:
    """A lower NLL on what it was taught as generated than on real text it never saw; else G gets no signal."""
    for repulsion in (0.0, 0.3):
        method = moving(
            dpgan(task, loss=partial(Surprise, repulsion), discriminator_optimiser=Optimiser(lr=1e-2), batch_size=16)
        )

        def surprises(method: Any = method) -> list[float]:
            with evaluating(method), torch.no_grad():
                fakes = method.write(200)
                return [-method.discriminator(x)["logp"].mean().item() for x in (fakes, task.valid)]

        before = surprises()
        for i in range(8):
            method.teach_discriminator(i)
        fake, real = surprises()
        assert fake < before[0] - 0.2
        assert fake < real - 0.5


def test_all_earlier_samples_are_kept_up_to_the_capacity(task: OracleTask) -> None:
    method, _ = watched(dpgan(task))
    written: list[Tensor] = []
    write = method.write
    method.write = lambda *asked: written.append(write(*asked)) or written[-1]
    shown: list[Tensor] = []
    method.step_discriminator = lambda loss, constraint, real, fake: shown.append(fake.tokens)
    for i in range(3):
        method.teach_discriminator(i)
    everything = torch.cat([y.tokens for y in written])
    assert torch.equal(method.negatives.held.tokens, everything)
    last = torch.cat(shown[-16:])
    first = {tuple(row) for row in written[0].tokens.tolist()} - {tuple(row) for row in written[2].tokens.tolist()}
    assert any(tuple(row) in first for row in last.tolist())  # D still learns from the first round's
    small, _ = watched(dpgan(task, pool=70))
    for i in range(2):
        small.teach_discriminator(i)
    assert len(small.negatives.held) == 70


def test_a_pool_comes_back_whole_from_a_checkpoint(pairs: PairsTask) -> None:
    """Its size is not that of a new one's, and sources are batches in a batch."""
    pool, again = Pool(capacity=50), Pool(capacity=50)
    pool.add(pairs.train.select(slice(0, 30)).replace(condition={**pairs.train.select(slice(0, 30)).condition}))
    pool.add(pairs.train.select(slice(30, 70)))
    again.load_state_dict(pool.state_dict())
    assert all(isinstance(value, Tensor) for value in pool.state_dict().values())
    for part in (lambda x: x, lambda x: x.condition["source"]):
        a, b = part(pool.held), part(again.held)
        assert torch.equal(a.tokens, b.tokens)
        assert torch.equal(a.mask, b.mask)
    assert pairs.decode(again.held) == pairs.decode(pairs.train.select(slice(20, 70)))
    with pytest.raises(ValueError, match="nothing was added"):
        _ = Pool().held
    with pytest.raises(ValueError, match="at least one"):
        Pool(capacity=0)


# ---- pairs


def seq2seq(spec: Spec) -> Seq2Seq:
    return Seq2Seq(spec, embedding=8, hidden=8)


def test_replies_are_sampled_for_the_sources_of_the_real_rows(pairs: PairsTask) -> None:
    """Both steps of G see one batch of sources; D reads none."""
    method, moves = watched(dpgan(pairs, generator=seq2seq))
    seen: list[Sequences] = []
    policy, teacher = method.step_policy, method.step_teacher
    method.step_policy = lambda y: (seen.append(y), policy(y))
    method.step_teacher = lambda x: (seen.append(x), teacher(x))
    method.step_generator(0)
    y, x = seen
    source = x.condition["source"]
    assert torch.equal(y.condition["source"].tokens, source.tokens)
    assert pairs.decode(x) != pairs.decode(y)
    assert [list(move) for move in moves] == [["policy"], ["teacher"]]
    swapped = x.replace(condition={"source": source.select(torch.arange(7, -1, -1))})
    with evaluating(method):
        assert torch.equal(method.discriminator(x)["logp"], method.discriminator(swapped)["logp"])
        assert not torch.equal(method.generator.score(x)["logp"], method.generator.score(swapped)["logp"])


def test_it_trains_on_pairs_through_all_its_phases(pairs: PairsTask) -> None:
    method = moving(dpgan(pairs, generator=seq2seq, mle_epochs=1, d_rounds=1, rounds=1, g_steps=2, d_steps=1))
    before = [p.detach().clone() for p in method.parameters()]
    for phase in method.phases():
        for i in range(phase.iterations):
            phase.run(i)
    assert all(p.isfinite().all() for p in method.parameters())
    assert not all(torch.equal(a, b) for a, b in zip(before, method.parameters(), strict=True))
    logged = method.update.drain()
    assert {"teacher/weight", "discriminator/nll_real", "discriminator/nll_fake", "policy/reward"} <= set(logged)


def test_a_reward_a_step_has_a_control_too(tmp_path: Path) -> None:
    """The same game, its credit summing a reward that is the same for every word."""
    tiny = {
        "data.vocab_size": 12, "data.length": 4, "data.size": 48, "data.valid": 8, "data.test": 8, "data.hidden": 4,
        "batch_size": 16, "generator.hidden": 4, "mle_epochs": 1, "d_rounds": 1, "d_epochs": 1, "rounds": 1,
    }  # fmt: skip
    run = tokengan.train("dpgan", "oracle", out=tmp_path / "run", preset="none", control="constant", **tiny)
    assert run.control is not None
    method = tokengan.load(tmp_path / "run" / "control-constant").method
    assert isinstance(method.credit, Discounted)
    assert method.reward(REAL, method).tolist() == [[0.5]] * 20
