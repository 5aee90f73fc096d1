"""Maximum mean discrepancy of two sets of vectors under a Gaussian kernel, without bias.

    MMD^2 = mean_{i != j} k(x_i, x_j) + mean_{i != j} k(y_i, y_j) - 2 mean_{i, j} k(x_i, y_j),
    k(x, y) = exp(-|x - y|^2 / (2 s^2)),

Gretton et al. 2012. Its expectation is 0 for two sets of one law, so about half of such sets fall below 0. The width s
is the median distance of pairs of real sentences: it does not move with the samples.

Axes: N, M sentences, H features.
"""

from __future__ import annotations

import math

import numpy as np

from tokengan.metrics.base import Figure, Given
from tokengan.metrics.features import Array, FeatureMetric

__all__ = ["MMD", "mmd", "width_of"]

TILE = 512  # the kernel is computed in squares that stay in the cache
PAIRED = 2000  # sentences whose pairs give the width


def _squares(a: Array, b: Array) -> Array:
    """Return |a - b|^2 [N,M]."""
    return np.maximum(0, (a * a).sum(1)[:, None] + (b * b).sum(1) - 2 * a @ b.T)


def width_of(real: Array) -> float:
    """Return the median distance of different pairs of vectors [N,H], or 1 where that is none or 0."""
    chosen = real[np.random.default_rng(0).permutation(len(real))[:PAIRED]]
    pairs = np.sqrt(_squares(chosen, chosen)[np.triu_indices(len(chosen), 1)])
    return float(np.median(pairs)) or 1.0 if len(pairs) else 1.0


def _sum(a: Array, b: Array, width: float) -> float:
    """Return the sum of the kernel over all pairs; of a set with itself each pair is looked at once."""
    scale = -1 / (2 * width * width)
    squares = [scale * (x * x).sum(1) for x in (a, b)]
    turned, sums = b.T * (-2 * scale), []
    for i in range(0, len(a), TILE):
        rows = slice(i, i + TILE)
        for j in range(i if a is b else 0, len(b), TILE):
            kernel = a[rows] @ turned[:, j : j + TILE]
            kernel += squares[0][rows, None]
            kernel += squares[1][j : j + TILE]
            np.exp(np.minimum(kernel, 0, out=kernel), out=kernel)
            sums.append(float(kernel.sum()) * (2 if a is b and j > i else 1))
    return math.fsum(sums)


def mmd(a: Array, b: Array, width: float) -> float:
    """Return MMD^2 without bias of two sets of vectors; not a number where one has fewer than two.

    >>> far = mmd(np.zeros((3, 1)), np.full((2, 1), 100.0), width=1.0)
    >>> far, mmd(np.zeros((3, 1)), np.zeros((2, 1)), width=1.0)
    (2.0, 0.0)
    """
    n, m = len(a), len(b)
    if min(n, m) < 2:
        return math.nan
    # A vector's kernel with itself is 1.
    within = (_sum(a, a, width) - n) / (n * (n - 1)) + (_sum(b, b, width) - m) / (m * (m - 1))
    return within - 2 * _sum(a, b, width) / (n * m)


class MMD(FeatureMetric):
    """MMD^2 to the reference; 0 is what text of the same law has on average.

    >>> from tokengan.metrics.features import Features, encoder
    >>> texts = Given([["a"]] * 3, [["x", "y"]] * 3, extra={"features": Features(encoder())})
    >>> MMD().compute(texts)[0].value > 0.5
    True
    """

    name = "mmd"
    direction = "lower"
    bounds = (-2.0, 2.0)

    def compute(self, given: Given) -> list[Figure]:
        """Return MMD^2."""
        mine, real = self.vectors(given)
        width = width_of(real)
        note = "" if len(mine) > 1 else "one sentence has no pairs"
        kernel = f"unbiased, gaussian kernel of width {width:.4f} (median of real pairs)"
        return [self.figure("MMD^2", mmd(mine, real, width), given, kernel, *self.parts(given), note=note)]
