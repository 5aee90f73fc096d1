"""Convolutions over time by products at each frequency, for windows that are wide beside the sequence.

A convolution of T tokens with windows of w is, by the convolution theorem, a product at each of T/2 + 1 frequencies: T
products stand in for (T - w + 1) w. T places are as many as are needed, since windows that would wrap around are never
read. A complex product is made of three real ones (Gauss), so that R = 1.5 T - 1 real matrix products of [B,E] with
[E,C] do it all; the transforms themselves are products with small constant matrices.

Axes: B batch, T time, E embedding, P windows, w width, C filters of one width, R real products.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["Spectrum", "pays"]

# What a product at a frequency costs beside one of a long row of numbers (measured).
COST = 1.4


def pays(length: int, width: int, embedding: int) -> bool:
    """Return whether frequencies cost less than one product a window.

    >>> [width for width in range(1, 21) if pays(20, width, 64)] == list(range(3, 19))
    True
    """
    windows = length - width + 1
    return COST * products(length) * (embedding + windows) < width * windows * embedding


def products(length: int) -> int:
    """Return the number of real products, R."""
    return 3 * (length // 2) + 1 - (2 if length % 2 == 0 else 0)


@lru_cache(maxsize=16)
def _transforms(length: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return what leads to the products from a signal [R,T] and from a window [R,T], and from them to answers [T,R]."""
    times = torch.arange(length, dtype=torch.float64)
    signal, window, answer = [], [], []
    for k in range(length // 2 + 1):
        angle = 2 * math.pi * k / length * times
        real, imaginary = angle.cos(), angle.sin()
        if 2 * k % length == 0:
            signal.append(real)
            window.append(real)
            answer.append(real / length)
            continue
        # (a + ib)(c + id) with k1 = (a + b) c, k2 = a (d - c), k3 = b (c + d): real k1 - k3, imaginary k1 + k2.
        # The signal's b is -sin; the window's is conjugated, as a convolution here is a correlation.
        signal += [real - imaginary, real, -imaginary]
        window += [real, imaginary - real, real + imaginary]
        answer += [2 / length * part for part in (real - imaginary, -imaginary, -real)]
    return torch.stack(signal), torch.stack(window), torch.stack(answer, dim=1)


class Spectrum:
    """A signal that is transformed once for the filters of every width.

    Args:
        signal: Embedded tokens, time first [T,B,E].
    """

    def __init__(self, signal: Float[Tensor, "T B E"]) -> None:
        self.length, self.rows, self.embedding = signal.shape
        self.signal, self.window, self.answer = (part.to(signal) for part in _transforms(self.length))
        self.transformed = (self.signal @ signal.flatten(1)).view(-1, self.rows, self.embedding)

    def answers(self, weight: Float[Tensor, "C wE"]) -> Float[Tensor, "P B C"]:
        """Return what each filter, a row as `windows.matrix` gives it, answers to every window, without the bias."""
        count, width = len(weight), weight.shape[1] // self.embedding
        taps = weight.view(count, width, -1).transpose(0, 1).flatten(1)
        filters = (self.window[:, :width] @ taps).view(-1, count, self.embedding)
        multiplied = torch.bmm(self.transformed, filters.mT).flatten(1)
        return (self.answer[: self.length - width + 1] @ multiplied).view(-1, self.rows, count)
