"""Samples beside their nearest sentence, and n-grams that are written too often or too seldom."""

from __future__ import annotations

import random
from itertools import product

import pytest

from tokengan.reports.texts import rates, side_by_side, surprise


def test_the_nearest_sentence_is_that_of_a_plain_search():
    drawn = random.Random(0)
    texts = [" ".join(drawn.choices("abcdefg", k=drawn.randint(1, 6))) for _ in range(40)]
    train, samples = texts[:25], texts[25:]

    def overlap(one: str, other: str) -> float:
        a, b = set(one.split()), set(other.split())
        return len(a & b) / len(a | b)

    for found in side_by_side(samples, train):
        best = max(overlap(found.text, sentence) for sentence in train)
        assert found.overlap == pytest.approx(best)
        if best:
            assert overlap(found.text, found.nearest) == pytest.approx(best)


def test_planted_ngrams_come_first_and_equal_texts_have_none():
    real = [list(words) for words in product("abc", repeat=3)] * 10
    written = [["x", "y", *line[:1]] if i % 3 == 0 else line for i, line in enumerate(real)]
    found = rates(written, real, orders=2)
    over = [rate.ngram for rate in found if rate.here > rate.real]
    assert {"x", "y", "x y"} <= set(over[:4])
    assert all(rate.here < rate.real for rate in found[len(over) :])
    assert rates(real, real) == ()


def test_a_rare_ngram_of_chance_is_no_finding():
    assert rates([["a"] * 50 + ["b"]], [["a"] * 50 + ["c"]]) == ()
    assert surprise(1, 51, 0, 51) < 10.83


def test_the_unknown_word_stands_for_many_and_is_left_out():
    assert rates([["a", "b"]] * 50, [["a", "<unk>"]] * 50, orders=1)[0].ngram == "b"
    assert all("<unk>" not in rate.ngram for rate in rates([["a", "b"]] * 50, [["a", "<unk>"]] * 50))


def test_the_ratio_is_twice_the_likelihood_ratio():
    from math import log

    a, n, b, m = 30, 100, 10, 200
    p, q, r = a / n, b / m, (a + b) / (n + m)

    def likelihood(k: int, of: int, share: float) -> float:
        return k * log(share) + (of - k) * log(1 - share)

    expected = 2 * (likelihood(a, n, p) + likelihood(b, m, q) - likelihood(a, n, r) - likelihood(b, m, r))
    assert surprise(a, n, b, m) == pytest.approx(expected, rel=1e-12)
    assert surprise(b, m, a, n) == pytest.approx(expected, rel=1e-12)
