"""TextGAN's game against its card (methods/textgan-gsgan.md) and plain loops."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from tokengan.discriminators.base import Judged
from tokengan.losses.feature_matching import FeatureMatching, mmd2
from tokengan.losses.minimax import Minimax
from tokengan.sequences import Sequences


def judged(features: Tensor, logits: Tensor | None = None) -> Judged:
    """Return a judgement with these features."""
    tokens = torch.zeros(len(features), 1, dtype=torch.long)
    logits = features.new_zeros(len(features)) if logits is None else logits
    return Judged({"logits": logits, "features": features}, Sequences(tokens, torch.ones_like(tokens).bool()))


def points(*values: float) -> Tensor:
    """Return numbers as features of width one."""
    return torch.tensor(values, dtype=torch.float64).unsqueeze(1)


def plainly(a: Tensor, b: Tensor, widths: list[float]) -> float:
    """Return MMD^2, pair by pair."""

    def mean(one: Tensor, other: Tensor) -> float:
        found = [math.exp(-float((x - y).square().sum()) / (2 * w * w)) for w in widths for x in one for y in other]
        return sum(found) / len(found)

    return mean(a, a) + mean(b, b) - 2 * mean(a, b)


def test_points():
    """0 and 1 at sigma 1: 0.7869; far apart: 2; sigma enters squared (Texygen's beta is 1/(2 sigma))."""
    assert mmd2(points(0), points(1), [1.0]).item() == pytest.approx(2 - 2 * math.exp(-0.5))
    assert round(mmd2(points(0), points(1), [1.0]).item(), 4) == 0.7869
    assert mmd2(points(0), points(1e3), [1.0]).item() == pytest.approx(2)
    assert mmd2(points(0), points(2), [2.0]).item() == pytest.approx(2 - 2 * math.exp(-0.5))
    assert mmd2(points(0), points(2), [4.0]).item() == pytest.approx(2 - 2 * math.exp(-0.125))


def test_against_the_plain_loop():
    """Batches of different sizes, a mixture of widths, the first argument before the second or after."""
    torch.manual_seed(0)
    a, b = torch.randn(5, 3, dtype=torch.float64), 1 + torch.randn(4, 3, dtype=torch.float64)
    assert mmd2(a, b, [0.5, 3.0]).item() == pytest.approx(plainly(a, b, [0.5, 3.0]))
    torch.testing.assert_close(mmd2(a, b), mmd2(b, a))
    # Precision does not depend on where the features lie.
    near = mmd2((a + 1000).float(), (b + 1000).float(), [1.0]).item()
    assert near == pytest.approx(mmd2(a, b, [1.0]).item(), abs=1e-3)


def test_a_batch_and_itself():
    """0, and never less than 0 for any pair of batches."""
    torch.manual_seed(1)
    batch = torch.randn(16, 5, dtype=torch.float64)
    assert mmd2(batch, batch).item() < 1e-14
    assert mmd2(batch, batch[torch.randperm(16)]).item() < 1e-14
    for _ in range(50):
        a, b = torch.randn(3, 4), torch.randn(6, 4)
        assert 0 <= mmd2(a, b) <= 2


def test_two_halves_and_a_shift():
    """Halves of the same data: about (2/n)(1 - mean k), at most 2/n; a shift of one sigma is beyond chance."""
    torch.manual_seed(2)
    n = 256
    data = torch.randn(40, 2 * n, 1, dtype=torch.float64)
    found = torch.stack([mmd2(half[:n], half[n:], [1.0]) for half in data])
    # Two independent standard normals: E exp(-(x - y)^2 / 2) = 1 / sqrt(1 + 2).
    assert found.mean().item() == pytest.approx(2 / n * (1 - 1 / math.sqrt(3)), rel=0.35)
    a, b = torch.randn(n, 1), 1 + torch.randn(n, 1)
    both = torch.cat([a, b])
    chance = torch.stack([mmd2(s[:n], s[n:], [1.0]) for s in (both[torch.randperm(2 * n)] for _ in range(100))])
    assert mmd2(a, b, [1.0]) > 5 * chance.quantile(0.95)


@pytest.mark.parametrize("root", [False, True])
@pytest.mark.parametrize("match", ["mmd", "mean"])
def test_who_pulls_where(match, root):
    """D's step drives the features apart (Texygen's signs bring them together), G's step brings them together."""
    torch.manual_seed(3)
    real, fake = torch.randn(8, 4, dtype=torch.float64), 1 + torch.randn(8, 4, dtype=torch.float64)
    game = FeatureMatching(weight=100.0, match=match, root=root)
    before = mmd2(real, fake)
    moved = [value.clone().requires_grad_() for value in (real, fake)]
    loss, metrics = game.discriminator(judged(moved[0]), judged(moved[1]))
    apart = [value - 1e-3 * step for value, step in zip(moved, torch.autograd.grad(loss, moved), strict=True)]
    assert mmd2(apart[0], apart[1]) > before + 1e-6
    assert metrics["mmd"].item() == pytest.approx(before.sqrt().item() if root else before.item())
    written = fake.clone().requires_grad_()
    loss, _ = game.generator(judged(written), judged(real))
    assert mmd2(real, written - 1e-2 * torch.autograd.grad(loss, written)[0]) < before


def test_losses_by_hand():
    """Half of the authors' loss; the published weight; mean matching; nothing else in D's loss."""
    torch.manual_seed(4)
    a, b = torch.randn(6, 3, dtype=torch.float64), 2 + torch.randn(6, 3, dtype=torch.float64)
    scores = torch.randn(2, 6, dtype=torch.float64)
    real, fake = judged(a, scores[0]), judged(b, scores[1])
    plain = Minimax(0.01).discriminator(real, fake)[0]
    loss, metrics = FeatureMatching().discriminator(real, fake)
    torch.testing.assert_close(2 * loss, 2 * plain - 0.001 * mmd2(a, b))
    assert metrics["train_accuracy"] == Minimax().discriminator(real, fake)[1]["train_accuracy"]
    torch.testing.assert_close(FeatureMatching().generator(fake, real)[0], mmd2(a, b))
    torch.testing.assert_close(FeatureMatching(root=True).generator(fake, real)[0], mmd2(a, b).sqrt())
    gap = FeatureMatching(match="mean").generator(fake, real)[0]
    torch.testing.assert_close(gap, (a.mean(0) - b.mean(0)).square().sum())
    with pytest.raises(ValueError, match="compares with real sequences"):
        FeatureMatching().generator(fake)
    with pytest.raises(ValueError, match="widths must be positive"):
        FeatureMatching(widths=[])


def test_the_root_has_a_slope_at_nothing():
    """Equal batches: 0 with a finite gradient."""
    batch = torch.randn(4, 3, requires_grad=True)
    loss, _ = FeatureMatching(root=True).generator(judged(batch), judged(batch.detach()))
    (slope,) = torch.autograd.grad(loss, batch)
    assert slope.isfinite().all()
