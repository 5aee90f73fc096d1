"""MAUVE against figures of the published package, stored in `mauve_published.json`.

The package (mauve-text 0.4.0, with faiss-cpu 1.15.1, scikit-learn 1.9.1, numpy 2.4.6) is GPL and never a dependency.
To make the file again: install it into an environment of its own; for each case below and each seed 0 to 9 call
`compute_mauve(p_features=a, q_features=b, seed=seed)`; keep `num_buckets`, `mauve` and `frontier_integral` of every
seed and, of the first two, `p_hist` and `q_hist` times the number of vectors, rounded: the counts of each cluster.

Given the package's own clusters our figures are its figures; only the clusters differ from there on.
"""

import json
from pathlib import Path
from statistics import fmean, stdev

import numpy as np
import pytest

from tokengan.metrics.mauve import frontier_integral, mauve, shares

PUBLISHED = json.loads(Path(__file__).with_name("mauve_published.json").read_text())


def cloud(seed, size, shift=0.0, stretch=1.0):
    # The legacy generator: its stream is frozen.
    x = np.random.RandomState(seed).standard_normal((size, 8))
    x[:, 0] += shift
    x[:, 1] *= stretch
    return x


CASES = {
    "same law": (cloud(1, 500, 2), cloud(2, 500, 2)),
    "shifted": (cloud(1, 500, 2), cloud(2, 500, 1)),
    "stretched": (cloud(1, 500, 2), cloud(2, 500, 2, 2)),
    "far": (cloud(1, 500, 2), cloud(2, 500, -1)),
    "disjoint": (cloud(1, 500, 9), cloud(2, 500, -9)),
    "unequal sizes": (cloud(1, 800, 2), cloud(2, 300, 1)),
    "collapsed": (np.repeat(cloud(1, 20, 2), 25, 0), cloud(2, 500, 2)),
}
OURS = {"mauve": mauve, "frontier integral": frontier_integral}


@pytest.mark.parametrize("case", CASES)
def test_of_the_packages_own_clusters_the_figures_are_the_packages(case):
    expected = PUBLISHED[case]
    for seed, counts in enumerate(expected["counts"]):
        p, q = (np.array(part) / sum(part) for part in counts)
        assert [len(part) for part in CASES[case]] == [sum(part) for part in counts]
        for name, figure in OURS.items():
            assert figure(p, q) == pytest.approx(expected[name][seed], abs=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_of_our_clusters_the_figures_lie_within_the_spread_of_clusterings(case):
    """Within twice the two standard deviations over seeds, and far inside what parts the cases from each other."""
    expected = PUBLISHED[case]
    drawn = [shares(*CASES[case], expected["clusters"], seed) for seed in range(5)]
    for name, figure in OURS.items():
        values, theirs = [figure(p, q) for p, q in drawn], expected[name]
        assert abs(fmean(values) - fmean(theirs)) <= 2 * np.hypot(stdev(values), stdev(theirs)) + 1e-9
        assert abs(fmean(values) - fmean(theirs)) < 0.04
