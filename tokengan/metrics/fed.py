"""Frechet embedding distance: how far two normal laws lie apart that are fitted to the vectors of two sets of texts.

    FED = |m - n|^2 + tr(S + T - 2 (S T)^(1/2)),

m, S mean and covariance of the samples' vectors, n, T those of the reference (de Masson d'Autume et al. 2019; the same
with BERT's vectors is called FBD). Everything is float64. Biased upward in small samples, more so the more dimensions.

Axes: N sentences, H features.
"""

from __future__ import annotations

import math

from tokengan.chem.distances import frechet, gaussian
from tokengan.metrics.base import Figure, Given
from tokengan.metrics.features import Array, FeatureMetric

__all__ = ["FED", "fed"]


def fed(a: Array, b: Array) -> float:
    """Return the distance of two sets of vectors [N,H]; not a number where one has fewer than two.

    >>> import numpy as np
    >>> x = np.array([[0.0], [2.0]])
    >>> round(fed(x, 2 * x + 1), 6), abs(fed(x, x)) < 1e-9    # means 1 and 3, variances 2 and 8: 4 + 2 + 8 - 2 * 4
    (6.0, True)
    """
    if min(len(a), len(b)) < 2:
        return math.nan
    # Rounding can leave a hair below 0 where the two are the same.
    return max(0.0, frechet(gaussian(a), gaussian(b)))


class FED(FeatureMetric):
    """Frechet embedding distance to the reference; 0 is best, real text of the same number of sentences is the floor.

    >>> from tokengan.metrics.features import Features, encoder
    >>> same = [["a", "b"], ["a", "c"], ["b", "c"]]
    >>> FED().compute(Given(same, same[::-1], extra={"features": Features(encoder())}))[0].value < 1e-6
    True
    """

    name = "fed"
    direction = "lower"
    bounds = (0.0, math.inf)

    def compute(self, given: Given) -> list[Figure]:
        """Return FED."""
        mine, real = self.vectors(given)
        note = "" if len(mine) > 1 else "one sentence has no covariance"
        if not note and len(mine) <= mine.shape[1]:
            note = f"{len(mine)} sentences for {mine.shape[1]} dimensions: far above what more sentences would give"
        return [self.figure("FED", fed(mine, real), given, *self.parts(given), note=note)]
