"""SentiGAN's penalty and the baseline of each label, against the cards (methods/sentigan.md, methods/labelgan.md)."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[1]))
from toy import Tabular, everything, gradient, players, policy_loss, probabilities

from tokengan.estimators.baselines import LabelEMA
from tokengan.estimators.penalty import Penalty
from tokengan.estimators.reinforce import Reinforce
from tokengan.sequences import Sequences
from tokengan.spec import Spec

V = torch.tensor([0.1, 0.2, 0.4, 0.8], dtype=torch.float64)


def one_step(logits: Tensor) -> tuple[Tabular, Sequences]:
    """Return a law of one token, and each token once."""
    law = Tabular(first=logits.tolist(), second=[[0.0] * len(logits)] * len(logits))
    tokens = torch.arange(len(logits)).unsqueeze(1)
    return law, Sequences(tokens, torch.ones_like(tokens).bool())


def expected(law: Tabular, y: Sequences, returns: Tensor, estimator: object) -> Tensor:
    """Return the expected gradient of the loss over the first token's law, by the sum over all tokens."""
    game = players(law)
    p = law.first.softmax(0).detach()
    slopes = [
        gradient(policy_loss(estimator, y.select(slice(i, i + 1)), returns[i : i + 1], game)[0], law)[: len(p)]
        for i in range(len(p))
    ]
    return (p.unsqueeze(1) * torch.stack(slopes)).sum(0)


def test_the_expected_gradient_is_that_of_half_the_sum_of_g_squared_v() -> None:
    law, y = one_step(torch.tensor([0.3, -0.4, 1.0, 0.2]))
    ours = expected(law, y, (1 - V).unsqueeze(1), Penalty())
    p = law.first.softmax(0)
    (exact,) = torch.autograd.grad((p.square() * V).sum() / 2, law.first)
    (literal,) = torch.autograd.grad((law.first.softmax(0) * V).sum(), law.first)
    torch.testing.assert_close(ours, exact, rtol=1e-10, atol=1e-12)
    assert not torch.allclose(ours, literal, rtol=0.1)


@pytest.mark.parametrize(
    ("penalties", "optimum"), [(V, [0.5333, 0.2667, 0.1333, 0.0667]), (torch.full_like(V, 0.5), [0.25] * 4)]
)
def test_the_optimum_is_one_over_the_penalty(penalties: Tensor, optimum: list[float]) -> None:
    """(.533, .267, .133, .067); equal penalties give the uniform law. A peer's sign raises the most penalised."""
    law, y = one_step(torch.tensor([-1.0, 0.5, 0.0, 1.0]))
    for _ in range(1500):
        slope = expected(law, y, (1 - penalties).unsqueeze(1), Penalty())
        with torch.no_grad():
            law.first -= 4 * slope
    assert law.first.softmax(0).tolist() == pytest.approx(optimum, abs=1e-3)


def test_reinforce_with_one_minus_v_puts_all_on_the_least_penalised() -> None:
    law, y = one_step(torch.zeros(4))
    for _ in range(400):
        slope = expected(law, y, (1 - V).unsqueeze(1), Reinforce())
        with torch.no_grad():
            law.first -= 4 * slope
    assert law.first.softmax(0)[0] > 0.95


def test_a_step_lowers_the_penalised_token() -> None:
    """Minimised, not maximised: the penalised token loses more than its equal (TextGAN-PyTorch has the sign wrong)."""
    law, y = one_step(torch.zeros(2))
    slope = expected(law, y, torch.tensor([[0.9], [0.1]], dtype=torch.float64), Penalty())
    assert slope[1] > 0 > slope[0]


def test_padding_counts_for_nothing_and_the_sum_is_normalised() -> None:
    """Neither columns after the end, nor forced tokens, nor the size of the batch changes the loss."""
    law = Tabular()
    y, game = everything(), players(law)
    returns = torch.rand(9, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    whole, metrics = policy_loss(Penalty(), y, returns, game)
    p = law.score(y)["logp"].exp()
    torch.testing.assert_close(whole, (p * (1 - returns)).sum(1).mean())
    assert metrics["penalty"].item() == pytest.approx((1 - returns).mean().item())
    twice = policy_loss(Penalty(), y.repeat(2), returns.repeat(2, 1), game)[0]
    torch.testing.assert_close(twice, whole)
    short = y.replace(mask=torch.tensor([[True, False]]).expand(9, 2), chosen=None)
    first = policy_loss(Penalty(), short, returns, game)[0]
    torch.testing.assert_close(first, (p * (1 - returns))[:, 0].mean())
    spoilt = policy_loss(Penalty(), short, returns.index_fill(1, torch.tensor([1]), -7.0), game)[0]
    torch.testing.assert_close(spoilt, first)
    assert gradient(whole, law).abs().sum() > 0
    assert not returns.requires_grad
    assert probabilities(law).sum().item() == pytest.approx(1)


def test_every_label_has_a_baseline_of_its_own_used_before_it_takes_the_batch_in() -> None:
    law = Tabular()
    law.spec = Spec(vocab_size=3, max_length=2, labels=2)
    game, baseline = players(law), LabelEMA(decay=0.5)
    baseline.attach(game)
    y = everything().select(slice(0, 3)).replace(condition={"label": torch.tensor([0, 1, 1])})
    returns = torch.tensor([[1.0, 1.0], [4.0, 4.0], [6.0, 6.0]])
    assert baseline(returns, y, {}, game).flatten().tolist() == [0.0, 0.0, 0.0]
    assert baseline(returns, y, {}, game).flatten().tolist() == [1.0, 5.0, 5.0]
    only = y.select(slice(1, 3))  # a label without rows keeps its mean
    assert baseline(torch.zeros(2, 2), only, {}, game).flatten().tolist() == [5.0, 5.0]
    assert baseline.mean.tolist() == [1.0, 2.5]
    plain = LabelEMA()
    plain.attach(players(Tabular()))
    assert plain(returns, everything().select(slice(0, 3)), {}, game).shape == (3, 1)
