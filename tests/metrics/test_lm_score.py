"""LM score and reverse LM score: the likelihood of one text under a judge of another, by hand and in direction."""

import math
import random

import pytest
import torch

from tokengan.generators.ngram import NGram
from tokengan.metrics import Given
from tokengan.metrics.lm_score import END, PAD, START, UNKNOWN, LMScore, judged
from tokengan.sequences import Sequences
from tokengan.spec import Spec

REAL = [s.split() for s in ("a cat sat", "a dog sat", "the cat ran", "the dog ran off", "a cat ran")] * 6


def scores(samples, reference=REAL):
    return [figure.value for figure in LMScore().compute(Given(samples, reference))]


def test_the_score_is_the_mean_over_tokens_of_the_laws_own_steps():
    ids = {"a": 4, "b": 5}
    learnt = Sequences(
        torch.tensor([[4, 5, END], [4, 4, END], [5, END, PAD]]), torch.tensor([[1, 1, 1], [1, 1, 1], [1, 1, 0]]).bool()
    )
    judge = NGram(Spec(6, 4, START, END, PAD, UNKNOWN), 4)
    judge.count(learnt)
    total = 0.0
    text = [["a", "b", "a"], ["c"], []]
    for sentence in text:
        outputs, state = judge.start(1, {})
        for word in [*(ids.get(w, UNKNOWN) for w in sentence), END]:
            total -= outputs["logits"].double().log_softmax(-1)[0, word].item()
            outputs, state = judge.step(torch.tensor([word]), state)
    ours = judged(text, [["a", "b"], ["a", "a"], ["b"]], [["a", "b"]])
    assert ours.mean == pytest.approx(total / 7, rel=1e-5)


def test_a_judge_that_has_seen_one_word_and_its_end_is_nearly_sure():
    """A unigram law is the share of each token: p(a) = 2/3, p(b) = 1/3 up to the discount, which 900 counts drown."""
    learnt = [["a", "a", "b"] * 300]
    score = judged([["a", "b"] * 400], learnt, learnt, order=1).mean
    assert score == pytest.approx((math.log(3 / 2) + math.log(3)) / 2, abs=0.02)


def test_repetition_has_a_low_score_and_a_high_reverse_score():
    same, collapsed = scores(REAL), min(scores([sentence] * 30) for sentence in REAL[:5])
    assert collapsed[0] < same[0]
    assert collapsed[1] > same[1] + 0.5


def test_shuffled_and_foreign_words_have_both_scores_high():
    same = scores(REAL)
    shuffle = random.Random(0)
    for samples in ([shuffle.sample(s, len(s)) for s in REAL], [["x", "y", "z"]] * 30):
        assert all(mine > real + 0.2 for mine, real in zip(scores(samples), same, strict=True))


def test_line_order_empty_sentences_and_single_ones():
    assert scores(REAL[::-1], REAL[7:] + REAL[:7]) == pytest.approx(scores(REAL), abs=1e-6)
    for samples in ([[]], [["a"]], [[], ["a", "b"]]):
        assert all(0 < value < math.inf for value in scores(samples))
        assert all(figure.note for figure in LMScore().compute(Given(samples, [["a"]])))
