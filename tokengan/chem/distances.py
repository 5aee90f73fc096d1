"""Distances between distributions: Wasserstein-1 of numbers, Frechet of activations.

Axes: N, M molecules, H activations.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Gaussian", "frechet", "gaussian", "wasserstein"]

Array = NDArray[np.float64]
Gaussian = tuple[Array, Array]


def wasserstein(a: ArrayLike, b: ArrayLike) -> float:
    """Return the Wasserstein-1 distance of two samples, the area between their distribution functions.

    >>> wasserstein([0.0, 1.0], [1.0, 2.0]), wasserstein([0.0], [0.0, 3.0]), wasserstein([], [1.0])
    (1.0, 1.5, nan)
    """
    a, b = (np.sort(np.asarray(x, np.float64)) for x in (a, b))
    if not len(a) or not len(b):
        return math.nan
    points = np.sort(np.concatenate([a, b]))
    below = [np.searchsorted(x, points[:-1], "right") / len(x) for x in (a, b)]
    return float(np.abs(below[0] - below[1]) @ np.diff(points))


def gaussian(activations: NDArray[np.floating]) -> Gaussian:
    """Return the mean [H] and the unbiased covariance [H,H] of activations [N,H].

    The mean is taken in the precision of the activations, as the published code does: FCD agrees to its last printed
    digit, which a mean in float64 moves by one.
    """
    covariance = np.atleast_2d(np.cov(activations, rowvar=False, dtype=np.float64))
    return activations.mean(0).astype(np.float64), covariance.astype(np.float64)


def frechet(a: Gaussian, b: Gaussian) -> float:
    """Return |m - n|^2 + tr(S + T - 2 (S T)^(1/2)) of two normal laws (Dowson and Landau 1982).

    The trace of the root is the sum of the roots of the eigenvalues of S^(1/2) T S^(1/2), which is symmetric: no
    complex numbers come up, and a covariance of fewer molecules than activations does no harm.

    >>> eye = np.eye(2)
    >>> frechet((np.zeros(2), eye), (np.ones(2), 4 * eye))
    4.0
    """
    (mean, s), (other, t) = a, b
    values, vectors = np.linalg.eigh(s)
    root = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    shared = np.sqrt(np.clip(np.linalg.eigvalsh(root @ t @ root), 0, None)).sum()
    return float((mean - other) @ (mean - other) + np.trace(s) + np.trace(t) - 2 * shared)
