"""REBAR on the one-token toy of the card, on sequences, and with a real discriminator; relaxations beside it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))
from exact import (
    Seen,
    close,
    ending,
    everything,
    game_of,
    gradient,
    logp_of,
    moments,
    objective_gradient,
    policy_loss,
    returns_of,
    toy_rewards,
)

from tokengan.discriminators.cnn import HighwayCNN
from tokengan.estimators.rebar import REBAR, conditional, prefix_judgements
from tokengan.estimators.reinforce import Reinforce
from tokengan.sampling.relax import GumbelSoftmax, gumbel
from tokengan.schedules import Schedule
from tokengan.sequences import Sequences, tidy
from tokengan.spec import Spec

LOGITS = torch.tensor([0.5, -0.2, 0.0], dtype=torch.float64)
C = torch.tensor([1.0, 0.3, 0.5], dtype=torch.float64)
W = torch.tensor([1.0, -1.0, 0.5], dtype=torch.float64)
GRADIENT = torch.tensor([0.198577, -0.066673, -0.131904], dtype=torch.float64)


def f(x: torch.Tensor) -> torch.Tensor:
    """The quadratic of the card [...,3] -> [...]."""
    return x @ C + 0.5 * (x @ W).square()


class Draws:
    """Uniforms in double precision, so that no two draws are equal."""

    def __init__(self, seed: int = 0) -> None:
        self.rng = torch.Generator().manual_seed(seed)

    def uniforms(self, rows, length):
        return torch.rand(rows, length, generator=self.rng, dtype=torch.float64)


class OneToken(REBAR):
    """The card's control variate in place of a discriminator."""

    def __init__(self, control=f, **settings) -> None:
        super().__init__(**settings)
        self.judge = control

    def control(self, soft, y, players):
        return self.judge(soft)


class Rows(Seen):
    """A first law of its own for each row, so that one batch gives the gradient of every draw."""

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.first = torch.nn.Parameter(LOGITS.repeat(rows, 1))

    def start(self, rows, condition):
        return {"logits": self.first}, None


def draws(estimator, rows: int, seed: int) -> torch.Tensor:
    """Return the estimate that each of many draws gives [rows,3]."""
    generator, rng = Rows(rows), torch.Generator().manual_seed(seed)
    token = torch.multinomial(LOGITS.softmax(0), rows, replacement=True, generator=rng).unsqueeze(1)
    y, game, noise = Sequences(token, torch.ones_like(token, dtype=torch.bool)), game_of(generator), Draws(seed)
    game.noise = lambda name, count: noise
    loss, _ = policy_loss(estimator, y, f(torch.eye(3, dtype=torch.float64))[token], game)
    return -rows * torch.autograd.grad(loss, generator.first)[0]


def test_the_one_token_toy_is_the_cards() -> None:
    values = f(torch.eye(3, dtype=torch.float64))
    assert values.tolist() == pytest.approx([1.5, 0.8, 0.625])
    p = LOGITS.softmax(0)
    assert close(p * (values - p @ values), GRADIENT, within=1e-6)
    each = values.unsqueeze(1) * (torch.eye(3, dtype=torch.float64) - p)
    assert (p @ each.square()).sum() - (p @ each).square().sum() == pytest.approx(0.605, abs=6e-4)


def q(weights):
    """RELAX's control: c(z) = q . softmax(z)."""
    return lambda soft: soft @ torch.tensor(weights, dtype=torch.float64)


@pytest.mark.parametrize(
    ("settings", "variance"),
    [
        ({"eta": 0.0}, 0.605),
        ({"tau": 0.5}, 0.149),
        ({"tau": 1.0}, 0.0996),
        ({"tau": 2.0}, 0.092),
        ({"control": q([0.7, 0.2, 0.9])}, 0.112),
        ({"control": q([1.13, 0.90, 0.81])}, 0.025),
        ({"eta": 0.4, "tau": 0.3}, None),
    ],
)
def test_unbiased_with_the_cards_variance(settings, variance) -> None:
    """400,000 draws: the mean within 5 standard errors, the variance within 2 %."""
    each = draws(OneToken(**settings), 400_000, seed=1)
    total = each.var(0).sum().item()
    assert ((each.mean(0) - GRADIENT).abs() < 5 * each.std(0) / len(each) ** 0.5).all()
    if variance is not None:
        assert total == pytest.approx(variance, rel=0.02)


def test_relaxed_draws_are_quiet_and_biased() -> None:
    """What the card says of Gumbel-softmax, straight-through and its plain form: why REBAR is worth its price."""
    p, rows = LOGITS.softmax(0), 400_000
    uniforms = Draws(2).uniforms(rows, 3)
    cases = [
        ("soft", 0.1, 0.015, 0.82), ("soft", 0.5, 0.052, 0.097),
        ("soft", 1.0, 0.087, 0.023), ("soft", 2.0, 0.114, 0.003),
        ("soft", 0.02, None, 4.4), ("soft", 0.01, None, 8.9),  # the variance grows like 1/tau
        ("straight_through", 0.1, 0.013, None), ("straight_through", 0.5, 0.045, None),
        ("straight_through", 1.0, 0.076, None), ("straight_through", 2.0, 0.109, None),
    ]  # fmt: skip
    for show, tau, bias, variance in cases:
        logits = LOGITS.repeat(rows, 1).requires_grad_()
        shown = GumbelSoftmax(Schedule(1 / tau), show=show).draw(logits, uniforms, 0).shown
        each = torch.autograd.grad(f(shown).sum(), logits)[0]
        error = 5 * each.std(0).max() / rows**0.5
        if bias is not None:
            assert (each.mean(0) - GRADIENT).abs().max().item() == pytest.approx(bias, abs=6e-4 + float(error))
        if variance is not None:
            assert each.var(0).sum().item() == pytest.approx(variance, rel=0.05, abs=6e-4)
    hard = torch.eye(3, dtype=torch.float64)
    logits = LOGITS.repeat(3, 1).requires_grad_()
    law = logits.softmax(1)
    plain = torch.autograd.grad((p * f(hard + law - law.detach())).sum(), logits)[0].sum(0)
    assert (plain - GRADIENT).abs().max().item() == pytest.approx(0.151, abs=6e-4)


def test_conditional_noise_has_its_largest_entry_at_the_token_and_the_right_law() -> None:
    rows = 200_000
    rng, law = Draws(3), LOGITS.log_softmax(0)
    token = (law + gumbel(rng.uniforms(rows, 3))).argmax(1)
    z = conditional(law.expand(rows, 3), token, rng.uniforms(rows, 3))
    assert torch.equal(z.argmax(1), token)
    # Over all tokens together it is the unconditional law: Gumbel noise with mean .5772 and variance pi^2 / 6.
    noise = z - law
    torch.testing.assert_close(noise.mean(0), torch.full((3,), 0.577216, dtype=torch.float64), atol=0.015, rtol=0)
    torch.testing.assert_close(noise.var(0), torch.full((3,), 1.644934, dtype=torch.float64), atol=0.04, rtol=0)
    assert torch.corrcoef(noise.T)[0, 1].abs() < 0.01


def test_words_of_probability_zero_have_a_slope_of_zero() -> None:
    logits = torch.tensor([[0.3, -1e30, 0.0]], requires_grad=True)
    z = conditional(logits.log_softmax(1), torch.tensor([2]), torch.tensor([[0.4, 0.5, 0.6]]))
    slopes = torch.autograd.grad(f(z.softmax(1).double()).sum(), logits)[0]
    assert z.isfinite().all()
    assert slopes.isfinite().all()
    assert slopes[0, 1] == 0


def test_one_token_of_two_words_is_exact_by_quadrature() -> None:
    """Two words have two uniforms, and an integral over a square is a sum (tanh-sinh): unbiased to 1e-10."""
    t = torch.linspace(-3, 3, 81, dtype=torch.float64)
    at = (torch.pi / 2 * t.sinh()).tanh() / 2 + 0.5
    share = t.cosh() / (torch.pi / 2 * t.sinh()).cosh().square()
    nodes = torch.cartesian_prod(at, at)
    share = (torch.cartesian_prod(share, share).prod(1) / share.sum() ** 2).repeat_interleave(2)

    class Nodes:
        def uniforms(self, rows, length):
            return nodes.repeat_interleave(2, 0)

    def values(x):
        return x @ torch.tensor([1.0, 0.3], dtype=torch.float64) + 0.5 * (2 * x[..., 0] - x[..., 1]).square()

    generator = Seen([0.5, -0.2], [[0.0, 0.0]] * 2)
    tokens = torch.tensor([[0], [1]]).repeat(len(nodes), 1)
    y, game = Sequences(tokens, torch.ones_like(tokens, dtype=torch.bool)), game_of(generator)
    weight = share * generator.first.detach().softmax(0)[tokens.squeeze(1)]
    game.noise = lambda name, rows: Nodes()
    game.world = type("Weighed", (type(game.world),), {"mean": lambda self, v, mask=None: (weight * v).sum()})()
    rewards = values(torch.eye(2, dtype=torch.float64))
    exact = gradient((generator.first.softmax(0) * rewards).sum(), generator)
    for eta, tau in ((1.0, 1.0), (0.7, 0.6), (-0.5, 2.0)):
        estimator = OneToken(lambda soft: values(soft).sin(), eta=eta, tau=tau)
        loss, _ = policy_loss(estimator, y, rewards[tokens], game)
        assert close(-gradient(loss, generator), exact)


# ---- sequences


class Odd(REBAR):
    """Any function of the prefix before t and the relaxed token at t."""

    def control(self, soft, y, players):
        before = torch.nn.functional.pad(y.tokens[:, :-1], (1, 0), value=3).double()
        return (soft @ C) * (1 + before) - 0.5 * (soft @ W).square() * before.cos()


def many(estimator, generator, sequences, rewards, draws: int):
    """Return the mean over draws, weighed exactly over sequences, and its standard error."""
    p, noise, parts = logp_of(generator, sequences).detach().exp(), Draws(5), []
    game = game_of(generator)
    game.noise = lambda name, count: noise
    game.world = type("Weighed", (type(game.world),), {"mean": lambda self, v, mask=None: (weight * v).sum()})()
    for _ in range(20):
        y = sequences.repeat(draws // 20)
        weight = p.repeat(draws // 20) / (draws // 20)
        loss, _ = policy_loss(estimator, y, returns_of(rewards.repeat(draws // 20), y), game)
        parts.append(-gradient(loss, generator))
    parts = torch.stack(parts)
    return parts.mean(0), parts.std(0) / 20**0.5


@pytest.mark.parametrize("variable", [False, True])
def test_unbiased_on_sequences_whatever_the_control(variable: bool) -> None:
    generator, sequences, rewards = ending() if variable else (Seen(), everything(), toy_rewards())
    mean, error = many(Odd(eta=0.7, tau=0.6), generator, sequences, rewards, 40_000)
    exact = objective_gradient(generator, sequences, rewards)
    assert error.max() < 2e-3
    assert ((mean - exact).abs() < 4.5 * error + 1e-12).all()


def test_a_control_that_reads_later_tokens_would_be_biased() -> None:
    """The control of the test above: it can fail."""

    class Peeping(REBAR):
        def control(self, soft, y, players):
            later = torch.nn.functional.pad(y.tokens[:, 1:], (0, 1)).double()
            return (soft @ C) * later.square()

    generator = Seen()
    mean, error = many(Peeping(tau=0.6), generator, everything(), toy_rewards(), 40_000)
    exact = objective_gradient(generator, everything(), toy_rewards())
    assert ((mean - exact).abs() > 10 * error).any()


def test_without_a_control_it_is_reinforce() -> None:
    generator = Seen()
    game = game_of(generator)
    game.discriminator = HighwayCNN(Spec(vocab_size=3, max_length=2)).double()
    mean, trace = moments(REBAR(eta=0.0), game)
    other, expected = moments(Reinforce(), game)
    assert close(mean, other)
    assert close(mean, objective_gradient(generator, everything(), toy_rewards()))
    assert trace == pytest.approx(expected, abs=1e-12)


# ---- with a discriminator


def test_prefixes_are_judged_as_prefixes(make_discriminator) -> None:
    """All in one call, as one call for each prefix would; nothing after place t, and nothing but t's relaxed token."""
    spec = Spec(vocab_size=6, max_length=5, start=1, end=2, pad=0)
    if make_discriminator.lacks(spec):
        pytest.skip("the task does not have what it reads")
    discriminator = make_discriminator(spec).eval()
    torch.manual_seed(0)
    y = Sequences(*tidy(torch.randint(2, 6, (4, 5)), spec))
    soft = torch.randn(4, 5, 6).softmax(-1)
    found = prefix_judgements(soft, y, discriminator)
    assert found.shape == (4, 5)
    hard = torch.nn.functional.one_hot(y.tokens, 6).float()
    for t in range(5):
        mixed = torch.cat([hard[:, :t], soft[:, t : t + 1]], dim=1)
        one = y.prefix(t + 1).replace(soft=mixed)
        judged = discriminator(one)["logits"]
        open_rows = y.mask[:, t]
        torch.testing.assert_close(found[open_rows, t], judged[open_rows], atol=1e-5, rtol=1e-4)


def test_a_discriminator_as_control() -> None:
    """Where the reward is D itself, its slope takes most of the variance away, and D is not touched."""
    torch.manual_seed(0)
    spec = Spec(vocab_size=3, max_length=2)
    generator = Seen()
    discriminator = HighwayCNN(spec, embedding=4, widths=[1, 2], filters=[4, 4], dropout=0.0).double()
    with torch.no_grad():
        for parameter in discriminator.parameters():
            parameter.mul_(3)
    rewards = discriminator(everything())["logits"].sigmoid().detach()
    game = game_of(generator)
    game.discriminator = discriminator
    noise = Draws(1)
    game.noise = lambda name, count: noise
    p, rng, variance = logp_of(generator, everything()).detach().exp(), torch.Generator().manual_seed(2), {}
    for eta in (0.0, 1.0):
        each = []
        for _ in range(40):
            rows = torch.multinomial(p, 50, replacement=True, generator=rng)
            y = everything().select(rows)
            loss, _ = policy_loss(REBAR(eta=eta), y, returns_of(rewards[rows], y), game)
            each.append(-gradient(loss, generator))
        variance[eta] = torch.stack(each).var(0).sum()
        error = 5 * torch.stack(each).std(0) / 40**0.5
        exact = objective_gradient(generator, everything(), rewards)
        assert ((torch.stack(each).mean(0) - exact).abs() < error + 1e-9).all()
    assert variance[1.0] < variance[0.0] / 2
    assert all(p.grad is None for p in discriminator.parameters())


@pytest.mark.parametrize("settings", [{"tau": 0.0}, {"judgement": "rank"}])
def test_what_makes_no_sense_is_refused(settings) -> None:
    with pytest.raises(ValueError):
        REBAR(**settings)
