"""The largest answer of every filter over the windows of a row: what a convolutional discriminator reads.

Axes: B batch, T time, E embedding, P windows, w width, C filters of one width, F all filters.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import pad
from torch.utils.checkpoint import checkpoint

from tokengan.discriminators.spectrum import Spectrum, pays
from tokengan.discriminators.windows import inside, matrix

__all__ = ["strongest"]

# Answers of one width that are held at once: what a processor's cache takes.
AT_ONCE = 2**21
# Numbers in a window up to which its answers are made again for the gradient, which costs no more than fetching them.
NARROW = 64


def strongest(
    signal: Float[Tensor, "B T E"], lengths: Int[Tensor, " B"], convolutions: Iterable[nn.Module]
) -> Float[Tensor, "B F"]:
    """Return ReLU of each filter's largest value over the windows of each row [B,F].

    A window counts where it lies wholly inside the row; a row shorter than the window has one, filled up with zeros.
    """
    parts = [part for part in convolutions if isinstance(part, nn.Conv1d)]
    answers = max(signal.shape[1], 1) * max(part.out_channels for part in parts)
    rows = max(AT_ONCE // answers, 1)
    narrow = signal.shape[2] * max(part.kernel_size[0] for part in parts) <= NARROW
    if len(signal) <= rows or (torch.is_grad_enabled() and not narrow):
        return _strongest(signal, lengths, parts)
    pieces = zip(signal.split(rows), lengths.split(rows), strict=True)
    if not torch.is_grad_enabled():
        return torch.cat([_strongest(*piece, parts) for piece in pieces])
    again = partial(checkpoint, _strongest, use_reentrant=False, preserve_rng_state=False)
    return torch.cat([again(*piece, parts) for piece in pieces])


def _strongest(signal: Tensor, lengths: Tensor, parts: Sequence[nn.Conv1d]) -> Tensor:
    short = max(part.kernel_size[0] for part in parts) - signal.shape[1]
    signal = pad(signal, (0, 0, 0, short)) if short > 0 else signal
    # Time first: a window is a few whole blocks, and the largest of blocks is found many numbers at a time.
    signal = signal.transpose(0, 1).contiguous()
    length, _, embedding = signal.shape
    whole = bool((lengths == length).all())
    # A GPU's products are cheap, and sums over frequencies want all digits of single precision.
    exact = signal.device.type == "cpu" and not torch.is_autocast_enabled("cpu")
    spectrum: Spectrum | None = None
    pooled: list[Tensor] = []
    for part in parts:
        width, bias = part.kernel_size[0], part.bias
        assert bias is not None
        if exact and pays(length, width, embedding):
            spectrum = spectrum or Spectrum(signal)
            answers = spectrum.answers(part)
        else:
            answers = _windows(signal, width) @ matrix(part).T
        if not whole:
            counted = inside(len(answers), width, lengths).T.unsqueeze(2)
            answers = answers.masked_fill(~counted, torch.finfo(answers.dtype).min)
        # The bias and ReLU commute with the maximum, and after it there are T times fewer numbers.
        pooled.append((_largest(answers) + bias).relu())
    return torch.cat(pooled, dim=1)


class _Windows(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, signal: Tensor, width: int) -> Tensor:
        ctx.width = width
        windows = signal.unfold(0, width, 1).transpose(2, 3)  # [P,B,w,E]
        return windows.flatten(2)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        windows, width = len(gradient), ctx.width
        taps = gradient.unflatten(2, (width, -1)).unbind(2)
        total = gradient.new_zeros(windows + width - 1, *taps[0].shape[1:])
        for k, tap in enumerate(taps):
            total[k : k + windows] += tap
        return total, None


class _Largest(torch.autograd.Function):
    """`amax` over the first axis, whose gradient is shared by equals. PyTorch's own takes three times as long."""

    @staticmethod
    def forward(ctx: Any, answers: Tensor) -> Tensor:
        largest = answers.amax(0)
        ctx.save_for_backward(answers, largest)
        return largest

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        answers, largest = ctx.saved_tensors
        with torch.no_grad():
            equal = torch.eq(answers, largest, out=torch.empty_like(answers))
            number = equal.sum(0)
        share = gradient / number
        return equal * share if torch.is_grad_enabled() else equal.mul_(share)


def _windows(signal: Float[Tensor, "T B E"], width: int) -> Float[Tensor, "P B wE"]:
    """Return the windows of a signal. The gradient is summed block by block, unlike that of `unfold`."""
    return signal if width == 1 else _Windows.apply(signal, width)  # pyright: ignore[reportReturnType]


def _largest(answers: Float[Tensor, "P B C"]) -> Float[Tensor, "B C"]:
    return _Largest.apply(answers)  # pyright: ignore[reportReturnType]
