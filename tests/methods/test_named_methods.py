"""Compositions of the policy gradient, relaxed games and judges: do they learn what they should?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
from toy import Tabular

from tokengan.discriminators.cnn import HighwayCNN
from tokengan.errors import UserError
from tokengan.estimators.baselines import EMA
from tokengan.estimators.credit import Discounted, Final
from tokengan.estimators.maligan import ImportanceWeights
from tokengan.estimators.reinforce import Reinforce
from tokengan.generators.recurrent import LSTM
from tokengan.losses.ranking import Ranking
from tokengan.losses.wasserstein import Wasserstein
from tokengan.methods.base import Method, cross_fitted
from tokengan.methods.cot import CoT
from tokengan.methods.gan import GAN
from tokengan.methods.judge import Judge
from tokengan.methods.maligan import MaliGAN
from tokengan.methods.organ import ORGAN
from tokengan.methods.pg_bleu import PGBLEU
from tokengan.methods.seqgan import SeqGAN
from tokengan.methods.wgan import WGAN
from tokengan.optimiser import Optimiser
from tokengan.rewards.language_model import LanguageModel
from tokengan.rewards.organ import ObjectiveReinforced
from tokengan.rewards.probability import Probability
from tokengan.sampling.relax import GumbelSoftmax
from tokengan.schedules import Schedule
from tokengan.sequences import Sequences
from tokengan.tasks.oracle import OracleTask
from tokengan.training.updater import Updater, players_of


@pytest.fixture(scope="module")
def task() -> OracleTask:
    return OracleTask(vocab_size=12, length=5, size=512, valid=300, test=300)


@pytest.fixture(scope="module")
def pairs_task() -> OracleTask:
    """Four tokens, two places, and one real sequence, (1, 3), over and over."""
    task = OracleTask(vocab_size=4, length=2, size=64, valid=16, test=16, hidden=4)
    tokens = torch.tensor([[1, 3]] * 64)
    task.train = Sequences(tokens, torch.ones_like(tokens, dtype=torch.bool))
    return task


def small_cnn(spec):
    return HighwayCNN(spec, embedding=8, widths=[1, 2], filters=[16, 16], dropout=0.0)


def small_lstm(spec):
    return LSTM(spec, hidden=16)


def ready(method: Method) -> Any:
    method.update = Updater(players_of(method), method.world, lambda: None)
    return method.train()


def play(method: Method, *names: str) -> None:
    for phase in method.phases():
        if not names or phase.name in names:
            for i in range(phase.iterations):
                phase.run(i)


def share_right(method: Method) -> float:
    return (method.write(200).tokens == torch.tensor([1, 3])).float().mean().item()


# ---- relaxed games


@pytest.mark.parametrize("show", ["soft", "straight_through"])
def test_gsgan_finds_the_one_real_sequence(pairs_task: OracleTask, show: Any) -> None:
    """The card's two-token toy: were the gradient's path cut anywhere, it would not."""
    method = ready(
        GAN(
            pairs_task, small_lstm, small_cnn, relax=GumbelSoftmax(Schedule(1.0), show=show), mle_epochs=0, rounds=1,
            updates=100, batch_size=32, policy_optimiser=Optimiser(lr=1e-2), discriminator_optimiser=Optimiser(lr=2e-3),
        )
    )  # fmt: skip
    assert share_right(method) < 0.5
    play(method)
    assert share_right(method) > 0.95


def test_wgan_moves_its_samples_towards_the_real_ones(pairs_task: OracleTask) -> None:
    fast = Optimiser(lr=5e-3, betas=(0.5, 0.9))
    method = ready(
        WGAN(
            pairs_task, generator=small_lstm, discriminator=small_cnn, mle_epochs=0, rounds=1, updates=60, d_steps=3,
            batch_size=32, policy_optimiser=fast, discriminator_optimiser=fast,
        )
    )  # fmt: skip
    before = share_right(method)
    play(method)
    assert before < 0.5 < 0.8 < share_right(method)
    assert 0.5 < method.update.drain()["discriminator/input_gradient_norm"] < 1.5


# ---- judges


def test_an_exact_judge_is_learnt_exactly() -> None:
    """KL(G || J) with the expectation over all tokens: from any start, G's law at its own states becomes J's."""
    task = OracleTask(vocab_size=3, length=2, size=64, valid=16, test=16, hidden=4)
    for direction in ("reverse", "forward"):
        method = ready(
            Judge(
                task,
                generator=lambda spec: Tabular([0.0] * 3, [[0.0] * 3] * 3, torch.float32),
                judge=lambda spec: Tabular(dtype=torch.float32),
                direction=direction, mle_epochs=0, judge_epochs=0, rounds=1, updates=200, samples=64,
                policy_optimiser=Optimiser(lr=0.05),
            )
        )  # fmt: skip
        play(method, "learn from the judge")
        for mine, its in (
            (method.generator.first, method.judging.first),
            (method.generator.second, method.judging.second),
        ):
            torch.testing.assert_close(mine.softmax(-1), its.softmax(-1), atol=0.02, rtol=0)


def test_cot_converges_to_the_data() -> None:
    """The card's check in its one-step form: with M = (P + G) / 2 the cooperative game leads to P."""
    task = OracleTask(vocab_size=4, length=1, size=4000, valid=16, test=16, hidden=4)
    tokens = torch.tensor([0] * 2000 + [1] * 1200 + [2] * 600 + [3] * 200).unsqueeze(1)
    task.train = Sequences(tokens, torch.ones_like(tokens, dtype=torch.bool))

    def law(spec):
        return Tabular([0.0] * 4, [[0.0] * 4] * 4, torch.float32)

    method = ready(
        CoT(
            task, generator=law, mediator=law, rounds=1, updates=300, samples=256, batch_size=256,
            policy_optimiser=Optimiser(lr=0.03), mediator_optimiser=Optimiser(lr=0.03),
        )
    )  # fmt: skip
    method.generator.spec = method.judging.spec = task.spec
    play(method, "learn from the judge")
    wanted = torch.tensor([0.5, 0.3, 0.15, 0.05])
    torch.testing.assert_close(method.generator.first.softmax(0).detach(), wanted, atol=0.06, rtol=0)


def test_in_the_game_a_mediator_learns_from_half_real_half_generated_text(task: OracleTask) -> None:
    method = ready(CoT(task, generator=small_lstm, mediator=small_lstm, rounds=1, updates=3))
    seen: list[int] = []
    whole = method.step_judge
    method.step_judge = lambda *batches: (seen.append(len(batches)), whole(*batches))
    play(method)
    assert set(seen) == {2}


def test_the_judge_moves_no_generator_and_the_generator_no_judge(task: OracleTask) -> None:
    method = ready(Judge(task, generator=small_lstm, judge=small_lstm, samples=32, mle_epochs=0))
    before = [p.detach().clone() for p in method.generator.parameters()]
    method.teach(0)
    assert all(torch.equal(a, b) for a, b in zip(before, method.generator.parameters(), strict=True))
    judged = [p.detach().clone() for p in method.judging.parameters()]
    method.step_generator()
    assert all(torch.equal(a, b) for a, b in zip(judged, method.judging.parameters(), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(before, method.generator.parameters(), strict=True))


# ---- compositions of the policy gradient


def test_mixed_maligan_with_whole_sequences_given_is_likelihood(task: OracleTask) -> None:
    """N = T: nothing is left to choose, and the loss is the prefix's likelihood, summed over its tokens."""
    method = ready(
        MaliGAN(
            task, generator=small_lstm, discriminator=small_cnn, estimator=lambda: ImportanceWeights(num_generations=2),
            given=Schedule(5.0), completions=2, batch_size=8,
        )
    )  # fmt: skip
    losses: list[Any] = []
    method.update = lambda **moves: losses.append(moves["policy"][0])
    x = method.take(task.train, torch.arange(4))
    y = method.continued(x, x.lengths, 2)
    assert torch.equal(y.tokens, x.tokens.repeat(2, 1))
    method.step_policy(y, likelihood=True)
    expected = -method.generator.score(x)["logp"].sum(1).mean()
    torch.testing.assert_close(losses[0], expected)


def test_mixed_maligan_wants_weights_within_each_prefix(task: OracleTask) -> None:
    with pytest.raises(ValueError, match="num_generations"):
        MaliGAN(task, generator=small_lstm, discriminator=small_cnn, given=Schedule(3.0), completions=4)


def test_mixer_writes_the_last_tokens_itself(task: OracleTask) -> None:
    method = ready(PGBLEU(task, generator=small_lstm, mixer_tokens=2, mixer_rounds=3, batch_size=16, rounds=1))
    chosen: list[int] = []
    step = method.step_policy
    method.step_policy = lambda y, likelihood: (chosen.append(int(y.chosen.sum(1).max())), step(y, likelihood))
    for i in (0, 3, 6):
        method.round(i)
    assert chosen == [2, 4, 5]


def test_organ_raises_its_objective_and_naive_rl_trains_no_discriminator(task: OracleTask) -> None:
    def method(weight: float, **more: Any) -> ORGAN:
        return ready(
            ORGAN(
                task, reward=lambda: ObjectiveReinforced(["variety"], weight=weight), generator=small_lstm,
                discriminator=small_cnn, estimator=lambda: Reinforce(EMA), mle_epochs=1, d_rounds=1, d_steps=1,
                d_epochs=1, rounds=20, policy_optimiser=Optimiser(lr=1e-2), batch_size=32, **more,
            )
        )  # fmt: skip

    naive = method(0.0)

    def variety(of: ORGAN) -> float:
        return sum(len({*row}) / 5 for row in of.write(500).tokens.tolist()) / 500

    play(naive, "pretrain generator")
    before = variety(naive)
    play(naive, "pretrain discriminator", "adversarial")
    assert variety(naive) > before + 0.1
    assert naive.critic is None
    mixed = method(0.5, credit=Final)
    play(mixed, "pretrain discriminator")
    assert mixed.critic is not None


def test_organs_objectives_take_turns(task: OracleTask) -> None:
    reward = ObjectiveReinforced(["variety", "length"], weight=0.0, each=2, repetition=False)
    method = ready(ORGAN(task, reward=lambda: reward, generator=small_lstm, discriminator=small_cnn))
    x = method.write(8)
    found = []
    for i in range(6):
        method.begin_round(i)
        found.append(torch.equal(reward(x, method), torch.full((8,), 0.25)))  # five words of twenty
    assert found == [False, False, True, True, False, False]


def test_parts_that_do_not_fit_are_refused_in_words(task: OracleTask) -> None:
    parts = {"generator": small_lstm, "discriminator": small_cnn}
    with pytest.raises(UserError, match=r"Probability reads the log-odds of being real.*Wasserstein gives a score"):
        SeqGAN(task, loss=Wasserstein, **parts)
    with pytest.raises(UserError, match="reads 'logp' of the discriminator, and HighwayCNN gives"):
        SeqGAN(task, reward=LanguageModel, credit=Discounted, **parts)
    with pytest.raises(UserError, match="judges whole sequences, and the credit Discounted does not take that"):
        SeqGAN(task, credit=Discounted, **parts)
    with pytest.raises(UserError, match="Ranking gives features"):
        SeqGAN(task, loss=Ranking, **parts)
    with pytest.raises(UserError, match="trains none: take seqgan"):
        PGBLEU(task, generator=small_lstm, reward=Probability)


# ---- cross-fitting


def test_cross_fitted_reals_are_never_the_generators(task: OracleTask) -> None:
    method = ready(SeqGAN(task, generator=small_lstm, discriminator=small_cnn, cross_fit=0.25, batch_size=16))
    mine, its = ({*part.tolist()} for part in (method.rows, method.judge_rows))
    assert (len(mine), len(its), mine & its) == (384, 128, set())
    seen: dict[str, set[tuple[int, ...]]] = {"mine": set(), "its": set()}
    for _ in range(40):
        seen["mine"] |= {tuple(row) for row in method.real().tokens.tolist()}
    for real, _ in method.pairs(method.write(128), 16, epochs=3):
        seen["its"] |= {tuple(row) for row in real.tokens.tolist()}
    texts = [tuple(row) for row in task.train.tokens.tolist()]
    assert seen["mine"] <= {texts[i] for i in mine}
    assert seen["its"] <= {texts[i] for i in its}
    assert all(torch.equal(part, torch.arange(10)) for part in cross_fitted(10, 0.0, 0))


def test_an_unsteady_start_is_no_help(task: OracleTask) -> None:
    """The control of every comparison: a judge that knows no more than the generator leaves it where it was."""
    method = Judge(task, generator=small_lstm, judge=small_lstm, mle_epochs=0, judge_epochs=0, samples=64).train()

    def slope() -> float:
        """Return the norm of the gradient: Adam would make a step of mere rounding."""
        found: list[float] = []

        def update(policy: Any) -> None:
            method.generator.zero_grad()
            sum(policy).backward()
            grads = [p.grad.flatten() for p in method.generator.parameters() if p.grad is not None]
            found.append(torch.cat(grads).norm().item())

        method.update = update
        method.step_generator()
        return found[0]

    assert slope() > 1e-3
    method.judging.load_state_dict(method.generator.state_dict())
    assert slope() < 1e-6
