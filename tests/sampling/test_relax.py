"""Relaxed draws against closed forms, and relaxed writing."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
from toy import Tabular

from tokengan.generators.recurrent import LSTM
from tokengan.noise import Noise
from tokengan.sampling.relax import GumbelSoftmax, gumbel
from tokengan.sampling.write import write
from tokengan.schedules import Schedule
from tokengan.spec import Spec


def noise(seed: int = 0) -> Noise:
    return Noise(torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("sharpness", [0.01, 1.0, 100.0])
def test_the_largest_entry_is_an_exact_draw_whatever_the_sharpness(sharpness: float) -> None:
    logits = torch.tensor([1.0, 2.0, 3.0]).log().expand(100_000, 3)
    drawn = GumbelSoftmax(Schedule(sharpness)).draw(logits, noise().uniforms(100_000, 3), 0)
    shares = torch.bincount(drawn.token, minlength=3) / 100_000
    torch.testing.assert_close(shares, torch.tensor([1 / 6, 1 / 3, 1 / 2]), atol=0.005, rtol=0)
    assert torch.equal(drawn.shown.argmax(1), drawn.token)


@pytest.mark.parametrize(("sharpness", "mean"), [(100.0, 0.996), (1.0, 0.669), (0.01, 0.337)])
def test_how_sharp_it_is(sharpness: float, mean: float) -> None:
    logits = torch.tensor([1.0, 2.0, 3.0]).log().expand(100_000, 3)
    shown = GumbelSoftmax(Schedule(sharpness)).draw(logits, noise().uniforms(100_000, 3), 0).shown
    assert shown.amax(1).mean().item() == pytest.approx(mean, abs=0.003)


def test_noise_is_finite_at_the_ends_of_the_interval() -> None:
    assert gumbel(torch.tensor([0.0, 1 - 2**-24])).isfinite().all()


def test_the_tails_of_the_noise_are_not_cut() -> None:
    """A guard of 1e-3 within the logarithms, as in Texygen, would bound the noise by -1.93 and 6.9."""
    ends = [1e-300, 1e-20, 1e-6, 1 - 1e-6, 1 - 1e-12]
    found = gumbel(torch.tensor(ends, dtype=torch.float64)).tolist()
    assert found == pytest.approx([-math.log(-math.log(u)) for u in ends], rel=1e-12)


def test_a_hard_row_carries_the_soft_ones_gradient() -> None:
    logits = torch.tensor([[0.5, -0.2, 0.0]], requires_grad=True)
    uniforms = torch.tensor([[0.3, 0.6, 0.5]])
    weight = torch.tensor([1.0, 0.8, 0.625])
    soft = GumbelSoftmax(Schedule(2.0)).draw(logits, uniforms, 0)
    hard = GumbelSoftmax(Schedule(2.0), show="straight_through").draw(logits, uniforms, 0)
    assert sorted(hard.shown.detach().round(decimals=5).tolist()[0]) == [0, 0, 1]
    (one,) = torch.autograd.grad((soft.shown * weight).sum(), logits)
    (other,) = torch.autograd.grad((hard.shown * weight).sum(), logits)
    torch.testing.assert_close(one, other)
    # d/do_i sum_j w_j softmax(beta (o + g))_j = beta y_i (w_i - sum_j w_j y_j)
    y = soft.shown.detach()
    torch.testing.assert_close(one, 2.0 * y * (weight - (y * weight).sum()))


def test_relaxed_writing_draws_from_the_same_law_and_lets_gradients_through() -> None:
    generator = Tabular(dtype=torch.float32)
    relax = GumbelSoftmax(Schedule(1.0))
    x = write(generator, 40_000, noise(), relax=lambda law, u: relax.draw(law, u, 0), grad=True)
    assert x.soft is not None
    assert x.soft.shape == (40_000, 2, 3)
    assert torch.equal(x.soft.argmax(-1), x.tokens)
    pairs = torch.bincount(x.tokens[:, 0] * 3 + x.tokens[:, 1], minlength=9) / 40_000
    law = (generator.first.softmax(0)[:, None] * generator.second.softmax(1)).flatten()
    torch.testing.assert_close(pairs, law.detach(), atol=0.01, rtol=0)
    torch.testing.assert_close(x.logp, generator.score(x.replace(soft=None))["logp"].detach(), atol=1e-5, rtol=0)
    x.soft[:, 1, 0].mean().backward()
    assert generator.second.grad is not None
    assert generator.second.grad.abs().max() > 0.01


@pytest.mark.parametrize("feed", ["hard", "soft", "straight_through"])
def test_what_is_fed_back_decides_whether_the_first_choice_has_a_gradient(feed: str) -> None:
    generator = LSTM(Spec(vocab_size=7, max_length=3), hidden=8)
    relax = GumbelSoftmax(Schedule(1.0), feed=feed)
    x = write(generator, 4, noise(), relax=lambda law, u: relax.draw(law, u, 0), grad=True, keep=["logits"])
    # The law of the second token depends on the first draw through what is read alone.
    through = torch.autograd.grad(x.outputs["logits"][:, 1].square().sum(), x.outputs["logits"], retain_graph=True)
    generator.zero_grad()
    (slope,) = torch.autograd.grad(x.outputs["logits"][:, 1].square().sum(), generator.output.bias, retain_graph=True)
    direct = 2 * x.outputs["logits"][:, 1].sum(0)
    assert through[0].shape == x.outputs["logits"].shape
    assert torch.allclose(slope, direct.detach(), atol=1e-6) == (feed == "hard")


def test_rows_do_not_depend_on_each_other() -> None:
    generator, relax = LSTM(Spec(vocab_size=7, max_length=4), hidden=8), GumbelSoftmax()
    both = write(generator, 6, noise(3), relax=lambda law, u: relax.draw(law, u, 0))
    half = write(
        generator, 3, Noise(torch.Generator().manual_seed(3), 3, 6), relax=lambda law, u: relax.draw(law, u, 0)
    )
    assert torch.equal(both.tokens[3:], half.tokens)


def test_what_follows_the_end_is_masked() -> None:
    generator = LSTM(Spec(vocab_size=5, max_length=8, start=1, end=2, pad=0), hidden=4)
    relax = GumbelSoftmax()
    x = write(generator, 200, noise(), relax=lambda law, u: relax.draw(law, u, 0))
    assert not x.mask.all()
    assert (x.tokens[~x.mask] == 0).all()
    assert x.soft is not None
    assert x.soft[..., [0, 1]].max() == 0  # closed ids have no weight in any row
