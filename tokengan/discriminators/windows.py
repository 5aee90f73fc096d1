"""Largest answers of convolutions over all windows of a prefix: for every prefix at once, and one token at a time.

A window counts where it lies wholly inside the prefix; a prefix shorter than the window has one, filled up with zeros.
Both forms are the same matrix products, so that they agree whatever a device's convolutions do.

Axes: B batch, T time, E embedding, P windows, W widest window, C filters of one width, F all filters.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import linear

from tokengan.generators.base import State

__all__ = ["begin", "inside", "matrix", "maxima", "read_on", "windows_of"]


def inside(windows: int, width: int, lengths: Int[Tensor, " B"]) -> Bool[Tensor, "B P"]:
    """Return which windows of each row count: those wholly inside it, and always the first.

    >>> inside(3, 2, torch.tensor([4, 3, 1])).tolist()
    [[True, True, True], [True, True, False], [True, False, False]]
    """
    return torch.arange(windows, device=lengths.device) <= (lengths.unsqueeze(1) - width).clamp(min=0)


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
            windows = linear(windows_of(embedded, width), matrix(convolution), bias)
            counted = inside(windows.shape[1], width, lengths)
            windows = windows.masked_fill(~counted.unsqueeze(2), torch.finfo(windows.dtype).min)
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
        "recent": bias.new_zeros(rows, widest, embedding),
        "open": torch.ones(rows, dtype=torch.bool, device=bias.device),
    }
    return State(empty, {"read": 0, "matrices": [matrix(convolution) for convolution in convolutions]})


def read_on(
    vector: Float[Tensor, "B E"], state: State, convolutions: Iterable[nn.Conv1d]
) -> tuple[Float[Tensor, "B F"], State]:
    """Return the largest answers [B,F] after one more token, and the state with it; rows not `open` stay as they are.

    `recent` [B,W,E] holds the last W tokens, from the left while there are fewer: a window is a slice, never copied.
    """
    recent, largest, read = state.rows["recent"], state.rows["largest"], state.shared["read"]
    if read < recent.shape[1]:
        recent = recent.clone()
        recent[:, read] = vector
    else:
        recent = torch.cat([recent[:, 1:], vector.unsqueeze(1)], dim=1)
    read, end = read + 1, min(read + 1, recent.shape[1])
    answers: list[Tensor] = []
    convolutions, matrices = list(convolutions), state.shared["matrices"]
    befores = largest.split([convolution.out_channels for convolution in convolutions], dim=1)
    for convolution, weight, before in zip(convolutions, matrices, befores, strict=True):
        width = convolution.kernel_size[0]
        first = max(end - width, 0)
        answer = linear(recent[:, first : first + width].flatten(1), weight, convolution.bias)
        answers.append(answer if read <= width else torch.maximum(before, answer))
    largest = torch.where(state.rows["open"].unsqueeze(1), torch.cat(answers, dim=1), largest)
    return largest, State({**state.rows, "recent": recent, "largest": largest}, {**state.shared, "read": read})


def matrix(convolution: nn.Conv1d) -> Float[Tensor, "C wE"]:
    """Return the filters as rows for windows laid out token after token."""
    return convolution.weight.transpose(1, 2).flatten(1)


def windows_of(signal: Float[Tensor, "A1 A2 E"], width: int, axis: int = 1) -> Float[Tensor, "P1 P2 wE"]:
    """Return all windows over time, which is one of the first two axes, laid out token after token as `matrix` is."""
    return signal.unfold(axis, width, 1).transpose(2, 3).flatten(2)
