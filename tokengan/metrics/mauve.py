"""MAUVE: the area under the divergence frontier of two sets of texts, over clusters of their vectors.

Both sets are cut into the same clusters; with their shares p and q of each cluster, and r = w p + (1 - w) q, the
frontier has the points (exp(-c KL(q|r)), exp(-c KL(p|r))) for 25 weights w between 0 and 1, c = 5, and the corners
(1, 0) and (0, 1). The area below is 1 for equal shares and c B(c + 1, c) = .004 for shares that have nothing in common
(Pillutla et al. 2021).
Along w both coordinates go one way, so the points are in order as they come: nothing is sorted and ties do no harm; the
area is the same from both axes.

The frontier integral, 0 for equal and 1 for disjoint shares, needs neither c nor weights (Liu et al. 2021):

    2 int_0^1 (w KL(p|r) + (1 - w) KL(q|r)) dw = sum_i (p_i + q_i)/2 - p_i q_i log(p_i / q_i) / (p_i - q_i).

Departures from the paper: k-means once for each of five seeds, whose mean and spread are given, in place of the best of
five restarts; any encoder in place of GPT-2 large.

Axes: N sentences, H features, K clusters.
"""

from __future__ import annotations

from statistics import fmean, stdev

import numpy as np

from tokengan.metrics.base import Figure, Given
from tokengan.metrics.features import Array, FeatureMetric
from tokengan.metrics.kmeans import kmeans

__all__ = ["Mauve", "frontier_integral", "mauve", "shares"]

SCALE = 5.0
EDGE, POINTS = 1e-6, 25
VARIANCE = 0.9


def _divergence(p: Array, r: Array) -> float:
    """Return KL(p|r) in nats; r is positive wherever p is. Rounding below 0 is cut."""
    some = p > 0
    return max(0.0, float((p[some] * np.log(p[some] / r[some])).sum()))


def mauve(p: Array, q: Array, scale: float = SCALE) -> float:
    """Return the area under the frontier of two vectors of shares [K].

    >>> p = np.array([0.5, 0.5])
    >>> [round(mauve(p, np.array(q)), 3) for q in ([0.5, 0.5], [0.6, 0.4], [0.9, 0.1])]
    [1.0, 0.998, 0.671]
    """
    weights = np.linspace(EDGE, 1 - EDGE, POINTS)
    mixed = [(w * p + (1 - w) * q) for w in weights]
    x = [1.0, *(np.exp(-scale * _divergence(q, r)) for r in mixed), 0.0]
    y = [0.0, *(np.exp(-scale * _divergence(p, r)) for r in mixed), 1.0]
    return float(-np.trapezoid(y, x))


def frontier_integral(p: Array, q: Array) -> float:
    """Return the frontier integral of two vectors of shares [K].

    >>> frontier_integral(np.array([1.0, 0.0]), np.array([0.0, 1.0]))
    1.0
    """
    both = (p > 0) & (q > 0) & (np.abs(p - q) > 1e-9 * (p + q))
    a, b = p[both], q[both]
    same = (p > 0) & (q > 0) & ~both
    shared = float((a * b * np.log(a / b) / (a - b)).sum() + (p[same] + q[same]).sum() / 2)
    return max(0.0, float((p + q).sum()) / 2 - shared)


def _condensed(x: Array) -> Array:
    """Return vectors of length 1 in the fewest principal directions that hold 90 percent of their variance."""
    lengths = np.linalg.norm(x, axis=1, keepdims=True)
    x = x / np.where(lengths > 0, lengths, 1)
    x = x - x.mean(0)
    values, directions = np.linalg.eigh(x.T @ x)
    held = np.cumsum(values[::-1]) / max(values.sum(), np.finfo(float).tiny)
    return x @ directions[:, ::-1][:, : int(np.searchsorted(held, VARIANCE)) + 1]


def shares(a: Array, b: Array, clusters: int, seed: int = 0) -> tuple[Array, Array]:
    """Return the shares [K] of each cluster in two sets of vectors [N,H], clustered together."""
    return _shares(_condensed(np.concatenate([a, b])), len(a), clusters, seed)


def _shares(points: Array, first: int, clusters: int, seed: int) -> tuple[Array, Array]:
    cluster = kmeans(points, clusters, seed)
    size = int(cluster.max()) + 1
    p, q = (np.bincount(part, minlength=size) / len(part) for part in (cluster[:first], cluster[first:]))
    return p, q


class Mauve(FeatureMetric):
    """MAUVE and the frontier integral, means over k-means seeds; one cluster for every ten sentences.

    Absolute values mean nothing: they move with the number of sentences, the encoder and the clusters. Compare with
    the figure of real text.

    Args:
        seeds: Seeds of k-means.

    >>> from tokengan.metrics.features import Features, encoder
    >>> same = [["a", "b"], ["a", "c"], ["b", "c"]]
    >>> Mauve().compute(Given(same, same, extra={"features": Features(encoder())}))[0].value
    1.0
    """

    name = "mauve"
    direction = "higher"
    bounds = (0.0, 1.0)

    def __init__(self, seeds: int = 5) -> None:
        self.seeds = seeds

    def compute(self, given: Given) -> list[Figure]:
        """Return both."""
        mine, real = self.vectors(given)
        clusters = max(2, round(len(mine) / 10))
        points = _condensed(np.concatenate([mine, real]))
        drawn = [_shares(points, len(mine), clusters, seed) for seed in range(self.seeds)]
        parts = (*self.parts(given), f"clusters={clusters}", f"mean of {self.seeds} seeds")
        areas, integrals = ([of(p, q) for p, q in drawn] for of in (mauve, frontier_integral))
        spread = [
            f"+-{stdev(values):.4f} over k-means seeds" if self.seeds > 1 else "" for values in (areas, integrals)
        ]
        lower = self.figure("frontier integral", fmean(integrals), given, *parts, note=spread[1])
        return [
            self.figure("MAUVE", fmean(areas), given, f"c={SCALE:g}", *parts, note=spread[0]),
            lower.replace(direction="lower"),
        ]
