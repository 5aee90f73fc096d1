"""Classifier two-sample test: how well a logistic regression on vectors tells samples from real text.

The share of right calls on sentences that it did not learn from, by five-fold cross-validation: .5 is what text of the
same law gives, 1 is told apart always (Lopez-Paz and Oquab 2017). Vectors that stand on both sides lie in one fold:
else a sentence seen under one name would be called so where it has the other, and a set against itself would fall
below .5.

Axes: N sentences, H features.
"""

from __future__ import annotations

import math

import numpy as np

from tokengan.metrics.base import Figure, Given
from tokengan.metrics.features import Array, FeatureMetric

__all__ = ["TwoSample", "accuracy", "logistic"]

FOLDS, RIDGE, STEPS, CLOSE = 5, 1.0, 25, 1e-8
Z = 1.959963984540054  # of a two-sided interval of 95 percent


def logistic(x: Array, y: Array, ridge: float = RIDGE) -> Array:
    """Return the weights [H+1], the last one free, that minimise the logistic loss + ridge / 2 * |w|^2 (Newton).

    Args:
        x: Vectors [N,H].
        y: 0 or 1 for each [N].
        ridge: Weight of the penalty, on all but the last weight, which is added to every score.
    """
    x = np.column_stack([x, np.ones(len(x))])
    penalty = np.append(np.full(x.shape[1] - 1, ridge), 1e-9)
    w = np.zeros(x.shape[1])
    for _ in range(STEPS):
        p = 1 / (1 + np.exp(-np.clip(x @ w, -30, 30)))
        slope = x.T @ (p - y) + penalty * w
        step = np.linalg.solve((x * (p * (1 - p))[:, None]).T @ x + np.diag(penalty), slope)
        # Shortened where it is so long that a full step could overshoot.
        w = w - step / max(1.0, float(np.abs(x @ step).max()) / 10)
        if np.abs(step).max() < CLOSE:
            break
    return w


def accuracy(a: Array, b: Array, folds: int = FOLDS, seed: int = 0) -> float:
    """Return the mean of the shares of right calls in a and in b, by cross-validation; a tie counts half.

    >>> a = np.random.default_rng(0).normal(size=(50, 2))
    >>> accuracy(a, a[::-1]), accuracy(a, a + 9)
    (0.5, 1.0)
    """
    x = np.concatenate([a, b])
    y = np.repeat([1.0, 0.0], [len(a), len(b)])
    different, place = np.unique(x, axis=0, return_inverse=True)
    place = place.reshape(-1)
    random = np.random.default_rng(seed)
    fold = random.permutation(len(x)) % folds
    both = np.isin(place, place[: len(a)]) & np.isin(place, place[len(a) :])
    fold[both] = random.permutation(len(different))[place[both]] % folds
    sign = np.zeros(len(x))
    for k in range(folds):
        seen, held = fold != k, fold == k
        if not held.any() or not seen.any():
            continue
        mean, scale = x[seen].mean(0), x[seen].std(0)
        scaled = (x - mean) / np.where(scale > 1e-12, scale, 1.0)
        w = logistic(scaled[seen], y[seen])
        sign[held] = np.sign(scaled[held] @ w[:-1] + w[-1])
    right = 0.5 + sign * (y - 0.5)
    return float(right[: len(a)].mean() + right[len(a) :].mean()) / 2


def _wilson(share: float, n: int) -> tuple[float, float]:
    """Return the 95 percent interval of a share of n independent trials (Wilson 1927)."""
    middle = (share + Z * Z / (2 * n)) / (1 + Z * Z / n)
    half = Z / (1 + Z * Z / n) * math.sqrt(share * (1 - share) / n + Z * Z / (4 * n * n))
    return middle - half, middle + half


class TwoSample(FeatureMetric):
    """Held-out accuracy of a classifier between samples and reference; lower is better, .5 is not told apart.

    >>> from tokengan.metrics.features import Features, encoder
    >>> same = [["a", str(i)] for i in range(20)]
    >>> TwoSample().compute(Given(same, same, extra={"features": Features(encoder())}))[0].value
    0.5
    """

    name = "c2st"
    direction = "lower"
    bounds = (0.0, 1.0)

    def compute(self, given: Given) -> list[Figure]:
        """Return the accuracy."""
        mine, real = self.vectors(given)
        parts = (f"logistic regression, {FOLDS} folds, ridge {RIDGE:g}", *self.parts(given))
        if len(mine) < FOLDS:
            note = f"{FOLDS} folds need at least {FOLDS} sentences"
            return [self.figure("C2ST accuracy", math.nan, given, *parts, note=note)]
        value = accuracy(mine, real)
        low, high = _wilson(value, 2 * len(mine))
        return [self.figure("C2ST accuracy", value, given, *parts, note=f"95% interval {low:.4f} to {high:.4f}")]
