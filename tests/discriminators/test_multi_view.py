"""A judge of many views, against a plain version, and what every game makes of them."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from tokengan.discriminators.base import Judged
from tokengan.discriminators.multi_view import MultiView
from tokengan.losses.hinge import Hinge
from tokengan.losses.least_squares import LeastSquares
from tokengan.losses.minimax import Minimax
from tokengan.losses.nonsaturating import NonSaturating
from tokengan.losses.relativistic import Relativistic, RelativisticAverage
from tokengan.losses.reverse_kl import ReverseKL
from tokengan.losses.total_variation import TotalVariation
from tokengan.losses.wasserstein import Wasserstein
from tokengan.sequences import Sequences, pad_lists
from tokengan.spec import Spec

SPEC = Spec(vocab_size=9, max_length=6, start=1, end=2, pad=0)
GAMES = [
    Minimax(0.1), NonSaturating(), ReverseKL(), Hinge(), LeastSquares(), Wasserstein(), TotalVariation(),
    Relativistic(), Relativistic("all"), RelativisticAverage(),
]  # fmt: skip


def small(views: int = 3, embedding: int = 6) -> MultiView:
    """Return a network of random weights, biases too."""
    torch.manual_seed(1)
    network = MultiView(SPEC, embedding, views, widths=[2, 3], filters=[4, 3], features=5).double().eval()
    for parameter in network.parameters():
        parameter.data.normal_(std=0.7)
    return network


def rows(seed: int, count: int = 6) -> Sequences:
    """Return sentences of all lengths."""
    torch.manual_seed(seed)
    lists = [[*torch.randint(3, 9, (k % 6,)).tolist(), 2][:6] for k in range(count)]
    return Sequences(*pad_lists(lists, pad=0, length=6))


def plainly(network: MultiView, words: list[int], view: int) -> float:
    """Return one view's logit of one sentence, number by number."""
    width = network.embedding.embedding_dim // network.views
    vectors = [network.embedding.weight[word].tolist()[view * width :][:width] for word in words]
    pooled = []
    for convolution in network.convolutions:
        size = convolution.kernel_size[0]
        filled = vectors + [[0.0] * width] * (size - len(vectors))
        for weight, bias in zip(convolution.weight.tolist(), convolution.bias.tolist(), strict=True):
            windows = [
                bias + sum(weight[e][k] * filled[first + k][e] for k in range(size) for e in range(width))
                for first in range(len(filled) - size + 1)
            ]
            pooled.append(max(0.0, *windows))

    def linear(layer: torch.nn.Linear, values: list[float]) -> list[float]:
        lines = zip(layer.weight.tolist(), layer.bias.tolist(), strict=True)
        return [bias + sum(w * v for w, v in zip(line, values, strict=True)) for line, bias in lines]

    gates = [1 / (1 + math.exp(-v)) for v in linear(network.gate, pooled)]
    fresh = [max(v, 0.0) for v in linear(network.transform, pooled)]
    passed = [t * h + (1 - t) * c for t, h, c in zip(gates, fresh, pooled, strict=True)]
    return linear(network.output, linear(network.narrow, passed))[0]


@pytest.mark.parametrize(("views", "embedding"), [(3, 6), (6, 6), (1, 4)])
@torch.no_grad()
def test_against_the_plain_version(views: int, embedding: int) -> None:
    """Each view sees its own columns of the embedding, and all share every weight; nothing is averaged before."""
    network, x = small(views, embedding), rows(0)
    outputs = network(x)
    lists = [row[:length].tolist() for row, length in zip(x.tokens, x.lengths.tolist(), strict=True)]
    expected = [[plainly(network, row, view) for view in range(views)] for row in lists]
    assert outputs["views"].tolist() == [pytest.approx(row, abs=1e-9) for row in expected]
    torch.testing.assert_close(outputs["logits"], outputs["views"].mean(1))
    # The last layer is linear: the mean opinion is that of the mean features.
    torch.testing.assert_close(network.output(outputs["features"]).squeeze(1), outputs["logits"])


@pytest.mark.parametrize("game", GAMES, ids=lambda game: type(game).__name__)
@torch.no_grad()
def test_permuting_views_changes_no_loss(game) -> None:
    """With their embedding columns, of course: the same views in another order."""
    network, real, fake = small(), rows(1), rows(2)
    before = [network(real), network(fake)]
    order = torch.tensor([2, 0, 1])
    matrix = network.embedding.weight.unflatten(1, (3, -1))[:, order].flatten(1).clone()
    network.embedding.weight.copy_(matrix)
    after = [network(real), network(fake)]
    torch.testing.assert_close(after[0]["views"], before[0]["views"][:, order])
    for play in (lambda a, b: game.discriminator(a, b), lambda a, b: game.generator(b, a)):
        one, other = (
            play(*(Judged(o, x) for o, x in zip(said, (real, fake), strict=True))) for said in (before, after)
        )
        torch.testing.assert_close(one[0], other[0])


@pytest.mark.parametrize("game", GAMES, ids=lambda game: type(game).__name__)
def test_every_game_is_the_mean_of_the_views_games(game) -> None:
    """Each view plays by itself: the loss of the mean opinion is another number wherever the loss is curved."""
    torch.manual_seed(0)
    real, fake = torch.randn(2, 6, 4, dtype=torch.float64)

    def judged(views: Tensor) -> Judged:
        return Judged({"logits": views.mean(1), "views": views}, rows(0))

    def alone(logits: Tensor) -> Judged:
        return Judged({"logits": logits}, rows(0))

    for play in (game.discriminator, lambda r, f: game.generator(f, r)):
        whole, metrics = play(judged(real), judged(fake))
        parts = [play(alone(real[:, s]), alone(fake[:, s]))[0] for s in range(4)]
        torch.testing.assert_close(whole, torch.stack(parts).mean())
        assert all(value.shape == () for value in metrics.values())
    averaged = game.discriminator(alone(real.mean(1)), alone(fake.mean(1)))[0]
    apart = (averaged - game.discriminator(judged(real), judged(fake))[0]).abs()
    assert (apart < 1e-12) == isinstance(game, Wasserstein)


def test_an_undecided_judge_still_moves_the_generator() -> None:
    """D(real) = D(fake): both losses are log 2, and the slope at each fake view is -1/2 over their number."""
    x = rows(0)
    views = torch.randn(6, 4, dtype=torch.float64)
    fake = views.clone().requires_grad_()
    game, sides = Relativistic(), [Judged({"logits": v.mean(1), "views": v}, x) for v in (views, fake)]
    assert game.discriminator(*sides)[0].item() == pytest.approx(math.log(2))
    loss, _ = game.generator(sides[1], sides[0])
    assert loss.item() == pytest.approx(math.log(2))
    torch.testing.assert_close(torch.autograd.grad(loss, fake)[0], torch.full_like(fake, -0.5 / 24))


def test_the_papers_size() -> None:
    """64 views of width 1, filters of 1 x width shared by all; convolutions start wider than the linear layers."""
    torch.manual_seed(0)
    network = MultiView(Spec(vocab_size=500, max_length=20))
    assert [tuple(c.weight.shape) for c in network.convolutions] == [(300, 1, width) for width in (2, 3, 4, 5)]
    assert network.transform.weight.shape == network.gate.weight.shape == (1200, 1200)
    assert (network.narrow.out_features, network.output.in_features, network.dropout.p) == (100, 100, 0.25)
    for weight, std in [
        (network.embedding.weight, 500**-0.5), (network.convolutions[3].weight, (2 / 5) ** 0.5),
        (network.gate.weight, 1200**-0.5), (network.narrow.weight, 1200**-0.5),
    ]:  # fmt: skip
        assert weight.std().item() == pytest.approx(0.8796 * std, rel=0.05)
    with pytest.raises(ValueError, match="cannot be cut into 64 equal views"):
        MultiView(SPEC, embedding=100)
    with pytest.raises(ValueError, match="4 widths but 1 filter numbers"):
        MultiView(SPEC, filters=[3])
