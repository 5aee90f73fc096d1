"""The largest answer of every filter over the windows of a row: what a convolutional discriminator reads.

Only the window where a filter's answer is largest moves that filter. So answers are found without a graph and thrown
away, and what is kept is the place of the largest (`placed`).

Axes: B batch, T time, E embedding, P windows, w width, C filters of one width, F all filters.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import max_pool2d, pad

from tokengan.discriminators.placed import placed
from tokengan.discriminators.spectrum import Spectrum, pays
from tokengan.discriminators.windows import inside, matrix, windows_of

__all__ = ["strongest"]

# Answers of one width that are held at once: what a processor's cache takes.
AT_ONCE = 2**21


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
        largest = placed(largest, places, signal, weights)
    # The bias and ReLU commute with the maximum, and after it there are T times fewer numbers.
    return (largest + torch.cat([part.bias for part in parts if part.bias is not None])).relu()


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
            answers = windows_of(signal, width, axis=0) @ weight.T
        if not whole:
            counted = inside(len(answers), width, lengths).T.unsqueeze(2)
            answers = answers.masked_fill(~counted, torch.finfo(answers.dtype).min)
        value, place = _max(answers)
        values.append(value)
        places.append(place)
    return torch.cat(values, dim=1), torch.cat(places, dim=1).int()


def _max(answers: Float[Tensor, "P B C"]) -> tuple[Float[Tensor, "B C"], Int[Tensor, "B C"]]:
    """Return the maximum over the first axis and its place."""
    if answers.device.type != "cpu" or not answers.numel():
        value, place = answers.max(0)
        return value, place
    # Which takes ten times as long on a CPU as pooling over one column of many channels.
    pixels = answers.view(1, len(answers), 1, -1).permute(0, 3, 1, 2)
    value, place = max_pool2d(pixels, (len(answers), 1), return_indices=True)
    return value.view(answers.shape[1:]), place.view(answers.shape[1:])
