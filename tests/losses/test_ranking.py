"""RankGAN's game against its card (methods/rankgan.md) and plain loops."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from tokengan.discriminators.base import Judged
from tokengan.discriminators.cnn import HighwayCNN
from tokengan.losses.ranking import Ranking, margins, ranks
from tokengan.sequences import Sequences
from tokengan.spec import Spec

REFERENCE = torch.tensor([[1.0, 0.0]], dtype=torch.float64)


def at(*cosines: float) -> Tensor:
    """Return features [B,2] with these cosines to the reference."""
    values = torch.tensor(cosines, dtype=torch.float64)
    return torch.stack([values, (1 - values**2).sqrt()], dim=1)


def judged(features: Tensor) -> Judged:
    """Return a judgement of nothing but features."""
    tokens = torch.zeros(len(features), 1, dtype=torch.long)
    return Judged({"features": features}, Sequences(tokens, torch.ones_like(tokens).bool()))


def plainly(s: Tensor, references: Tensor, others: Tensor, gamma: float, form: str) -> float:
    """Return R(s|U,C), number by number."""

    def cos(a: Tensor, b: Tensor) -> float:
        return float(a @ b) / math.sqrt(float(a @ a) * float(b @ b))

    everyone = [s, *others]
    table = [[gamma * cos(y, u) for u in references] for y in everyone]
    if form == "each":
        columns = list(zip(*table, strict=True))
    else:
        columns = [tuple(sum(row) / (len(row) if form == "mean" else 1) for row in table)]
    return sum(math.exp(c[0]) / sum(map(math.exp, c)) for c in columns) / len(columns)


def test_one_reference():
    """The card's three cosines; at gamma = 16 the first takes all; a shift of all cosines changes nothing."""
    found = ranks(at(0.9, 0.1, -0.2), REFERENCE, gamma=1.0)
    assert [round(value, 3) for value in found.tolist()] == [0.561, 0.252, 0.187]
    assert found.sum().item() == pytest.approx(1)
    assert ranks(at(0.9, 0.1, -0.2), REFERENCE, gamma=16.0)[0] > 0.9999
    torch.testing.assert_close(ranks(at(0.6, -0.2, -0.5), REFERENCE, gamma=1.0), found)
    torch.testing.assert_close(ranks(at(0.9), REFERENCE, at(0.1, -0.2), gamma=1.0), found[:1])


@pytest.mark.parametrize("form", ["each", "mean", "sum"])
def test_equals_among_equals(form):
    """An identical comparison set: 1/|C'| for everybody."""
    same = at(0.3).repeat(5, 1)
    references = torch.randn(4, 2, dtype=torch.float64)
    torch.testing.assert_close(ranks(same, references, form=form), torch.full((5,), 0.2, dtype=torch.float64))
    found = ranks(same, references, same[:3], form=form)
    torch.testing.assert_close(found, torch.full((5,), 0.25, dtype=torch.float64))


def test_the_reference_among_strangers():
    """e^gamma / (e^gamma + n - 1), 0.9999965 at n = 32 and gamma = 16; 1 - R keeps its digits, in float32 too."""
    axes = torch.eye(32)
    found = ranks(axes[:1], axes[:1], axes[1:], gamma=16.0).item()
    assert found == pytest.approx(math.exp(16) / (math.exp(16) + 31), abs=1e-7)
    assert f"{found:.7f}" == "0.9999965"
    miss = margins(axes[:1], axes[:1], axes[1:], gamma=60.0).neg().sigmoid().item()
    assert miss == pytest.approx(31 / (math.exp(60) + 31), rel=1e-4)


@pytest.mark.parametrize("form", ["each", "mean", "sum"])
def test_against_the_plain_loop(form):
    """Any features; a comparison set given, or each other."""
    torch.manual_seed(0)
    features, references, others = (torch.randn(n, 6, dtype=torch.float64) for n in (4, 3, 5))
    expected = [plainly(s, references, others, 2.0, form) for s in features]
    assert ranks(features, references, others, 2.0, form).tolist() == pytest.approx(expected)
    rest = [torch.cat([features[:k], features[k + 1 :]]) for k in range(4)]
    expected = [plainly(s, references, own, 2.0, form) for s, own in zip(features, rest, strict=True)]
    assert ranks(features, references, None, 2.0, form).tolist() == pytest.approx(expected)


def test_forms_differ_as_they_should():
    """A sum is a mean with gamma times U; a reference seen twice changes `each` and `mean` not at all."""
    torch.manual_seed(1)
    features, references = torch.randn(5, 6, dtype=torch.float64), torch.randn(4, 6, dtype=torch.float64)
    summed = ranks(features, references, gamma=1.0, form="sum")
    torch.testing.assert_close(summed, ranks(features, references, gamma=4.0, form="mean"))
    assert (summed - ranks(features, references, gamma=4.0, form="each")).abs().max() > 1e-3
    for form in ("each", "mean"):
        twice = ranks(features, references.repeat(2, 1), form=form)
        torch.testing.assert_close(twice, ranks(features, references, form=form))


def test_batches_of_their_own():
    """Roll-outs [N,T,B,F]: siblings are those at the same roll-out and length, and their mean is 1/B there."""
    torch.manual_seed(2)
    features, references = torch.randn(3, 2, 8, 5), torch.randn(4, 5)
    found = ranks(features, references)
    torch.testing.assert_close(found.mean(-1), torch.full((3, 2), 1 / 8), rtol=0, atol=1e-6)
    for n in range(3):
        for t in range(2):
            torch.testing.assert_close(found[n, t], ranks(features[n, t], references))
    humans = torch.randn(6, 5)
    torch.testing.assert_close(ranks(features, references, humans)[1, 1], ranks(features[1, 1], references, humans))


@pytest.mark.parametrize("form", ["each", "mean", "sum"])
def test_losses_against_the_plain_loop(form):
    """The first real rows are the references, the rest are ranked against fakes, and fakes against the rest."""
    torch.manual_seed(3)
    real, fake = torch.randn(7, 5, dtype=torch.float64), torch.randn(4, 5, dtype=torch.float64)
    references, rest = real[:2], real[2:]
    of_real = [plainly(s, references, fake, 2.0, form) for s in rest]
    of_fake = [plainly(s, references, rest, 2.0, form) for s in fake]
    logs = sum(map(math.log, of_real)) / 5
    settings = {"references": 2, "gamma": 2.0, "form": form}
    loss, metrics = Ranking(**settings).discriminator(judged(real), judged(fake))
    assert loss.item() == pytest.approx(sum(map(math.log, of_fake)) / 4 - logs)
    right = sum(r > 1 / 5 for r in of_real) + sum(r < 1 / 6 for r in of_fake)
    assert metrics["train_accuracy"].item() == pytest.approx(right / 9)
    assert -1 <= metrics["cosine"] <= 1
    loss, _ = Ranking(**settings, bounded=True).discriminator(judged(real), judged(fake))
    assert loss.item() == pytest.approx(-sum(math.log(1 - r) for r in of_fake) / 4 - logs)
    assert loss > 0
    loss, metrics = Ranking(**settings).generator(judged(fake), judged(real))
    assert loss.item() == pytest.approx(-sum(map(math.log, of_fake)) / 4)
    assert metrics["rank_fake"].item() == pytest.approx(sum(of_fake) / 4 * 6)
    assert Ranking(**settings, log=False).generator(judged(fake), judged(real))[0].item() == pytest.approx(
        -sum(of_fake) / 4
    )


def test_extreme_ranks_stay_finite():
    """A fake that is nearly the reference, at a high gamma in float32: log(1 - R) keeps its value and its slope."""
    axes = torch.eye(4)
    fake = torch.tensor([[1.0, 0.05, 0.0, 0.0]], requires_grad=True)
    loss, _ = Ranking(references=1, gamma=200.0, bounded=True).discriminator(judged(axes), judged(fake))
    assert loss.isfinite()
    assert loss > 150
    (slope,) = torch.autograd.grad(loss, fake)
    assert slope.isfinite().all()
    assert slope.abs().max() > 0


def test_what_is_refused():
    """A single real sequence, no real ones for G, settings that mean nothing, a discriminator without features."""
    two = judged(at(0.1, 0.2))
    with pytest.raises(ValueError, match="two real sequences at least"):
        Ranking().discriminator(judged(at(0.1)), two)
    with pytest.raises(ValueError, match="compares with real sequences"):
        Ranking().generator(two)
    with pytest.raises(ValueError, match="must be positive"):
        Ranking(references=0)
    with pytest.raises(ValueError, match="reads 'features' of the discriminator, which gives logits"):
        Ranking().discriminator(Judged({"logits": torch.zeros(2)}, two.x), two)
    assert Ranking(references=16).discriminator(two, two)[0].isfinite()  # at most half of a short batch


def test_the_ranker_tells_two_vocabularies_apart_in_an_epoch():
    """Every real sequence ranks above every generated one, held-out rows included."""
    torch.manual_seed(4)
    spec = Spec(vocab_size=12, max_length=6)
    network = HighwayCNN(spec, embedding=8, widths=[1, 2, 3], filters=[10, 10, 10])
    game, optimiser = Ranking(references=8), torch.optim.Adam(network.parameters(), lr=3e-3)

    def draw(first: int, count: int) -> Sequences:
        tokens = torch.randint(first, first + 6, (count, 6))
        return Sequences(tokens, torch.ones_like(tokens).bool())

    real, fake = draw(0, 640), draw(6, 640)
    for k in range(0, 640, 32):
        x, y = real.select(slice(k, k + 32)), fake.select(slice(k, k + 32))
        loss, _ = game.discriminator(Judged(network(x), x), Judged(network(y), y))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    network.eval()
    with torch.no_grad():
        references = network(draw(0, 16))["features"]
        everybody = torch.cat([network(draw(0, 32))["features"], network(draw(6, 32))["features"]])
        found = ranks(everybody, references)
    assert found[:32].min() > found[32:].max()
