"""Vectors of texts and what is computed of them, against slow formulas, closed forms and the card's examples."""

import math
from itertools import pairwise

import numpy as np
import pytest

from tokengan.errors import UserError
from tokengan.metrics import Given
from tokengan.metrics.features import Encoder, Features, encoder
from tokengan.metrics.fed import FED, fed
from tokengan.metrics.kmeans import kmeans
from tokengan.metrics.lsa import LSA
from tokengan.metrics.mauve import Mauve, frontier_integral, mauve, shares
from tokengan.metrics.mmd import MMD, mmd, width_of
from tokengan.metrics.two_sample import TwoSample, _wilson, accuracy, logistic

ALL = (FED(), Mauve(), MMD(), TwoSample())


def cloud(seed, size=40, width=3, shift=0.0):
    return np.random.default_rng(seed).normal(size=(size, width)) + shift


def sentences(seed, size, words="abcdefgh"):
    random = np.random.default_rng(seed)
    return [list(random.choice(list(words), random.integers(1, 7))) for _ in range(size)]


def dense_lsa(reference, texts, dimensions):
    """Return the absolute vectors of LSA with dense matrices and a full decomposition."""

    def grams(s):
        return [(w,) for w in s] + list(pairwise(["\x02", *s, "\x03"]) if s else [])

    df = {g: sum(g in grams(s) for s in reference) for s in reference for g in grams(s)}
    every = sorted({g for s in [*reference, *texts] for g in grams(s)})
    idf = np.array([1 + math.log((1 + len(reference)) / (1 + df.get(g, 1))) for g in every])
    kept = [df.get(g, 0) > 1 for g in every]

    def matrix(part):
        counts = np.array([[grams(s).count(g) for g in every] for s in part], float)
        x = np.where(counts > 0, 1 + np.log(np.maximum(counts, 1)), 0) * idf
        return (x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-300))[:, kept]

    directions = np.linalg.svd(matrix(reference), full_matrices=False)[2][:dimensions]
    return np.abs(matrix(texts) @ directions.T)


def test_lsa_is_the_dense_one():
    reference, texts = sentences(0, 40), [*sentences(1, 10), [], ["unknown"], ["a", "unknown"]]
    ours = LSA(6).fit(reference)(texts)
    assert np.abs(ours) == pytest.approx(dense_lsa(reference, texts, 6), abs=1e-6)
    assert not ours[10].any()
    assert not ours[11].any()


def test_lsa_sees_word_order_and_where_a_sentence_breaks_off():
    reference = [["a", "b", "c"], ["a", "b", "c"], ["c", "a", "b"], ["c", "a", "b"]]
    whole, turned, cut = LSA(4).fit(reference)([["a", "b", "c"], ["c", "b", "a"], ["a", "b"]])
    assert np.abs(whole - turned).max() > 0.05
    assert np.linalg.norm(turned) < 0.9 * np.linalg.norm(whole)
    assert np.linalg.norm(cut) < 0.9 * np.linalg.norm(whole)


def test_texts_are_read_once_and_in_one_order():
    read = []

    class Counting(Encoder):
        name = "counting"

        def fit(self, reference):
            read.append("fit")
            return lambda texts: read.append(len(texts)) or np.array([[float(len(s))] for s in texts])

    features, reference = Features(Counting()), [["a"], ["b", "c"]]
    assert features([["x"], ["a", "b"]], reference).tolist() == features([["a", "b"], ["x"]], reference[::-1]).tolist()
    assert read == ["fit", 2]


# ---- Frechet


def test_fed_is_the_slow_formula():
    """Against the eigenvalues of the product S T itself, which is not symmetric."""
    for seed in range(5):
        a, b = cloud(seed, 30, 4), cloud(seed + 100, 50, 4, 0.3) * [1, 2, 0.5, 1]
        s, t = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
        roots = np.sqrt(np.linalg.eigvals(s @ t).astype(complex))
        assert abs(roots.imag).max() < 1e-9
        slow = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(s) + np.trace(t) - 2 * roots.real.sum()
        assert fed(a, b) == pytest.approx(slow, abs=1e-10)
        assert fed(a, b) == pytest.approx(fed(b, a), abs=1e-10)


def test_fed_is_that_of_a_matrix_root():
    """As the papers' code writes it, in float64: the root of the product itself, its imaginary part checked."""
    linalg = pytest.importorskip("scipy.linalg", reason="scipy is not installed")
    for seed, size in ((0, 300), (1, 40)):
        a, b = cloud(seed, size, 24), cloud(seed + 9, size, 24, 0.2) * np.linspace(0.5, 2, 24)
        s, t = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
        root = linalg.sqrtm(s @ t)
        assert np.abs(np.imag(root)).max() < 1e-6
        slow = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(s + t - 2 * np.real(root))
        assert fed(a, b) == pytest.approx(slow, rel=1e-9)


def test_fed_of_known_laws():
    """N(0,1) to N(1,4) is 2; N(0,I) to N(0,4I) is d; N(0,I) to N(mu,I) is |mu|^2; a set to itself 0."""
    x = cloud(0, 200, 5)
    white = (x - x.mean(0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(x, rowvar=False))).T
    assert fed(white[:, :1], 2 * white[:, :1] + 1) == pytest.approx(2)
    assert fed(white, 2 * white) == pytest.approx(5)
    assert fed(white, white + np.arange(5)) == pytest.approx(30)
    assert fed(white, white) < 1e-6
    # A covariance without full rank: more dimensions than vectors.
    assert fed(cloud(1, 4, 50), cloud(1, 4, 50)) < 1e-6


# ---- MAUVE


def test_the_cards_areas():
    even = np.array([0.5, 0.5])
    assert mauve(even, even) == 1.0
    assert round(mauve(even, np.array([0.9, 0.1])), 3) == 0.671
    assert round(mauve(even, np.array([0.6, 0.4])), 3) == 0.998
    apart = mauve(np.array([1.0, 0.0]), np.array([0.0, 1.0]))
    assert round(apart, 4) == 0.0041  # 25 points; the curve itself has c B(c + 1, c)
    assert apart == pytest.approx(5 * math.gamma(6) * math.gamma(5) / math.gamma(11), rel=0.05)


def test_the_area_is_the_same_from_both_sides():
    for seed in range(10):
        p, q = np.random.default_rng(seed).dirichlet(np.full(6, 0.5), 2)
        q[0] = 0
        q /= q.sum()
        assert mauve(p, q) == pytest.approx(mauve(q, p), abs=1e-12)
        assert 0.004 < mauve(p, q) < 1


def test_the_frontier_integral_is_the_integral():
    p, q = np.array([0.5, 0.3, 0.2, 0.0]), np.array([0.1, 0.3, 0.0, 0.6])
    w = (np.arange(20_000) + 0.5)[:, None] / 20_000
    r = w * p + (1 - w) * q
    with np.errstate(all="ignore"):
        kl = [np.where(x > 0, x * np.log(x / r), 0).sum(1) for x in (p, q)]
    assert frontier_integral(p, q) == pytest.approx(2 * (w[:, 0] * kl[0] + (1 - w[:, 0]) * kl[1]).mean(), abs=1e-6)
    assert frontier_integral(p, p) == 0.0


def test_far_clouds_share_no_cluster_and_equal_ones_all():
    a, b = cloud(0, shift=9), cloud(1, shift=-9)
    p, q = shares(a, b, 8)
    assert (p * q).sum() == 0
    p, q = shares(a, a[::-1], 8)
    assert (p == q).all()


def test_kmeans_is_seeded_stands_any_order_and_never_parts_equal_points():
    x = np.concatenate([cloud(0, 60), cloud(0, 60)])
    found, turned = kmeans(x, 7, seed=3), kmeans(x[::-1], 7, seed=3)
    assert found.tolist() == turned[::-1].tolist()
    assert found[:60].tolist() == found[60:].tolist()
    assert len(set(kmeans(np.zeros((9, 2)), 4))) == 1
    # Where Lloyd's steps end, each point is nearest to the mean of its own cluster.
    centres = np.stack([x[found == k].mean(0) for k in range(7)])
    assert (((x[:, None] - centres) ** 2).sum(-1).argmin(1) == found).all()


def plain_lloyd(x, clusters, seed, rounds=25):
    """Return the clusters by Lloyd's steps over all points and all centres, nothing carried over between them."""
    different = np.unique(x, axis=0)
    centres = different[np.sort(np.random.default_rng(seed).choice(len(different), clusters, replace=False))]
    for _ in range(rounds):
        found = ((x[:, None] - centres) ** 2).sum(-1).argmin(1)
        for k in set(found):
            centres[k] = x[found == k].mean(0)
    return found


@pytest.mark.parametrize("rounds", [1, 2, 3, 25])
def test_kmeans_is_lloyds(rounds):
    for seed in range(6):
        x = np.concatenate([cloud(seed, 150), cloud(seed, 40), np.repeat(cloud(seed + 50, 5), 9, axis=0)])
        assert kmeans(x, 30, seed, rounds).tolist() == plain_lloyd(x, 30, seed, rounds).tolist()


# ---- MMD


@pytest.mark.parametrize("tile", [2, 7, 512])
def test_mmd_is_the_double_sum(monkeypatch, tile):
    monkeypatch.setattr("tokengan.metrics.mmd.TILE", tile)
    a, b, s = cloud(0, 7), cloud(1, 9, shift=1), 1.3

    def k(x, y):
        return math.exp(-((x - y) ** 2).sum() / (2 * s * s))

    slow = (
        sum(k(a[i], a[j]) for i in range(7) for j in range(7) if i != j) / 42
        + sum(k(b[i], b[j]) for i in range(9) for j in range(9) if i != j) / 72
        - 2 * sum(k(x, y) for x in a for y in b) / 63
    )
    assert mmd(a, b, s) == pytest.approx(slow, abs=1e-12)


def test_mmd_has_no_bias():
    drawn = [mmd(cloud(2 * i, 20, 2), cloud(2 * i + 1, 20, 2), 1.0) for i in range(300)]
    assert abs(np.mean(drawn)) < 3 * np.std(drawn) / math.sqrt(300)
    assert min(drawn) < 0


def test_the_width_is_the_median_of_real_pairs():
    assert width_of(np.array([[0.0], [1.0], [3.0]])) == 2.0
    assert width_of(np.zeros((4, 2))) == width_of(np.zeros((1, 2))) == 1.0


# ---- the classifier


def test_logistic_is_where_the_gradient_vanishes():
    x, y = cloud(0, 50), np.random.default_rng(1).integers(0, 2, 50).astype(float)
    w = logistic(x, y, ridge=0.7)
    p = 1 / (1 + np.exp(-(x @ w[:-1] + w[-1])))
    assert np.append(x.T @ (p - y) + 0.7 * w[:-1], (p - y).sum()) == pytest.approx(np.zeros(4), abs=1e-6)


def test_accuracy_is_half_of_one_law_and_one_of_two():
    assert accuracy(cloud(0), cloud(0)[::-1]) == 0.5
    assert accuracy(cloud(0), cloud(1, shift=20)) == 1.0
    # Two normal laws at distance 2 are told apart at best by Phi(1) = .841.
    a, b = cloud(0, 4000, 2), cloud(1, 4000, 2) + [2, 0]
    assert accuracy(a, b) == pytest.approx(0.8413, abs=0.01)


def test_equal_vectors_of_one_side_alone_can_be_learnt():
    collapsed = np.repeat(cloud(5, 1), 40, axis=0)
    assert accuracy(collapsed, cloud(0)) > 0.7


def test_wilsons_interval():
    """The roots in s of (share - s)^2 = z^2 s (1 - s) / n."""
    low, high = _wilson(0.3, 50)
    for s in (low, high):
        assert (0.3 - s) ** 2 == pytest.approx(1.959964**2 * s * (1 - s) / 50, rel=1e-5)
    assert _wilson(1.0, 10)[1] == pytest.approx(1.0)


# ---- all of them, through texts


def values(samples, reference):
    given = Given(samples, reference, extra={"features": Features(LSA(4))})
    return {figure.name: figure for metric in ALL for figure in metric.compute(given)}


def test_identical_sets_are_as_near_and_disjoint_ones_as_far_as_can_be():
    reference = sentences(0, 60)
    same, apart = (values(text, reference) for text in (reference[::-1], sentences(0, 60, "stuvwxyz")))
    assert same["FED"].value < 1e-6
    assert same["MAUVE"].value == pytest.approx(1.0, abs=1e-12)
    assert same["frontier integral"].value == 0.0
    assert same["C2ST accuracy"].value == 0.5
    assert abs(same["MMD^2"].value) < 0.02
    assert apart["MAUVE"].value < 0.01
    assert apart["frontier integral"].value > 0.95
    assert apart["C2ST accuracy"].value > 0.9
    assert apart["MMD^2"].value > 10 * abs(same["MMD^2"].value)
    assert apart["FED"].value > 0.05


def test_neither_the_order_of_lines_nor_the_seedless_parts_move_a_figure():
    samples, reference = sentences(2, 50), sentences(3, 70)
    turned = values(samples[::-1], [*reference[30:], *reference[:30]])
    for name, figure in values(samples, reference).items():
        assert turned[name] == figure, name


def test_no_number_without_a_reason():
    for samples, reference in (([["a"]], [["a"]]), ([[], []], [["a", "b"], ["c"]]), ([["a"]] * 30, [["a"]] * 30)):
        for figure in values(samples, reference).values():
            assert math.isfinite(figure.value) or figure.note
    assert "no covariance" in values([["a"]], [["a"]])["FED"].note
    assert "dimensions" in values(sentences(0, 3), sentences(1, 90))["FED"].note
    assert "5 folds" in values([["a"]], [["a"]])["C2ST accuracy"].note


def test_signatures_name_the_encoder_and_both_sizes():
    parts = values(sentences(0, 20), sentences(1, 30))["FED"].signature.split("|")
    assert parts[:3] == ["FED", "encoder=lsa-4(1-2-grams)", "n=20+20"]
    assert parts[3].startswith("refs=30#")


@pytest.mark.parametrize("name", ["lsaa", "lsa:x", "lsa:0", "hf", "hf:"])
def test_an_encoder_that_is_none_is_told_in_a_sentence(name):
    with pytest.raises(UserError, match=r"lsa|hf:NAME"):
        encoder(name)
