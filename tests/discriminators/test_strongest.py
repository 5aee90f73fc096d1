"""The largest answers of filters against PyTorch's own convolution: values, gradients, gradients of gradients."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import conv1d, pad

from tokengan.discriminators import strongest as module
from tokengan.discriminators.spectrum import Spectrum, pays
from tokengan.discriminators.strongest import strongest
from tokengan.discriminators.windows import matrix


def filters(widths: list[int], embedding: int, dtype: torch.dtype = torch.float64) -> nn.ModuleList:
    """Return convolutions of random weights."""
    torch.manual_seed(0)
    return nn.ModuleList(nn.Conv1d(embedding, 3 + width, width, dtype=dtype) for width in widths)


def plainly(signal: Tensor, lengths: Tensor, parts: nn.ModuleList) -> Tensor:
    """Return the same, row by row."""
    rows = []
    for row, length in zip(signal, lengths.tolist(), strict=True):
        pooled = []
        for part in parts:
            kept = row[:length].T
            kept = pad(kept, (0, max(part.kernel_size[0] - length, 0)))
            pooled.append(conv1d(kept[None], part.weight, part.bias)[0].amax(1).relu())
        rows.append(torch.cat(pooled))
    return torch.stack(rows)


@pytest.mark.parametrize("length", [1, 2, 7, 12, 20])
@pytest.mark.parametrize("full", [True, False], ids=["full", "of all lengths"])
def test_values_and_gradients_are_those_of_the_convolution(length, full):
    """Of widths from one to beyond the sequence; the embedding is so wide that frequencies are used where T allows."""
    widths, embedding = [1, 2, 3, 5, 10, 15, 20], 64
    parts = filters([width for width in widths if width <= length + 2], embedding)
    signal = torch.randn(6, length, embedding, dtype=torch.float64, requires_grad=True)
    lengths = torch.full((6,), length) if full else torch.arange(6) % length + 1
    # What stands after the end is zero, as `embed` gives it.
    masked = signal * (torch.arange(length) < lengths.unsqueeze(1)).unsqueeze(2)
    ours, theirs = strongest(masked, lengths, parts), plainly(masked, lengths, parts)
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)
    weights = torch.randn_like(ours)
    moved = [signal, *parts.parameters()]
    one = torch.autograd.grad((ours * weights).sum(), moved, retain_graph=True)
    other = torch.autograd.grad((theirs * weights).sum(), moved)
    torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)
    assert length < 7 or any(pays(length, part.kernel_size[0], embedding) for part in parts)


@pytest.mark.parametrize("embedding", [2, 64])
def test_the_gradient_of_a_gradients_norm_is_the_convolutions(embedding):
    """As a gradient penalty needs it."""
    parts = filters([1, 2, 4], embedding)
    signal, lengths = torch.randn(5, 9, embedding, dtype=torch.float64, requires_grad=True), torch.full((5,), 9)

    def penalty(form) -> tuple[Tensor, ...]:
        slope = torch.autograd.grad(form(signal, lengths, parts).square().sum(), signal, create_graph=True)[0]
        return torch.autograd.grad((slope.norm() - 1).square(), [signal, *parts.parameters()])

    torch.testing.assert_close(penalty(strongest), penalty(plainly), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("length", range(1, 34))
def test_frequencies_give_every_window_in_single_precision(length):
    torch.manual_seed(length)
    signal = torch.randn(length, 3, 8)
    for width in range(1, length + 1):
        part = nn.Conv1d(8, 5, width, bias=False)
        expected = part(signal.permute(1, 2, 0)).permute(2, 0, 1)
        torch.testing.assert_close(Spectrum(signal).answers(matrix(part)), expected, rtol=1e-5, atol=3e-6)


@pytest.mark.parametrize("embedding", [1, 80], ids=["narrow", "wide"])
def test_a_few_rows_at_a_time_are_all_rows_at_once(embedding, monkeypatch):
    parts = filters([2, 3], embedding)
    signal, lengths = torch.randn(23, 6, embedding, dtype=torch.float64, requires_grad=True), torch.arange(23) % 6 + 1
    moved = [signal, *parts.parameters()]
    at_once = strongest(signal, lengths, parts)
    slopes = torch.autograd.grad(at_once.square().sum(), moved)
    monkeypatch.setattr(module, "AT_ONCE", 5 * 6 * 6)  # five rows
    few = strongest(signal, lengths, parts)
    torch.testing.assert_close(few, at_once, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(torch.autograd.grad(few.square().sum(), moved), slopes, rtol=1e-12, atol=1e-12)
    with torch.no_grad():
        torch.testing.assert_close(strongest(signal, lengths, parts), at_once, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("rows", "length"), [(3, 0), (0, 5), (0, 0)])
def test_no_rows_and_rows_of_nothing(rows, length):
    parts, lengths = filters([1, 3], 2), torch.full((rows,), length)
    found = strongest(torch.zeros(rows, length, 2, dtype=torch.float64, requires_grad=True), lengths, parts)
    assert found.shape == (rows, 10)
    assert rows == 0 or torch.equal(found, torch.cat([part.bias.relu() for part in parts]).expand(rows, -1))
    found.sum().backward()


@pytest.mark.parametrize("length", [4, 9])
def test_of_equal_windows_the_first_has_the_gradient(length):
    """As in PyTorch's max pooling; few windows are taken by products, many by looking up."""
    part = nn.Conv1d(1, 1, 1)
    nn.init.ones_(part.weight)
    signal = torch.ones(1, length, 1)
    signal[0, 1:3] = 5
    signal.requires_grad_()
    strongest(signal, torch.tensor([length]), [part]).sum().backward()
    assert signal.grad is not None
    assert signal.grad.flatten().tolist() == [0, 1, 0] + [0] * (length - 3)


@pytest.mark.parametrize("moved", ["signal", "filters"])
def test_only_what_moves_has_a_gradient(moved):
    parts = filters([1, 3, 8], 4)
    parts.requires_grad_(moved == "filters")
    signal = torch.randn(6, 9, 4, dtype=torch.float64, requires_grad=moved == "signal")
    moving = [tensor for tensor in (signal, *parts.parameters()) if tensor.requires_grad]
    full = torch.full((6,), 9)
    ours, theirs = (
        torch.autograd.grad(form(signal, full, parts).square().sum(), moving) for form in (strongest, plainly)
    )
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)


def test_a_row_with_no_number_in_it_stays_inside():
    """A network that has run off to infinity still has places, so that the run can say so."""
    parts, signal = filters([2], 3), torch.full((2, 9, 3), torch.nan, dtype=torch.float64, requires_grad=True)
    found = strongest(signal, torch.tensor([9, 9]), parts)
    assert found.isnan().all()
    found.sum().backward()


def test_half_precision_keeps_to_products_of_windows(monkeypatch):
    """Sums over frequencies cancel, and half precision has no digits to lose."""
    monkeypatch.setattr(module, "Spectrum", None)
    parts, signal = filters([5], 64, torch.float32), torch.randn(2, 20, 64)
    with torch.autocast("cpu", torch.bfloat16):
        low = strongest(signal, torch.tensor([20, 20]), parts)
    monkeypatch.undo()
    torch.testing.assert_close(low.float(), strongest(signal, torch.tensor([20, 20]), parts), rtol=0.05, atol=0.05)
