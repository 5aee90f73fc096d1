"""The largest answer of every filter over the windows of a row: what a convolutional discriminator reads.

Of a row, only the window where a filter's answer is largest moves that filter. So the answers are found without a graph
and thrown away, and what is kept is the place of the largest: the gradient is that of one product of the filter with
that window, where the convolution's own has T - w + 1 of them.

Axes: B batch, T time, E embedding, P windows, w width, C filters of one width, F all filters.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import embedding_bag, max_pool2d, pad

from tokengan.discriminators.spectrum import Spectrum, pays
from tokengan.discriminators.windows import inside, matrix

__all__ = ["strongest"]

# Answers of one width that are held at once: what a processor's cache takes.
AT_ONCE = 2**21
# Windows in a row below which a product with all of them costs less than looking up the ones that count (measured).
FEW = 4


def strongest(
    signal: Float[Tensor, "B T E"], lengths: Int[Tensor, " B"], convolutions: Iterable[nn.Module]
) -> Float[Tensor, "B F"]:
    """Return ReLU of each filter's largest value over the windows of each row [B,F].

    A window counts where it lies wholly inside the row; a row shorter than the window has one, filled up with zeros.
    Of equal windows the first has the gradient, as in max pooling.
    """
    parts = [part for part in convolutions if isinstance(part, nn.Conv1d)]
    short = max(part.kernel_size[0] for part in parts) - signal.shape[1]
    signal = (pad(signal, (0, 0, 0, short)) if short > 0 else signal).contiguous()
    weights = [matrix(part) for part in parts]
    largest, places = _found(signal, lengths, weights)
    if torch.is_grad_enabled():
        apart = (of.split([len(weight) for weight in weights], dim=1) for of in (largest, places))
        moves = [_Placed.apply(signal, *of) for of in zip(weights, *apart, strict=True)]
        largest = torch.cat(moves, dim=1)  # pyright: ignore[reportArgumentType]
    # The bias and ReLU commute with the maximum, and after it there are T times fewer numbers.
    return (largest + torch.cat([part.bias for part in parts if part.bias is not None])).relu()


# ---- what is found


@torch.no_grad()
def _found(
    signal: Float[Tensor, "B T E"], lengths: Int[Tensor, " B"], weights: Sequence[Tensor]
) -> tuple[Float[Tensor, "B F"], Int[Tensor, "B F"]]:
    """Return the largest answers and the windows they are to, a few rows at a time."""
    rows = max(AT_ONCE // (signal.shape[1] * max(map(len, weights))), 1)
    pieces = [_largest(*piece, weights) for piece in zip(signal.split(rows), lengths.split(rows), strict=True)]
    values, places = zip(*pieces, strict=True)
    return torch.cat(values), torch.cat(places)


def _largest(signal: Tensor, lengths: Tensor, weights: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    # Time first: a window is a few whole blocks, and the largest of blocks is found many numbers at a time.
    signal = signal.transpose(0, 1).contiguous()
    length, _, embedding = signal.shape
    whole = bool((lengths == length).all())
    # A GPU's products are cheap, and sums over frequencies want all digits of single precision.
    exact = signal.device.type == "cpu" and not torch.is_autocast_enabled("cpu")
    spectrum: Spectrum | None = None
    values: list[Tensor] = []
    places: list[Tensor] = []
    for weight in weights:
        width = weight.shape[1] // embedding
        if exact and pays(length, width, embedding):
            spectrum = spectrum or Spectrum(signal)
            answers = spectrum.answers(weight)
        else:
            answers = signal.unfold(0, width, 1).transpose(2, 3).flatten(2) @ weight.T
        if not whole:
            counted = inside(len(answers), width, lengths).T.unsqueeze(2)
            answers = answers.masked_fill(~counted, torch.finfo(answers.dtype).min)
        value, place = _max(answers)
        values.append(value)
        places.append(place)
    return torch.cat(values, dim=1), torch.cat(places, dim=1)


def _max(answers: Float[Tensor, "P B C"]) -> tuple[Float[Tensor, "B C"], Int[Tensor, "B C"]]:
    """Return the maximum over the first axis and its place. `max` itself takes ten times as long on a CPU."""
    if not answers.numel():
        value, place = answers.max(0)
        return value, place
    pixels = answers.view(1, len(answers), 1, -1).permute(0, 3, 1, 2)
    value, place = max_pool2d(pixels, (len(answers), 1), return_indices=True)
    return value.view(answers.shape[1:]), place.view(answers.shape[1:])


# ---- its gradient


class _Placed(torch.autograd.Function):
    """Answers found without a graph, with the gradient of what they are: filters times the windows at their places."""

    @staticmethod
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, signal: Tensor, weight: Tensor, largest: Tensor, places: Tensor
    ) -> Tensor:
        ctx.save_for_backward(signal, weight, places)
        return largest.view_as(largest)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        signal, weight, places = ctx.saved_tensors
        moves_signal, moves_weight, *_ = ctx.needs_input_grad
        rows, length, embedding = signal.shape
        width = weight.shape[1] // embedding
        windows = length - width + 1
        # A graph of the gradient, and a GPU, want products alone.
        products = torch.is_grad_enabled() or signal.device.type != "cpu" or windows < FEW or not rows
        form = _Products if products else _Lookups
        chosen = form(signal.to(weight.dtype), weight, places, gradients[0].to(weight.dtype))
        to_signal: Tensor | None = None
        if moves_signal:
            to_signal = torch.zeros_like(signal, dtype=weight.dtype)
            taps = chosen.to_windows().view(rows, windows, width, embedding).unbind(2)
            for k, tap in enumerate(taps):
                to_signal[:, k : k + windows] += tap
            to_signal = to_signal.to(signal.dtype)
        return to_signal, chosen.to_weight() if moves_weight else None, None, None


class _Products:
    """The gradients from a matrix of all windows and filters that is zero but at the places."""

    def __init__(self, signal: Tensor, weight: Tensor, places: Tensor, gradient: Tensor) -> None:
        width = weight.shape[1] // signal.shape[2]
        self.windows, self.weight = signal.unfold(1, width, 1).transpose(2, 3).flatten(2), weight
        blank = gradient.new_zeros(*self.windows.shape[:2], len(weight))
        self.chosen = blank.scatter(1, places.unsqueeze(1), gradient.unsqueeze(1)).flatten(0, 1)

    def to_weight(self) -> Float[Tensor, "C wE"]:
        return self.chosen.T @ self.windows.flatten(0, 1)

    def to_windows(self) -> Float[Tensor, "BP wE"]:
        return self.chosen @ self.weight


class _Lookups:
    """The same gradients from the windows of each filter and the filters of each window, looked up and summed."""

    def __init__(self, signal: Tensor, weight: Tensor, places: Tensor, gradient: Tensor) -> None:
        self.signal, self.weight, self.places, self.gradient = signal, weight, places, gradient
        self.windows = signal.shape[1] - weight.shape[1] // signal.shape[2] + 1
        self.row = torch.arange(len(signal)).unsqueeze(1)

    def to_weight(self) -> Float[Tensor, "C wE"]:
        length, embedding = self.signal.shape[1:]
        count = (len(self.signal) - 1) * length + self.windows
        # A window of a row lies in its memory as it is.
        table = self.signal.as_strided((count, self.weight.shape[1]), (embedding, 1))
        starts = self.row * length + self.places
        return embedding_bag(starts.T, table, mode="sum", per_sample_weights=self.gradient.T)

    def to_windows(self) -> Float[Tensor, "BP wE"]:
        filters = len(self.weight)
        # The filters of a window side by side. NumPy sorts small integers twenty times as fast as PyTorch.
        keys = (self.places * filters + torch.arange(filters)).int()
        ordered = torch.from_numpy(np.sort(keys.numpy(), axis=1))
        place = ordered.div(filters, rounding_mode="floor")
        chosen = (ordered - place * filters).long()
        number = torch.bincount((self.row * self.windows + place).flatten(), minlength=len(keys) * self.windows)
        amounts = self.gradient.gather(1, chosen).flatten()
        starts = number.cumsum(0) - number
        return embedding_bag(chosen.flatten(), self.weight, starts, mode="sum", per_sample_weights=amounts)
