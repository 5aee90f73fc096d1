"""k-means, the same for the same points and seed, in whatever order the points come.

Axes: N points, U different points, K clusters, H features.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tokengan.metrics.features import Array

__all__ = ["kmeans"]

ROUNDS = 25
AT_ONCE = 2**20  # distances that are held together
Points = NDArray[np.float32]


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
    nearest, score = _nearest(x, centres)
    touched = np.ones(len(centres), bool)  # clusters that won or lost a point
    for _ in range(rounds - 1):
        inside = np.flatnonzero(touched[nearest])
        inside = inside[np.argsort(nearest[inside], kind="stable")]
        sizes = np.bincount(nearest[inside])
        held = np.flatnonzero(sizes)
        starts = np.cumsum(sizes[held]) - sizes[held]
        means = np.add.reduceat(weighted[inside], starts) / np.add.reduceat(times[inside], starts)[:, None]
        changed = held[(centres[held] != means.astype(np.float32)).any(1)]
        if not len(changed):
            break
        centres[held] = means
        moved = np.zeros(len(centres), bool)
        moved[changed] = True
        before = nearest.copy()
        # A point whose own centre stayed where it was can only go over to one that moved.
        lost = moved[nearest]
        nearest[lost], score[lost] = _nearest(x[lost], centres)
        stayed = np.flatnonzero(~lost)
        found, better = _nearest(x[stayed], centres[changed])
        over = better < score[stayed]
        nearest[stayed[over]], score[stayed[over]] = changed[found[over]], better[over]
        other = before != nearest
        touched[:] = False
        touched[before[other]] = touched[nearest[other]] = True
    return nearest[place]


def _nearest(x: Points, centres: Points) -> tuple[NDArray[np.int64], Points]:
    """Return the centre nearest to each point [N], and half the squared distance less |x|^2 / 2, the same for all."""
    halves = (centres * centres).sum(1) / 2
    nearest, score = np.empty(len(x), np.int64), np.empty(len(x), np.float32)
    rows = max(1, AT_ONCE // len(centres))
    for i in range(0, len(x), rows):
        part = slice(i, i + rows)
        scores = x[part] @ centres.T
        np.subtract(halves, scores, out=scores)
        nearest[part] = scores.argmin(1)
        score[part] = np.take_along_axis(scores, nearest[part, None], 1)[:, 0]
    return nearest, score
