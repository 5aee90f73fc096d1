"""Diversity and novelty: worked examples, plain recounts, what happens when there is nothing to count."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokengan.metrics import CopyShare, Distinct, Entropy, Given, Novelty
from tokengan.metrics.diversity import distinct, distinct_at, entropy, top_sentence_share, unique_share
from tokengan.metrics.ngrams import _sorted, draw, encode, ngrams
from tokengan.metrics.novelty import copy_share, novelty

corpora = st.lists(st.lists(st.sampled_from("abc"), max_size=6), min_size=1, max_size=8)


def plain_ngrams(sentences, n):
    return [tuple(s[i : i + n]) for s in sentences for i in range(len(s) - n + 1)]


def test_worked_example_of_distinct():
    assert distinct([["a", "b", "a"], ["a", "b"]], 2) == {1: pytest.approx(2 / 5), 2: pytest.approx(2 / 3)}


@settings(max_examples=100, deadline=None)
@given(corpora)
def test_distinct_is_a_plain_recount(corpus):
    for n, value in distinct(corpus).items():
        grams = plain_ngrams(corpus, n)
        assert value == pytest.approx(len(set(grams)) / len(grams) if grams else math.nan, nan_ok=True)


def test_every_ngram_counts_up_to_the_last_and_words_are_not_run_together():
    """A peer's loops stop one n-gram early in each sentence and join words without a separator."""
    assert distinct([["a", "b", "c"]], 3)[3] == 1.0
    assert distinct([["a", "b", "a", "c"]], 2)[2] == 1.0
    assert distinct([["ab", "c"], ["a", "bc"]], 2)[2] == 1.0


@settings(max_examples=100, deadline=None)
@given(corpora)
def test_entropy_is_zhangs_sum_over_counts(corpus):
    """Ent-n = -(1 / sum_w F(w)) sum_w F(w) log(F(w) / sum_w F(w)), with counts F, plainly counted."""
    for n, value in entropy(corpus).items():
        counts = Counter(plain_ngrams(corpus, n))
        total = counts.total()
        expected = -sum(f * math.log(f / total) for f in counts.values()) / total if total else math.nan
        assert value == pytest.approx(expected, nan_ok=True, abs=1e-12)
        assert not total or value <= math.log(len(counts)) + 1e-12


@settings(max_examples=100, deadline=None)
@given(corpora, corpora)
def test_novelty_is_a_plain_recount(samples, train):
    for n, value in novelty(samples, train).items():
        grams, known = plain_ngrams(samples, n), set(plain_ngrams(train, n))
        expected = sum(gram not in known for gram in grams) / len(grams) if grams else math.nan
        assert value == pytest.approx(expected, nan_ok=True)


@settings(max_examples=60, deadline=None)
@given(corpora)
def test_ngrams_are_those_of_each_sentence_grouped_in_the_order_of_the_text(corpus):
    flat = [word for sentence in corpus for word in sentence]
    for n, places, ids in ngrams(encode(corpus), 3):
        grams = [tuple(flat[p : p + n]) for p in places]
        assert sorted(grams) == sorted(plain_ngrams(corpus, n))
        assert len(set(zip(ids, grams, strict=True))) == len(set(grams)) == len(set(ids))
        assert list(zip(ids, places, strict=True)) == sorted(zip(ids, places, strict=True))


@pytest.mark.parametrize("largest", [5, 2**40, 2**61])
def test_keys_are_sorted_stably_with_and_without_room_for_their_places(largest):
    keys = np.random.default_rng(0).integers(0, 5, 300) * (largest // 5)
    order, found = _sorted(keys.copy())
    assert order.tolist() == np.argsort(keys, kind="stable").tolist()
    assert found.tolist() == sorted(keys)


def test_distinct_on_a_budget_is_that_of_the_set_when_the_budget_takes_all_of_it():
    corpus = [["a", "b", "a"], ["a", "b"], ["c"]]
    assert distinct_at(corpus, budget=6) == pytest.approx(distinct(corpus), nan_ok=True)


def test_distinct_on_a_budget_cuts_through_a_sentence_and_never_joins_two():
    assert distinct_at([list("abcd")], budget=3) == pytest.approx({1: 1, 2: 1, 3: 1, 4: math.nan}, nan_ok=True)
    assert math.isnan(distinct_at([["a"]] * 50, budget=50)[2])


def test_distinct_on_a_budget_does_not_move_with_the_size_of_the_set(words):
    text = words("coco-captions/test.tok.txt")
    # Drawn: the file is not shuffled, and its first lines are of other topics than its last.
    whole = [distinct(draw(text, size))[2] for size in (2_000, 10_000)]
    fixed = [distinct_at(draw(text, size), budget=10_000)[2] for size in (2_000, 10_000)]
    assert whole[0] > 1.4 * whole[1]
    assert fixed[0] == pytest.approx(fixed[1], rel=0.02)


@given(corpora)
def test_distinct_on_a_budget_does_not_depend_on_sentence_order(corpus):
    budget = max(1, sum(map(len, corpus)) // 2)
    assert distinct_at(corpus, budget) == pytest.approx(distinct_at(corpus[::-1], budget), nan_ok=True)


def test_too_few_tokens_give_no_number_and_a_reason():
    figures = {figure.name: figure for figure in Distinct(budget=10).compute(Given([["a", "b"]]))}
    assert math.isnan(figures["distinct-3"].value)
    assert figures["distinct-3"].note == "no sample has 3 tokens"
    assert "2 tokens, fewer than the 10" in figures["distinct-1@10"].note
    assert Novelty().compute(Given([["a"]], train=[["a"]]))[0].note == "no sample has 2 tokens"
    assert Entropy().compute(Given([[]]))[0].note == "no sample has 1 tokens"


def test_shares_and_entropy():
    corpus = [["a"], ["a"], ["a"], ["b", "c"]]
    assert unique_share(corpus) == 0.5
    assert top_sentence_share(corpus) == 0.75
    assert entropy([["a", "b", "c", "d"]], 2) == {1: pytest.approx(math.log(4)), 2: pytest.approx(math.log(3))}
    assert entropy([["a", "a"]])[1] == 0.0


def test_worked_example_of_novelty_and_copies():
    train, samples = [["a", "b", "c"]], [["a", "b", "d"], ["a", "b", "c"]]
    assert novelty(samples, train)[2] == 0.25
    assert copy_share(samples, train) == 0.5
    assert CopyShare().compute(Given(samples, train=train))[0].split == "train"


def test_seven_captions_stand_in_train_and_test(words):
    train, test = words("coco-captions/train.tok.txt"), words("coco-captions/test.tok.txt")
    copied = set(map(tuple, test)) & set(map(tuple, train))
    assert len(copied) == 7
    assert copy_share(test, train) == sum(tuple(sentence) in copied for sentence in test) / len(test)
