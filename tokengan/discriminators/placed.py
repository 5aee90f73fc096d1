"""The gradient of largest answers: of a product of each filter with the one window that it answered most to.

A convolution's own gradient has T - w + 1 such products in a row, all but one of them with zero. Where a row has many
windows, those that count are looked up and summed. Elsewhere a matrix that is zero but at the places is multiplied.

Axes: B batch, T time, E embedding, P windows, w width, C filters of one width, F all filters.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import embedding_bag

from tokengan.discriminators.windows import windows_of

__all__ = ["placed"]

# Windows in a row below which a product with all of them costs less than looking up the ones that count (measured).
FEW = 4
# Numbers in a token's vector from which on looking one up costs what its numbers do: a line of the cache.
LINE = 16


def placed(
    largest: Float[Tensor, "B F"], places: Int[Tensor, "B F"], signal: Float[Tensor, "B T E"], weights: Sequence[Tensor]
) -> Float[Tensor, "B F"]:
    """Return `largest`, found without a graph, as what it is: each filter times the window of the row at its place.

    `weights` are the filters of each width, as `windows.matrix` gives them; `signal` is contiguous.
    """
    return _Placed.apply(largest, places, signal, *weights)  # pyright: ignore[reportReturnType]


class _Placed(torch.autograd.Function):
    @staticmethod
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, largest: Tensor, places: Tensor, signal: Tensor, *weights: Tensor
    ) -> Tensor:
        ctx.save_for_backward(places, signal, *weights)
        return largest.view_as(largest)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        places, signal, *weights = ctx.saved_tensors
        _, _, moves_signal, *moves_weights = ctx.needs_input_grad
        kind = weights[0].dtype
        chosen = _Chosen(gradients[0].to(kind), places, signal.to(kind), weights)
        to_signal = chosen.to_signal().to(signal.dtype) if moves_signal else None
        to_weights = (chosen.to_weight(k) if moves else None for k, moves in enumerate(moves_weights))
        return None, None, to_signal, *to_weights


class _Chosen:
    """Which window each filter has chosen in each row; filters of one width and their windows are spans of all."""

    def __init__(self, gradient: Tensor, places: Tensor, signal: Tensor, weights: Sequence[Tensor]) -> None:
        self.gradient, self.places, self.signal, self.weights = gradient, places, signal, weights
        self.rows, self.length, self.embedding = signal.shape
        self.widths = [weight.shape[1] // self.embedding for weight in weights]
        self.counts = [self.length - width + 1 for width in self.widths]
        self.windows, self.filters = _spans(self.counts), _spans([len(weight) for weight in weights])
        self.row = torch.arange(self.rows, dtype=torch.int32, device=signal.device).unsqueeze(1)
        # A graph of the gradient, and a GPU, want products alone.
        self.products = torch.is_grad_enabled() or signal.device.type != "cpu" or not self.rows

    def to_signal(self) -> Float[Tensor, "B T E"]:
        total = torch.zeros_like(self.signal)
        for k, count in enumerate(self.counts):
            for place, tap in enumerate(self._taps(k)):
                total[:, place : place + count].add_(tap)  # `+=` would copy the slice onto itself
        return total

    def to_weight(self, k: int) -> Float[Tensor, "C wE"]:
        if self._few(k):
            return self._matrix(k).T @ windows_of(self.signal, self.widths[k]).flatten(0, 1)
        step = self._step(k)
        # So many tokens of a row, one after another, lie in its memory as they are.
        table = self.signal.as_strided((self.rows * self.length - step + 1, step * self.embedding), (self.embedding, 1))
        starts, amounts = (part[self.filters[k]].unsqueeze(1) for part in self._by_filter)
        tokens = starts + torch.arange(0, self.widths[k], step, dtype=torch.int32).unsqueeze(1)
        found = embedding_bag(
            tokens.flatten(0, 1), table, mode="sum", per_sample_weights=amounts.expand_as(tokens).flatten(0, 1)
        )
        return found.view(len(self.weights[k]), -1)

    def _few(self, k: int) -> bool:
        return self.products or self.counts[k] < FEW

    def _step(self, k: int) -> int:
        """Return how many tokens of a window are looked up at once: all, where one has few numbers."""
        return 1 if self.embedding >= LINE else self.widths[k]

    def _matrix(self, k: int) -> Float[Tensor, "BP C"]:
        gradient, places = self.gradient[:, self.filters[k]], self.places[:, self.filters[k]].long()
        blank = gradient.new_zeros(self.rows, self.counts[k], gradient.shape[1])
        return blank.scatter(1, places.unsqueeze(1), gradient.unsqueeze(1)).flatten(0, 1)

    def _taps(self, k: int) -> Iterator[Float[Tensor, "B P E"]]:
        """Yield the gradients to the first token of each window, to the second, and so on."""
        weight, rows, count = self.weights[k], self.rows, self.counts[k]
        if self._few(k):
            yield from (self._matrix(k) @ weight).view(rows, count, self.widths[k], self.embedding).unbind(2)
            return
        chosen, amounts, number = self._by_window
        own, number = self.filters[k], number[:, self.windows[k]].flatten()
        chosen, amounts = (chosen[:, own] - own.start).flatten(), amounts[:, own].flatten()
        starts = (number.cumsum(0) - number).int()
        step = self._step(k)
        for part in weight.split(step * self.embedding, dim=1):
            found = embedding_bag(chosen, part.contiguous(), starts, mode="sum", per_sample_weights=amounts)
            yield from found.view(rows, count, step, self.embedding).unbind(2)

    @cached_property
    def _by_filter(self) -> tuple[Int[Tensor, "F B"], Float[Tensor, "F B"]]:
        """Where each filter's windows begin, and what they count."""
        return (self.row * self.length + self.places).T.contiguous(), self.gradient.T.contiguous()

    @cached_property
    def _by_window(self) -> tuple[Int[Tensor, "B F"], Float[Tensor, "B F"], Int[Tensor, "B P"]]:
        """The filters of one window after another, what they count, and how many each window has."""
        filters, windows = self.filters[-1].stop, self.windows[-1].stop
        first = [span.start for span, own in zip(self.windows, self.weights, strict=True) for _ in range(len(own))]
        keys = (self.places + torch.tensor(first, dtype=torch.int32)) * filters
        keys += torch.arange(filters, dtype=torch.int32)
        for own in self.filters:
            # In place. NumPy sorts small integers twenty times as fast as PyTorch.
            keys[:, own].numpy().sort(axis=1)
        window = keys.div(filters, rounding_mode="floor")
        chosen = keys - window * filters
        number = torch.bincount((self.row * windows + window).flatten(), minlength=self.rows * windows)
        return chosen, self.gradient.gather(1, chosen.long()), number.view(self.rows, windows)


def _spans(counts: Sequence[int]) -> list[slice]:
    return [slice(first, end) for first, end in pairwise([0, *accumulate(counts)])]
