"""K + 1 classes against the cards (methods/labelgan.md, methods/sentigan.md)."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from tokengan.discriminators.base import Judged, real_logit
from tokengan.losses.multiclass import Multiclass
from tokengan.losses.nonsaturating import NonSaturating
from tokengan.sequences import Sequences

LOGITS = torch.tensor([[0.3, -1.0, 2.0], [1.5, 0.2, -0.4], [-2.0, 0.1, 0.9]], dtype=torch.float64)  # K = 2
LABELS = torch.tensor([0, 1, 1])


def judged(logits: Tensor, labels: Tensor | None = LABELS) -> Judged:
    """Return these class logits as a judgement."""
    tokens = torch.zeros(len(logits), 1, dtype=torch.long)
    condition = {} if labels is None else {"label": labels}
    return Judged({"class_logits": logits}, Sequences(tokens, torch.ones_like(tokens).bool(), condition=condition))


def test_discriminator_by_hand():
    """-log p of the label for real ones, -log p of the LAST class for fakes (not of the first, as in a peer)."""
    fakes = LOGITS.flip(0)
    logp = LOGITS.log_softmax(1)
    expected = -sum(logp[k, y] for k, y in enumerate(LABELS)) / 3 - fakes.log_softmax(1)[:, 2].mean()
    loss, metrics = Multiclass().discriminator(judged(LOGITS), judged(fakes, None))
    torch.testing.assert_close(loss, expected / 2)
    p = LOGITS.softmax(1)
    really = p[:, 0] + p[:, 1] > 0.5
    assert metrics["train_accuracy"].item() == pytest.approx((really.sum() + (~really).sum()).item() / 6)
    assert metrics["class_accuracy"].item() == pytest.approx(2 / 3)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_one_class_is_the_ordinary_game(smoothing):
    """K = 1: the losses and gradients of the two-class game, whatever G's target."""
    torch.manual_seed(0)
    real, fake = torch.randn(2, 5, 2, dtype=torch.float64).requires_grad_().unbind()
    labels = torch.zeros(5, dtype=torch.long)
    game, plain = Multiclass(smoothing=smoothing), NonSaturating(smoothing)
    two = [Judged({"logits": real_logit(v)}, judged(v, labels).x) for v in (real, fake)]
    pairs = [(game.discriminator(judged(real, labels), judged(fake, labels))[0], plain.discriminator(*two)[0])]
    for target in ("given", "dynamic", "any"):
        ours = Multiclass(target).generator(judged(fake, labels))[0]
        pairs.append((ours, plain.generator(two[1])[0]))
    for one, other in pairs:
        torch.testing.assert_close(one, other)
        slopes = [torch.autograd.grad(v, (real, fake), retain_graph=True, allow_unused=True) for v in (one, other)]
        for a, b in zip(*slopes, strict=True):
            assert (a is None) == (b is None)
            if a is not None:
                torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


def test_class_aware_gradients():
    """LabelGAN shares the push towards real among classes, AM-GAN pushes one class up and all else down."""
    logits = LOGITS.clone().requires_grad_()
    p = LOGITS.softmax(1)
    d = p[:, :2].sum(1, keepdim=True)
    (slope,) = torch.autograd.grad(Multiclass("any").generator(judged(logits))[0], logits)
    expected = torch.cat([(1 - d) * p[:, :2] / d, -(1 - d)], dim=1)
    torch.testing.assert_close(-3 * slope, expected, rtol=0, atol=1e-12)
    for target, classes in (("given", LABELS), ("dynamic", LOGITS[:, :2].argmax(1))):
        (slope,) = torch.autograd.grad(Multiclass(target).generator(judged(logits))[0], logits)
        torch.testing.assert_close(-3 * slope, one_hot(classes, 3) - p, rtol=0, atol=1e-12)


def test_the_fake_class_is_never_a_target():
    """The first row's likeliest class of all is the fake one; dynamic labelling takes the best real one."""
    logp = LOGITS.log_softmax(1)
    assert LOGITS[0].argmax() == 2
    loss, _ = Multiclass("dynamic").generator(judged(LOGITS[:1], None))
    torch.testing.assert_close(loss, -logp[0, 0])


def test_losses_of_g_compared():
    """AM-GAN's loss is at least LabelGAN's, equal where the target is all that is real; merging and permuting."""
    given, anyone = Multiclass().generator(judged(LOGITS))[0], Multiclass("any").generator(judged(LOGITS))[0]
    assert given > anyone
    sure = LOGITS.clone()
    sure[torch.arange(3), 1 - LABELS] = -1e4
    torch.testing.assert_close(
        Multiclass().generator(judged(sure))[0], Multiclass("any").generator(judged(sure))[0], rtol=1e-12, atol=0
    )
    merged = torch.stack([LOGITS[:, :2].logsumexp(1), LOGITS[:, 2]], dim=1)
    torch.testing.assert_close(Multiclass("any").generator(judged(merged, None))[0], anyone)
    swapped = LOGITS[:, [1, 0, 2]]
    torch.testing.assert_close(Multiclass().generator(judged(swapped, 1 - LABELS))[0], given)
    torch.testing.assert_close(
        Multiclass().discriminator(judged(swapped, 1 - LABELS), judged(swapped))[0],
        Multiclass().discriminator(judged(LOGITS), judged(LOGITS))[0],
    )


def test_sentigan_penalty():
    """1 - D_i, which counts looking like another label too."""
    loss, metrics = Multiclass(penalty=True).generator(judged(LOGITS))
    p = LOGITS.softmax(1)
    assert loss.item() == pytest.approx(sum(1 - p[k, y].item() for k, y in enumerate(LABELS)) / 3)
    assert metrics["D_fake"].item() == pytest.approx(p[:, :2].sum(1).mean().item())


def test_the_best_discriminator():
    """Two disjoint labels of two letters each, G's own law: D_i = P_i / (P_1 + P_2 + P_G), flat there."""
    # Letters 0 and 1 have label 0, letters 2 and 3 label 1. How often each stands in 20 rows of a kind.
    real, fake = torch.tensor([8, 2, 5, 5]), torch.tensor([2, 4, 10, 4])
    letters = torch.arange(4)
    x, y = letters.repeat_interleave(real), letters.repeat_interleave(fake)
    labels = x // 2
    odds = torch.full((4, 3), -40.0, dtype=torch.float64)
    odds[letters, letters // 2] = real.double().log()
    odds[:, 2] = fake.double().log()
    table = odds.clone().requires_grad_()
    loss, _ = Multiclass().discriminator(judged(table[x], labels), judged(table[y], None))
    assert torch.autograd.grad(loss, table)[0].abs().max() < 1e-15
    # The generator equals the data: D_r = 1/2 everywhere, and the penalty of a label is 1/2.
    odds[:, 2] = real.double().log()
    torch.testing.assert_close(real_logit(odds), torch.zeros(4, dtype=torch.float64), rtol=0, atol=1e-12)
    penalty, _ = Multiclass(penalty=True).generator(judged(odds, letters // 2))
    assert penalty.item() == pytest.approx(0.5)


def test_sure_discriminators_stay_finite():
    """-log D_r of a logit gap of 1000 is 1000, not infinite."""
    logits = torch.tensor([[-1000.0, -1000.0, 0.0]], requires_grad=True)
    for target in ("dynamic", "any"):
        loss, _ = Multiclass(target).generator(judged(logits, None))
        assert loss.item() == pytest.approx(1000, abs=1)
        assert torch.autograd.grad(loss, logits)[0].isfinite().all()


def test_smoothing_is_for_real_classes_only():
    """Targets (1 - s, s/2, s/2) for a real row; a fake keeps its own."""
    loss, _ = Multiclass(smoothing=0.1).discriminator(judged(LOGITS), judged(LOGITS, None))
    logp = LOGITS.log_softmax(1)
    target = torch.full((3, 3), 0.05, dtype=torch.float64)
    target[torch.arange(3), LABELS] = 0.9
    torch.testing.assert_close(loss, -((target * logp).sum(1).mean() + logp[:, 2].mean()) / 2)
    with pytest.raises(ValueError, match="smoothing must lie in"):
        Multiclass(smoothing=0.5)


def test_what_is_refused():
    """No labels, labels beyond the classes (the first of them would be the fake class), no class logits."""
    with pytest.raises(ValueError, match=r"reads labels.*these sequences have none"):
        Multiclass().discriminator(judged(LOGITS, None), judged(LOGITS))
    with pytest.raises(ValueError, match="these sequences have none"):
        Multiclass().generator(judged(LOGITS, None))
    for wrong in ([0, 1, 2], [0, -1, 1]):
        with pytest.raises(ValueError, match="the discriminator has 2 real classes"):
            Multiclass().discriminator(judged(LOGITS, torch.tensor(wrong)), judged(LOGITS))
    with pytest.raises(ValueError, match="reads 'class_logits' of the discriminator, which gives logits"):
        Multiclass().generator(Judged({"logits": torch.zeros(3)}, judged(LOGITS).x))
    assert math.isfinite(Multiclass("any").generator(judged(LOGITS, None))[0].item())
