"""SeqGAN's discriminator against the card (methods/seqgan.md) and a slow plain version."""

from __future__ import annotations

import math

import pytest
import torch

from tokengan.discriminators.cnn import HighwayCNN, published_widths
from tokengan.sequences import Sequences, pad_lists
from tokengan.spec import Spec

SPEC = Spec(vocab_size=9, max_length=8, start=1, end=2, pad=0)


def test_published_widths():
    """T = 20 and T = 32 as published; no width is longer than the sequence."""
    numbers = [100, 200, 200, 200, 200, 100, 100, 100, 100, 100]
    short = dict(zip(range(1, 11), numbers, strict=True))
    assert published_widths(20) == short | {15: 160, 20: 160}
    assert published_widths(32) == short | {16: 160, 24: 160, 32: 160}
    assert published_widths(5) == {1: 100, 2: 200, 3: 200, 4: 200, 5: 200}
    for length in range(1, 60):
        assert max(published_widths(length)) == length


def test_sizes_and_start_at_length_20():
    """F = 1720; two highway matrices of their own; the published starting weights."""
    torch.manual_seed(0)
    network = HighwayCNN(Spec(vocab_size=5000, max_length=20))
    assert network.features == 1720
    assert network.gate.weight.shape == network.transform.weight.shape == (1720, 1720)
    assert network.gate.weight.data_ptr() != network.transform.weight.data_ptr()
    assert not torch.equal(network.gate.weight, network.transform.weight)
    assert network.gate.bias.abs().max() == 0
    embedding = network.embedding.weight
    assert embedding.shape == (5000, 64)
    assert -1 <= embedding.min() < -0.99 < 0.99 < embedding.max() <= 1
    for layer in (*network.convolutions, network.output):
        assert (layer.bias == 0.1).all()
        assert layer.weight.abs().max() <= 0.2
    assert network.dropout.p == 0.25


def test_l2_is_on_the_last_layer_only():
    """0.2 times half the squared norm of its weights and biases (TensorFlow's l2_loss), and its gradient."""
    network = HighwayCNN(SPEC, filters=[2] * 8)
    penalty = network.weight_penalty()
    weights = [*network.output.weight.flatten().tolist(), *network.output.bias.tolist()]
    assert penalty.item() == pytest.approx(0.2 * sum(w * w for w in weights) / 2, rel=1e-6)
    penalty.backward()
    moved = {name for name, parameter in network.named_parameters() if parameter.grad is not None}
    assert moved == {"output.weight", "output.bias"}
    torch.testing.assert_close(network.output.weight.grad, 0.2 * network.output.weight)
    assert HighwayCNN(SPEC, l2=0.0).weight_penalty() == 0


def test_a_number_of_filters_for_every_width():
    """Anything else is refused."""
    with pytest.raises(ValueError, match="2 widths but 1 filter"):
        HighwayCNN(SPEC, widths=[1, 2], filters=[3])
    assert HighwayCNN(SPEC, widths=[2, 12]).features == 200 + 160


def plainly(network: HighwayCNN, words: list[int]) -> tuple[float, list[float]]:
    """Return the logit and the features (after the highway) of one sequence, window by window, number by number."""
    pooled: list[float] = []
    for width, convolution in zip(network.widths, network.convolutions, strict=True):
        vectors = [network.embedding.weight[word].tolist() for word in words]
        vectors += [[0.0] * network.embedding.embedding_dim] * (width - len(words))
        for weight, bias in zip(convolution.weight.tolist(), convolution.bias.tolist(), strict=True):
            best = 0.0
            for first in range(len(vectors) - width + 1):
                total = bias
                for k in range(width):
                    total += sum(weight[e][k] * value for e, value in enumerate(vectors[first + k]))
                best = max(best, total)
            pooled.append(best)

    def linear(layer: torch.nn.Linear, values: list[float]) -> list[float]:
        rows = zip(layer.weight.tolist(), layer.bias.tolist(), strict=True)
        return [bias + sum(w * v for w, v in zip(row, values, strict=True)) for row, bias in rows]

    gates = [1 / (1 + math.exp(-value)) for value in linear(network.gate, pooled)]
    candidates = [max(value, 0.0) for value in linear(network.transform, pooled)]
    highway = [t * h + (1 - t) * c for t, h, c in zip(gates, candidates, pooled, strict=True)]
    fake, real = linear(network.output, highway)
    probability = math.exp(real) / (math.exp(fake) + math.exp(real))
    return math.log(probability / (1 - probability)), highway


@pytest.mark.parametrize("widths", [[1, 2, 3], [2, 5, 8], [3, 11]], ids=str)
@torch.no_grad()
def test_against_the_plain_version(widths):
    """Rows of all lengths, shorter than the windows too; random biases, so that a window of zeros is not silent."""
    torch.manual_seed(1)
    network = HighwayCNN(SPEC, embedding=3, widths=widths, filters=[4] * len(widths)).eval().double()
    for parameter in network.parameters():
        parameter.normal_(std=0.5)
    rows = [[5, 6, 7, 8, 3, 4, 5, 2], [2], [3, 2], [4, 4, 2], [8, 7, 6, 5, 2], [5, 6, 7, 8, 3, 4, 5, 5]]
    outputs = network(Sequences(*pad_lists(rows, pad=0)))
    for row, logit, features in zip(rows, outputs["logits"], outputs["features"], strict=True):
        expected, highway = plainly(network, row)
        assert logit.item() == pytest.approx(expected, abs=1e-9)
        assert features.tolist() == pytest.approx(highway, abs=1e-9)
    whole = network(Sequences(*pad_lists([rows[0], rows[5]], pad=0)))  # no padding at all
    torch.testing.assert_close(whole["logits"], outputs["logits"][[0, 5]], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("widths", [(1, 2, 3), (2, 9)])
def test_looking_up_is_the_convolution_whatever_the_lengths(full, widths):
    torch.manual_seed(0)
    spec = Spec(vocab_size=11, max_length=7)
    judge = HighwayCNN(spec, embedding=5, widths=widths, filters=[4] * len(widths)).eval()
    lengths = torch.full((40,), 7) if full else torch.randint(1, 8, (40,))
    mask = torch.arange(7) < lengths.unsqueeze(1)
    x = Sequences(torch.randint(11, (40, 7)), mask)
    with torch.no_grad():
        expected = judge(x)
        with judge.steady(40):
            assert judge._tables is not None
            found = judge(x)
            padded = judge(x.replace(tokens=x.tokens.masked_fill(~mask, 3)))
        assert judge._tables is None
    for name in ("logits", "features"):
        torch.testing.assert_close(found[name], expected[name], atol=1e-6, rtol=1e-5)
        assert torch.equal(found[name], padded[name])


def test_tables_are_not_used_for_a_gradient_nor_after_a_change_nor_for_a_few_rows():
    spec = Spec(vocab_size=11, max_length=7)
    judge = HighwayCNN(spec, embedding=5, widths=(2,), filters=(4,)).eval()
    x = Sequences(torch.randint(11, (4, 7)), torch.ones(4, 7, dtype=torch.bool))
    with judge.steady(1000):
        assert judge(x)["logits"].requires_grad
    with torch.no_grad():
        judge.convolutions[0].weight += 1
        expected = judge(x)["logits"]
        with judge.steady(1000):
            torch.testing.assert_close(judge(x)["logits"], expected)
    with judge.steady(1):
        assert judge._tables is None
    with pytest.raises(KeyError), judge.steady(1000):
        raise KeyError
    assert judge._tables is None
