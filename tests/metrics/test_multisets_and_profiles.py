"""MS-Jaccard, Jensen-Shannon, lengths, vocabulary and the nearest training sentence, against plain recounts."""

import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokengan.metrics import Given, evaluate_texts
from tokengan.metrics.multisets import JensenShannon, MSJaccard, jensen_shannon, ms_jaccard
from tokengan.metrics.nearest import nearest_overlap
from tokengan.metrics.profiles import Lengths, Vocabulary, zipf

corpora = st.lists(st.lists(st.sampled_from("abc"), max_size=6), min_size=1, max_size=8)


def multiset(sentences, n):
    return Counter(tuple(s[i : i + n]) for s in sentences for i in range(len(s) - n + 1))


@settings(max_examples=100, deadline=None)
@given(corpora, corpora)
def test_ms_jaccard_is_that_of_direct_multisets(a, b):
    product = 1.0
    for n, value in ms_jaccard(a, b).items():
        mine, real = ({g: c / len(s) for g, c in multiset(s, n).items()} for s in (a, b))
        grams = set(mine) | set(real)
        largest = sum(max(mine.get(g, 0), real.get(g, 0)) for g in grams)
        smallest = sum(min(mine.get(g, 0), real.get(g, 0)) for g in grams)
        product *= smallest / largest if largest else math.nan
        assert value == pytest.approx(product ** (1 / n), nan_ok=True)


def test_worked_example_of_ms_jaccard():
    a, b = [["a", "b"], ["a", "a"]], [["a", "b"], ["b", "b"]]
    assert ms_jaccard(a, b, 2) == {1: pytest.approx(1 / 3), 2: pytest.approx(1 / 3)}
    assert ms_jaccard(a, a[::-1], 2) == {1: 1.0, 2: 1.0}
    # Counts are per sentence: a set said twice is the same set.
    assert ms_jaccard(a + a, a, 2) == {1: 1.0, 2: 1.0}


@settings(max_examples=100, deadline=None)
@given(corpora, corpora)
def test_jensen_shannon_is_the_formula_symmetric_and_within_a_bit(a, b):
    turned = jensen_shannon(b, a)
    for n, value in jensen_shannon(a, b).items():
        mine, real = multiset(a, n), multiset(b, n)
        if not mine or not real:
            assert math.isnan(value)
            continue
        slow = 0.0
        for counts, other in ((mine, real), (real, mine)):
            for gram, count in counts.items():
                p, q = count / counts.total(), other[gram] / other.total()
                slow += p * math.log2(2 * p / (p + q)) / 2
        assert value == pytest.approx(slow, abs=1e-12)
        assert value == pytest.approx(turned[n], abs=1e-12)
        assert 0 <= value <= 1


def test_worked_example_of_jensen_shannon():
    assert round(jensen_shannon([["x"], ["x"]], [["x"], ["y"]], 1)[1], 3) == 0.311


def test_the_longer_side_is_drawn_from():
    """Both figures move with the number of sentences: they are taken of equal numbers, and say so."""
    for metric in (MSJaccard(), JensenShannon()):
        figure = metric.compute(Given([["a", "b"]] * 3, [["a", "b"]] * 9))[0]
        assert "n=3+3" in figure.signature
        assert figure.value == pytest.approx(1.0 if metric.direction == "higher" else 0.0)


def test_lengths_keep_their_sign():
    real = [["a"] * n for n in range(1, 21)]
    short = [s[: len(s) // 2] for s in real]
    figures = {figure.name: figure.value for figure in Lengths().compute(Given(short, real))}
    assert figures == pytest.approx(
        {
            "length distance": 5.5,
            "mean length - real": -5.5,
            "length at 5% - real": -1.0,
            "length at 50% - real": -5.0,
            "length at 95% - real": -10.0,
        }
    )


def test_zipf_of_a_power_law():
    counts = [round(10_000 / rank**0.8) for rank in range(1, 200)]
    assert zipf([[str(i)] * count for i, count in enumerate(counts)]) == pytest.approx(0.8, abs=0.01)
    assert Vocabulary().compute(Given([["a", "b"]]))[1].note == "fewer than three different tokens"


@settings(max_examples=60, deadline=None)
@given(corpora, corpora)
def test_the_nearest_is_found_by_looking_at_all(samples, train):
    overlaps, places = nearest_overlap(samples, train)
    for sample, overlap, place in zip(samples, overlaps, places, strict=True):
        plain = [len(set(sample) & set(x)) / len(set(sample) | set(x)) if sample or x else 1 for x in train]
        assert overlap == pytest.approx(max(plain))
        assert plain[place] == pytest.approx(overlap)


def test_costly_figures_come_on_request():
    texts = ["a b", "c d"], ["a b", "c d"], ["a c"]
    unasked, everything = ({f.name for f in evaluate_texts(*texts, metrics=m)} for m in (None, ["all"]))
    assert everything - unasked >= {"FED", "FED (train lines)", "MAUVE", "MMD^2", "C2ST accuracy", "nearest overlap"}
    assert "MS-Jaccard-2" in unasked
    assert not unasked - everything
