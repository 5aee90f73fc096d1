"""k-means, the same for the same points and seed, in whatever order the points come.

Axes: N points, U different points, K clusters, H features.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tokengan.metrics.features import Array

__all__ = ["kmeans"]

ROUNDS = 25
AT_ONCE = 1024  # points whose distances to all centres are held together


def kmeans(points: Array, clusters: int, seed: int = 0, rounds: int = ROUNDS) -> NDArray[np.int64]:
    """Return the cluster of each point [N], by Lloyd's steps from centres drawn among the different points.

    Equal points are never parted, and there are at most as many clusters as different points. A cluster that loses its
    last point keeps its centre.

    >>> kmeans(np.array([[0.0], [0.1], [9.0], [0.0]]), 2, seed=1).tolist() in ([0, 0, 1, 0], [1, 1, 0, 1])
    True
    """
    different, place, times = np.unique(points, axis=0, return_inverse=True, return_counts=True)
    place = place.reshape(-1)
    if clusters >= len(different):
        return place
    random = np.random.default_rng(seed)
    x = different.astype(np.float32)
    weighted = x * times[:, None].astype(np.float32)
    centres = x[np.sort(random.choice(len(x), clusters, replace=False))]
    nearest = np.full(len(x), -1)
    for _ in range(rounds):
        before, nearest = nearest, _nearest(x, centres)
        if np.array_equal(before, nearest):
            break
        order = np.argsort(nearest, kind="stable")
        held, starts = np.unique(nearest[order], return_index=True)
        sums = np.add.reduceat(weighted[order], starts)
        centres[held] = sums / np.bincount(nearest, times)[held, None]
    return nearest[place]


def _nearest(x: NDArray[np.float32], centres: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the centre nearest to each point [U]; |x|^2 is the same for all of them and left out."""
    halves = (centres * centres).sum(1) / 2
    return np.concatenate([(halves - x[i : i + AT_ONCE] @ centres.T).argmin(1) for i in range(0, len(x), AT_ONCE)])
