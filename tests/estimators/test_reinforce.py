"""REINFORCE, its baselines and its credit against exact enumeration."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
from toy import REWARD, THETA2, Table, Tabular, everything, gradient, players, policy_loss, probabilities

from tokengan.estimators.baselines import EMA, Baseline, Zero
from tokengan.estimators.credit import Final, RollOut
from tokengan.estimators.reinforce import Reinforce
from tokengan.noise import Noise
from tokengan.rewards.base import Reward
from tokengan.rewards.constant import Constant
from tokengan.sampling.write import write
from tokengan.sequences import Sequences

CARD = torch.tensor(
    [-0.016054, -0.030010, 0.046064]
    + [0.098319, -0.079799, -0.018520, 0.001228, 0.021630, -0.022858, -0.007726, -0.017124, 0.024849],
    dtype=torch.float64,
)


class Fixed(Baseline):
    """A constant baseline."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = value

    def forward(self, returns, y, scores, players):
        return returns.new_tensor(self.value)


def one_sample_gradients(generator: Tabular, reward: Reward, baseline: Baseline, credit=Final) -> torch.Tensor:
    """The gradient of J that one sampled sequence gives, for each of the nine [9, parameters]."""
    rows, game = [], players(generator)
    for i in range(9):
        y = everything().select(torch.tensor([i]))
        returns = credit()(reward, y, game) if isinstance(credit, type) else credit(reward, y, game)
        loss, _ = policy_loss(Reinforce(lambda: baseline), y, returns, game)
        rows.append(-gradient(loss, generator))
    return torch.stack(rows)


def exact_gradient(generator: Tabular, values=REWARD) -> torch.Tensor:
    return gradient((probabilities(generator) * torch.tensor(values, dtype=torch.float64).flatten()).sum(), generator)


def test_the_toy_is_the_cards() -> None:
    generator = Tabular()
    p = probabilities(generator)
    assert (p * torch.tensor(REWARD).flatten()).sum().item() == pytest.approx(0.4092592, abs=1e-6)
    torch.testing.assert_close(exact_gradient(generator), CARD, atol=1e-6, rtol=0)


@pytest.mark.parametrize(("baseline", "variance"), [(0.0, 0.38167), (0.4092592, 0.13568), (0.44096, 0.13440)])
def test_reinforce_is_unbiased_with_the_cards_variance(baseline: float, variance: float) -> None:
    generator = Tabular()
    p = probabilities(generator).detach()
    each = one_sample_gradients(generator, Table(), Fixed(baseline))
    mean = p @ each
    torch.testing.assert_close(mean, exact_gradient(generator), atol=1e-10, rtol=0)
    assert ((p @ each.square()) - mean.square()).sum().item() == pytest.approx(variance, abs=1e-5)


def test_a_batch_is_the_mean_over_its_sequences() -> None:
    generator = Tabular()
    y, game = everything(), players(generator)
    loss, _ = policy_loss(Reinforce(), y, Final()(Table(), y, game), game)
    each = one_sample_gradients(generator, Table(), Zero())
    torch.testing.assert_close(-gradient(loss, generator), each.mean(0), atol=1e-12, rtol=0)


def test_constant_reward_gives_no_expected_gradient_but_a_batch_gradient() -> None:
    """The control of the SeqGAN card: what it gains, it gains by sharpening."""
    generator = Tabular()
    each = one_sample_gradients(generator, Constant(2.0), Zero())
    assert (probabilities(generator).detach() @ each).abs().max() < 1e-10
    assert each.abs().max() > 0.1


def test_the_ema_is_updated_after_use() -> None:
    game, x = players(Tabular()), everything()
    ema = EMA(decay=0.5)
    first = ema(torch.full((9, 2), 4.0), x, {}, game)
    second = ema(torch.full((9, 2), 8.0), x, {}, game)
    third = ema(torch.full((9, 2), 0.0), x, {}, game)
    assert [first.item(), second.item(), third.item()] == [0.0, 4.0, 6.0]


def test_the_ema_counts_chosen_tokens_only() -> None:
    game, x = players(Tabular()), everything()
    x.chosen = torch.zeros_like(x.mask)
    x.chosen[:, 0] = True
    ema = EMA()
    returns = torch.tensor([[1.0, 100.0]]).expand(9, 2)
    ema(returns, x, {}, game)
    assert ema.mean.item() == 1.0


def test_padding_and_forced_tokens_carry_no_gradient() -> None:
    generator = Tabular()
    x = everything()
    x.chosen = x.mask & torch.tensor([True, False])
    loss, _ = policy_loss(Reinforce(), x, torch.ones(9, 2), players(generator))
    loss.backward()
    assert generator.first.grad is not None
    assert generator.second.grad is None or generator.second.grad.abs().max() == 0


def test_pain_16_the_behaviour_gap_is_zero_on_policy_and_not_after_a_change() -> None:
    generator = Tabular(dtype=torch.float32)
    game = players(generator)
    y = write(generator, 50, Noise(torch.Generator().manual_seed(0)))
    _, logs = policy_loss(Reinforce(), y, Final()(Constant(), y, game), game)
    assert logs["behaviour_gap"].item() < 1e-5
    with torch.no_grad():
        generator.first[0] += 1
    _, logs = policy_loss(Reinforce(), y, Final()(Constant(), y, game), game)
    assert logs["behaviour_gap"].item() > 0.1


# ---- credit by roll-out


def exact_values(second=THETA2, reward=REWARD) -> torch.Tensor:
    """Q(y_1): the expected reward after the first token [3]."""
    law = torch.tensor(second, dtype=torch.float64).softmax(1)
    return (law * torch.tensor(reward, dtype=torch.float64)).sum(1)


@pytest.mark.parametrize("cap", [1, 30, 10_000])
def test_rollout_values_are_the_exact_ones(cap: int) -> None:
    generator = Tabular(dtype=torch.float32)
    y = everything()
    q = RollOut(n=3000 if cap > 100 else 400, cap=cap)(Table(), y, players(generator))
    error = 0.4 / (3000 if cap > 100 else 400) ** 0.5
    assert (q[:, 0] - exact_values().repeat_interleave(3)).abs().max() < 5 * error
    torch.testing.assert_close(q[:, 1], Table()(y, None))  # the last token is worth what the sequence is, exactly


def test_rollout_credit_is_unbiased() -> None:
    """With exact values in place of the search, the gradient is exact: what the search estimates is the right thing."""
    generator = Tabular()
    exact = torch.stack([exact_values().repeat_interleave(3), torch.tensor(REWARD, dtype=torch.float64).flatten()], 1)

    def credit(reward, y, game):
        row = int(y.tokens[0, 0] * 3 + y.tokens[0, 1])
        return exact[row : row + 1]

    each = one_sample_gradients(generator, Table(), Zero(), credit)
    mean = probabilities(generator).detach() @ each
    torch.testing.assert_close(mean, exact_gradient(generator), atol=1e-10, rtol=0)


def test_the_seqgan_cards_exact_case() -> None:
    """V = 2, T = 2, all logits 0, reward for (1, 1) alone: dJ/da = dJ/db_1 = .125 and dJ/db_0 = 0."""
    generator = Tabular([0.0, 0.0], [[0.0, 0.0]] * 2, dtype=torch.float32)
    reward, game = Table([[0, 0], [0, 1]]), players(generator, seed=4)
    y = write(generator, 20_000, Noise(torch.Generator().manual_seed(1)))
    q = RollOut(n=4, cap=200_000)(reward, y, game).float()
    loss, _ = policy_loss(Reinforce(), y, q, game)
    loss.backward()
    # A logit of two choices: a = first[1] - first[0], and the softmax splits the slope evenly between both.
    assert -generator.first.grad[1].item() == pytest.approx(0.125, abs=0.01)
    assert -generator.second.grad[1, 1].item() == pytest.approx(0.125, abs=0.01)
    assert generator.second.grad[0].abs().max().item() < 0.01


def test_rewards_of_neighbouring_rows_are_not_mixed() -> None:
    """A peer reshaped [roll-outs * T, B] to (B, T, roll-outs) and averaged rewards of different sequences."""
    generator = Tabular([0.0, 0.0], [[50.0, -50.0], [-50.0, 50.0]], dtype=torch.float32)  # (0,0) and (1,1) only
    tokens = torch.tensor([[0, 0], [1, 1], [0, 0]])
    y = Sequences(tokens, torch.ones_like(tokens, dtype=torch.bool))
    for cap in (1, 3, 6, 100):
        q = RollOut(n=5, cap=cap)(Table([[0, 0], [0, 1]]), y, players(generator))
        assert q.tolist() == [[0, 0], [1, 1], [0, 0]]


def test_rollout_ends_at_the_last_real_token() -> None:
    class Length(Reward):
        def forward(self, x, players):
            return x.lengths.float()

    generator = Tabular()
    generator.spec = type(generator.spec)(vocab_size=3, max_length=2, start=0, end=2, pad=0)
    tokens, mask = torch.tensor([[2, 0], [1, 1]]), torch.tensor([[True, False], [True, True]])
    q = RollOut(n=3)(Length(), Sequences(tokens, mask), players(generator))
    assert q.tolist() == [[1, 1], [2, 2]]
    assert Final()(Length(), Sequences(tokens, mask), None).tolist() == [[1, 1], [2, 2]]
