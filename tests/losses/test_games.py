"""Games played with one logit, against their closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from tokengan.discriminators.base import Judged
from tokengan.losses.feature_matching import FeatureMatching
from tokengan.losses.hinge import Hinge
from tokengan.losses.least_squares import LeastSquares
from tokengan.losses.minimax import Minimax
from tokengan.losses.nonsaturating import NonSaturating
from tokengan.losses.relativistic import Relativistic, RelativisticAverage
from tokengan.losses.reverse_kl import ReverseKL
from tokengan.losses.wasserstein import Wasserstein
from tokengan.sequences import Sequences

LOG2 = math.log(2)
# A three-letter alphabet: each letter as often in ten rows as the law says.
P, Q = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64), torch.tensor([0.2, 0.2, 0.6], dtype=torch.float64)


def judged(logits: Tensor | list[float]) -> Judged:
    """Return these logits as a judgement."""
    logits = torch.as_tensor(logits, dtype=torch.float64)
    tokens = torch.zeros(len(logits), 1, dtype=torch.long)
    features = torch.zeros(len(logits), 1, dtype=torch.float64)
    return Judged({"logits": logits, "features": features}, Sequences(tokens, torch.ones_like(tokens).bool()))


def rows(law: Tensor) -> Tensor:
    """Return ten letters distributed exactly as a law."""
    return torch.arange(3).repeat_interleave((10 * law).round().long())


def slope_at(game, table: Tensor) -> Tensor:
    """Return the gradient of D's loss where D's logit is a free number for each letter."""
    table = table.clone().requires_grad_()
    loss, _ = game.discriminator(judged(table[rows(P)]), judged(table[rows(Q)]))
    return torch.autograd.grad(loss, table)[0]


@pytest.mark.parametrize("game", [Minimax(), NonSaturating(), ReverseKL(), FeatureMatching(weight=0.0, smoothing=0.0)])
def test_the_best_discriminator_knows_the_odds(game):
    """D* = p / (p + q): the loss is convex in the logits and flat exactly there."""
    assert {"log_odds", "score"} <= game.gives
    assert slope_at(game, (P / Q).log()).abs().max() < 1e-15
    assert slope_at(game, (Q / P).log()).abs().max() > 1e-2


def test_the_best_discriminators_of_the_other_games():
    """Least squares: (b p + a q)/(p + q). Smoothed: D* = (1 - s) p/(p + q). Hinge: 1 where p > q, else -1."""
    assert slope_at(LeastSquares(-1, 2, 0), (2 * P - Q) / (P + Q)).abs().max() < 1e-15
    assert slope_at(Minimax(smoothing=0.1), (0.9 * P / (P + Q)).logit()).abs().max() < 1e-15
    sides = (P - Q).sign()
    assert (slope_at(Hinge(), 0.999 * sides) * sides < 0).all()
    assert (slope_at(Hinge(), 1.001 * sides) * sides > 0).all()


def test_cross_entropy_by_hand():
    """Values, the accuracy, and one-sided smoothing, which is the cross-entropy with a softer target for reals only."""
    real, fake = judged([2.0, -1.0]), judged([0.5, -3.0])
    loss, metrics = Minimax().discriminator(real, fake)
    d = [1 / (1 + math.exp(-v)) for v in (2.0, -1.0, 0.5, -3.0)]
    assert loss.item() == pytest.approx(-sum(map(math.log, [d[0], d[1], 1 - d[2], 1 - d[3]])) / 4)
    assert metrics["train_accuracy"] == 0.5
    assert Minimax().generator(fake)[0].item() == pytest.approx((math.log(1 - d[2]) + math.log(1 - d[3])) / 2)
    assert NonSaturating().generator(fake)[0].item() == pytest.approx(-(math.log(d[2]) + math.log(d[3])) / 2)
    smooth = NonSaturating(smoothing=0.1).discriminator(real, fake)[0]
    target = torch.tensor([0.9, 0.9, 0.0, 0.0], dtype=torch.float64)
    both = torch.cat([real.logits, fake.logits])
    assert smooth.item() == pytest.approx(binary_cross_entropy_with_logits(both, target).item())
    assert NonSaturating(smoothing=0.1).generator(fake)[0] == NonSaturating().generator(fake)[0]
    for wrong in (-0.1, 1.0):
        with pytest.raises(ValueError, match="smoothing must lie in"):
            Minimax(wrong)


def test_reverse_kl_is_the_divergence_at_the_best_discriminator():
    """E_q log q/p; all rows pull with one weight (Texygen takes D/(1-D) itself, and both classes of half a batch)."""
    fake = (P / Q).log()[rows(Q)].requires_grad_()
    loss, _ = ReverseKL().generator(judged(fake))
    assert loss.item() == pytest.approx((Q * (Q / P).log()).sum().item(), abs=1e-15)
    assert torch.autograd.grad(loss, fake)[0].tolist() == [-0.1] * 10


def test_hinge_by_hand():
    """Beyond the margin nothing counts, and G's loss has no margin."""
    loss, metrics = Hinge().discriminator(judged([2.0, 0.25]), judged([-1.5, 0.5]))
    assert loss.item() == (0 + 0.75) / 2 + (0 + 1.5) / 2
    assert metrics["train_accuracy"] == 0.75
    assert Hinge().discriminator(judged([0.0]), judged([0.0]))[0] == 2
    assert Hinge().generator(judged([-1.5, 0.5]))[0] == 0.5


def test_least_squares_by_hand():
    """The three targets; the verdict is in the middle of a and b, not at 0."""
    game = LeastSquares(a=1.0, b=3.0, c=2.5)
    loss, metrics = game.discriminator(judged([2.5, 4.0]), judged([1.5, 0.0]))
    assert loss.item() == ((0.25 + 1) / 2 + (0.25 + 1) / 2) / 2
    assert metrics["train_accuracy"] == 1
    assert game.generator(judged([1.5, 0.5]))[0].item() == (1 + 4) / 2 / 2
    for targets in ((1.0, 0.0, 2.0), (0.0, 1.0, -1.0)):
        with pytest.raises(ValueError, match="must lie below b and c"):
            LeastSquares(*targets)


def test_wasserstein_of_two_point_masses():
    """Reals at 0, fakes at theta: the best f(x) = w x with |w| <= 1 estimates |theta|, and G's slope never vanishes."""
    for theta in (-30.0, -0.01, 0.5, 200.0):
        slopes = torch.linspace(-1, 1, 201, dtype=torch.float64)
        plays = [Wasserstein().discriminator(judged([0.0 * w]), judged([theta * w])) for w in slopes]
        best = min(range(len(plays)), key=lambda k: plays[k][0].item())
        assert slopes[best] == -math.copysign(1, theta)
        assert plays[best][1]["wasserstein"].item() == pytest.approx(abs(theta))
        where = torch.tensor([theta], dtype=torch.float64, requires_grad=True)
        (pull,) = torch.autograd.grad(Wasserstein().generator(judged(slopes[best] * where))[0], where)
        assert pull.item() == math.copysign(1, theta)  # a step against it goes towards 0


def test_wasserstein_is_signed_and_free_of_shift():
    """ORGAN's critic minimised |difference|: right about who is real, it would be pulled back. Ours goes on."""
    fake = torch.tensor([0.0], dtype=torch.float64, requires_grad=True)
    for level in (-2.0, 2.0):
        loss, metrics = Wasserstein().discriminator(judged([level]), judged(fake))
        assert loss.item() == -level
        assert metrics["wasserstein"].item() == level
        assert torch.autograd.grad(loss, fake)[0].item() == 1  # downwards for fakes, whoever is ahead
    shifted = Wasserstein().discriminator(judged([7.0]), judged([5.0]))[0]
    assert shifted == Wasserstein().discriminator(judged([2.0]), judged([0.0]))[0]
    assert "train_accuracy" not in metrics


def test_wasserstein_of_one_law_tends_to_nothing():
    """Real and fake from one distribution: the estimate of a fixed critic averages to 0."""
    torch.manual_seed(0)
    estimate = [Wasserstein().discriminator(judged(torch.randn(64)), judged(torch.randn(64)))[0] for _ in range(400)]
    assert abs(torch.stack(estimate).mean()) < 4 * math.sqrt(2 / 64 / 400)


@pytest.mark.parametrize("game", [Relativistic(), Relativistic("all"), RelativisticAverage()])
def test_relativistic_of_equal_scores(game):
    """Both losses are log 2, G's slope is -1/2 in total, and a constant added to all scores changes nothing."""
    fake = torch.full((4,), 3.0, dtype=torch.float64, requires_grad=True)
    real = judged([3.0] * 4)
    assert game.discriminator(real, judged(fake))[0].item() == pytest.approx(LOG2)
    loss, _ = game.generator(judged(fake), real)
    assert loss.item() == pytest.approx(LOG2)
    assert torch.autograd.grad(loss, fake)[0].sum().item() == pytest.approx(-0.5)
    torch.manual_seed(1)
    a, b = torch.randn(2, 4, dtype=torch.float64)
    moved = game.discriminator(judged(a + 9), judged(b + 9))[0]
    torch.testing.assert_close(moved, game.discriminator(judged(a), judged(b))[0])
    with pytest.raises(ValueError, match=r"call generator\(fake, real\)"):
        game.generator(judged(b))


def test_relativistic_by_hand():
    """Row with row, all with all, view with view, and the roles exchanged for G."""
    a, b = [1.0, -2.0], [0.5, 3.0]

    def soft(value: float) -> float:
        return math.log1p(math.exp(value))

    loss, metrics = Relativistic().discriminator(judged(a), judged(b))
    assert loss.item() == pytest.approx((soft(-0.5) + soft(5.0)) / 2)
    assert metrics["train_accuracy"] == 0.5
    assert Relativistic().generator(judged(b), judged(a))[0].item() == pytest.approx((soft(0.5) + soft(-5.0)) / 2)
    every = sum(soft(-(r - f)) for r in a for f in b) / 4
    assert Relativistic("all").discriminator(judged(a), judged(b))[0].item() == pytest.approx(every)
    assert Relativistic("all").discriminator(judged(a), judged([*b, *b]))[0].item() == pytest.approx(every)
    with pytest.raises(ValueError, match=r"2 real and 3 generated.*set pairs to 'all'"):
        Relativistic().discriminator(judged(a), judged([*b, 1.0]))

    torch.manual_seed(2)
    views, order = torch.randn(2, 5, 3, dtype=torch.float64), torch.tensor([2, 0, 1])
    whole = Relativistic().discriminator(judged(views[0]), judged(views[1]))[0]
    apart = [Relativistic().discriminator(judged(views[0][:, s]), judged(views[1][:, s]))[0] for s in range(3)]
    torch.testing.assert_close(whole, torch.stack(apart).mean())
    torch.testing.assert_close(
        whole, Relativistic().discriminator(judged(views[0][:, order]), judged(views[1][:, order]))[0]
    )


def test_relativistic_average_by_hand():
    """Each against the mean of the others, D and G alike with the roles exchanged; numbers may differ."""
    a, b = [1.0, -2.0, 4.0], [0.5, 2.5]

    def soft(value: float) -> float:
        return math.log1p(math.exp(value))

    real = sum(soft(-(r - 1.5)) for r in a) / 3
    fake = sum(soft(f - 1.0) for f in b) / 2
    loss, metrics = RelativisticAverage().discriminator(judged(a), judged(b))
    assert loss.item() == pytest.approx((real + fake) / 2)
    assert metrics["train_accuracy"].item() == pytest.approx(2 / 5)
    mirrored = (sum(soft(r - 1.5) for r in a) / 3 + sum(soft(-(f - 1.0)) for f in b) / 2) / 2
    assert RelativisticAverage().generator(judged(b), judged(a))[0].item() == pytest.approx(mirrored)
