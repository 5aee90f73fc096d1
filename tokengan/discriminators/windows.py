"""Largest answers of convolutions over all windows of a prefix: for every prefix at once, and one token at a time.

A window counts where it lies wholly inside the prefix; a prefix shorter than the window has one, filled up with zeros.
Both forms are the same matrix products, so that they agree whatever a device's convolutions do.

Axes: B batch, T time, E embedding, P windows, W widest window, C filters of one width, F all filters.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import linear

from tokengan.generators.base import State

__all__ = ["begin", "maxima", "read_on"]


def maxima(
    embedded: Float[Tensor, "B T E"], lengths: Int[Tensor, " B"], convolutions: Iterable[nn.Conv1d]
) -> Float[Tensor, "B T1 F"]:
    """Return the largest answer of each filter to the first 0 to T tokens [B,T+1,F]; `embedded` is 0 after the end."""
    signal, length = embedded.transpose(1, 2), embedded.shape[1]
    pooled: list[Tensor] = []
    for convolution in convolutions:
        weight, bias, width = convolution.weight, convolution.bias, convolution.kernel_size[0]
        assert bias is not None
        # The first window while it fills: what each of its tokens adds, summed up.
        added = torch.einsum("bek,cek->bkc", signal[:, :, :width], weight[:, :, :length]).cumsum(1)
        filling = torch.cat([torch.zeros_like(bias).expand(len(signal), 1, -1), added], dim=1) + bias
        if length > width:
            windows = linear(signal.unfold(2, width, 1).transpose(1, 2).flatten(2), weight.flatten(1), bias)
            inside = torch.arange(windows.shape[1], device=lengths.device) <= (lengths.unsqueeze(1) - width).clamp(
                min=0
            )
            windows = windows.masked_fill(~inside.unsqueeze(2), torch.finfo(windows.dtype).min)
            filling = torch.cat([filling[:, :width], windows.cummax(1).values], dim=1)
        pooled.append(filling)
    return torch.cat(pooled, dim=2)


def begin(rows: int, embedding: int, convolutions: Iterable[nn.Conv1d]) -> State:
    """Return the state before the first token: the answers to nothing, and a widest window that is empty."""
    convolutions = list(convolutions)
    bias = torch.cat([convolution.bias for convolution in convolutions if convolution.bias is not None])
    widest = max(convolution.kernel_size[0] for convolution in convolutions)
    empty = {
        "largest": bias.expand(rows, -1),
        "recent": bias.new_zeros(rows, embedding, widest),
        "open": torch.ones(rows, dtype=torch.bool, device=bias.device),
    }
    return State(empty, {"read": 0})


def read_on(
    vector: Float[Tensor, "B E"], state: State, convolutions: Iterable[nn.Conv1d]
) -> tuple[Float[Tensor, "B F"], State]:
    """Return the largest answers [B,F] after one more token, and the state with it; rows not `open` stay as they are.

    `recent` [B,E,W] holds the last W tokens, from the left while there are fewer.
    """
    recent, largest, read = state.rows["recent"], state.rows["largest"], state.shared["read"]
    if read < recent.shape[2]:
        recent = recent.clone()
        recent[:, :, read] = vector
    else:
        recent = torch.cat([recent[:, :, 1:], vector.unsqueeze(2)], dim=2)
    read, end = read + 1, min(read + 1, recent.shape[2])
    answers: list[Tensor] = []
    for convolution, before in zip(convolutions, largest.split([c.out_channels for c in convolutions], 1), strict=True):
        width = convolution.kernel_size[0]
        first = max(end - width, 0)
        window = recent[:, :, first : first + width].flatten(1)
        answer = linear(window, convolution.weight.flatten(1), convolution.bias)
        answers.append(answer if read <= width else torch.maximum(before, answer))
    largest = torch.where(state.rows["open"].unsqueeze(1), torch.cat(answers, dim=1), largest)
    return largest, State({**state.rows, "recent": recent, "largest": largest}, {"read": read})
