"""BLEU and Self-BLEU against nltk, the worked examples and the values measured on COCO captions."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu

from tokengan.metrics import Bleu, Given, SelfBleu, bleu, self_bleu

ORDERS = (2, 3, 4, 5)
ROUNDED = 0.00055  # the card gives three decimals; its .526 is .52545
METHOD1 = SmoothingFunction().method1
# Few words and short sentences, so that ties, duplicates, sentences shorter than n and empty ones all come up.
sentences = st.lists(st.sampled_from("abc"), max_size=8)
corpora = st.lists(sentences, min_size=1, max_size=6)


def cut(*lines):
    return [line.split() for line in lines]


def nltk_scores(hypothesis, references):
    weights = [(1 / n,) * n for n in ORDERS]
    return sentence_bleu(references, hypothesis, weights=weights, smoothing_function=METHOD1)


def by_sentence(scores):
    return np.stack([scores[n] for n in ORDERS], axis=1)


def without(corpus, i):
    return corpus[:i] + corpus[i + 1 :]


def means(scores):
    return [float(scores[n].mean()) for n in ORDERS]


@settings(max_examples=150, deadline=None)
@given(corpora, corpora)
def test_bleu_equals_nltk_on_toy_corpora(hypotheses, references):
    expected = [nltk_scores(hypothesis, references) for hypothesis in hypotheses]
    np.testing.assert_allclose(by_sentence(bleu(hypotheses, references)), expected, rtol=0, atol=1e-9)


@settings(max_examples=150, deadline=None)
@given(st.lists(sentences, min_size=2, max_size=7))
def test_self_bleu_equals_nltk_without_the_sentence_itself(corpus):
    expected = [nltk_scores(sentence, without(corpus, i)) for i, sentence in enumerate(corpus)]
    np.testing.assert_allclose(by_sentence(self_bleu(corpus)), expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    "name",
    ["texygen_coco_mle", "texygen_coco_seqgan", "texygen_coco_textgan", "leakgan_repo_coco", "textgail_coco_mle_1.0_1"],
)
def test_bleu_and_self_bleu_equal_nltk_on_peer_samples(words, name):
    samples = random.Random(0).sample(words(f"peer-samples/{name}.txt"), 60)
    references = words("coco-captions/test.tok.txt")[:150]
    expected = [nltk_scores(sample, references) for sample in samples]
    np.testing.assert_allclose(by_sentence(bleu(samples, references)), expected, rtol=0, atol=1e-9)
    expected = [nltk_scores(sample, without(samples, i)) for i, sample in enumerate(samples)]
    np.testing.assert_allclose(by_sentence(self_bleu(samples)), expected, rtol=0, atol=1e-9)


def test_bleu_equals_nltk_against_all_ten_thousand_references(words):
    samples, references = words("peer-samples/texygen_coco_seqgan.txt")[:3], words("coco-captions/test.tok.txt")
    expected = [nltk_scores(sample, references) for sample in samples]
    np.testing.assert_allclose(by_sentence(bleu(samples, references)), expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("n", ORDERS)
def test_bleu_equals_sacrebleu_where_the_definitions_do(words, n):
    """Sentence BLEU against many references, white space as it is, a zero count as 0.1.

    Left out are samples of fewer than n words, which sacreBLEU gives 0 and method1 a smoothed share, and those without
    one common word: there method1 gives 0 outright.
    """
    sacrebleu = pytest.importorskip("sacrebleu.metrics", reason="the extra metrics is not installed")
    judge = sacrebleu.BLEU(
        max_ngram_order=n, smooth_method="floor", smooth_value=0.1, tokenize="none", effective_order=False
    )
    references = words("coco-captions/test.tok.txt")[:150]
    samples = [s for s in words("peer-samples/texygen_coco_seqgan.txt")[:60] if len(s) >= n]
    known = [" ".join(reference) for reference in references]
    expected = [judge.sentence_score(" ".join(sample), known).score / 100 for sample in samples]
    np.testing.assert_allclose(bleu(samples, references)[n], expected, rtol=0, atol=1e-9)
    # And corpus BLEU, of a corpus of one sentence with one reference: pooled counts are then its own.
    pair = cut("a man rides a horse on the beach"), cut("a man is riding a horse on the long beach")
    pooled = judge.corpus_score([" ".join(pair[0][0])], [[" ".join(pair[1][0])]]).score / 100
    assert bleu(*pair)[n][0] == pytest.approx(pooled, abs=1e-9)


def test_ceilings_measured_on_coco_captions(words):
    train, test = words("coco-captions/train.tok.txt"), words("coco-captions/test.tok.txt")
    assert means(bleu(train, test)) == pytest.approx([0.743, 0.526, 0.343, 0.222], abs=ROUNDED)
    assert means(bleu(test, train)) == pytest.approx([0.814, 0.611, 0.414, 0.268], abs=ROUNDED)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (500, [0.721, 0.494, 0.320, 0.209]),
        (1_000, [0.778, 0.560, 0.378, 0.249]),
        (5_000, [0.877, 0.722, 0.547, 0.395]),
        (10_000, [0.908, 0.778, 0.616, 0.460]),
    ],
)
def test_self_bleu_measured_on_coco_captions(words, size, expected):
    assert means(self_bleu(words("coco-captions/test.tok.txt")[:size])) == pytest.approx(expected, abs=ROUNDED)


def test_worked_examples_of_the_card():
    scores = bleu(cut("the cat sat on a mat"), cut("the cat sat on the mat", "a dog sat on a mat"))
    assert [round(float(scores[n][0]), 4) for n in ORDERS] == [1.0, 1.0, 0.9036, 0.5065]
    copies = cut("a motorcycle .", "motorcycle")
    assert bleu(copies, copies)[4].round(3).tolist() == [0.562, 0.178]
    # The mean of sentence scores; nltk's corpus_bleu pools the counts first and says .845 here.
    same = "one two three four five six"
    assert bleu(cut(same, "blue"), cut(same, "red"))[2].mean() == pytest.approx(0.5)


def test_worked_example_of_self_bleu():
    corpus = cut("a b c d", "a b c e", "x y z w")
    assert self_bleu(corpus)[2].mean() == pytest.approx((0.7071 + 0.7071 + 0) / 3, abs=1e-4)
    assert bleu(corpus, corpus)[2].mean() == pytest.approx(1.0)  # what including the sentence itself would say


def test_copies_score_one_and_disjoint_sentences_zero():
    np.testing.assert_allclose(by_sentence(self_bleu([list("abcdef")] * 5)), 1.0)
    np.testing.assert_array_equal(by_sentence(self_bleu([[letter] * 6 for letter in "abcde"])), 0.0)
    np.testing.assert_array_equal(by_sentence(bleu([["a"] * 6], [["b"] * 6])), 0.0)


def test_pain_06_self_bleu_leaves_the_sentence_out_by_construction():
    equal, different = [list("abcdef")] * 2, [list("abcdef"), list("uvwxyz")]
    assert [figure.value for figure in SelfBleu().compute(Given(equal))] == pytest.approx([1.0] * 4)
    assert [figure.value for figure in SelfBleu().compute(Given(different))] == [0.0] * 4
    assert all(
        "leave-one-out|" in f.signature and "|sentences=2|" in f.signature for f in SelfBleu().compute(Given(equal))
    )


def test_one_sentence_has_no_self_bleu_and_says_why():
    figure = SelfBleu().compute(Given([["a", "b"]]))[0]
    assert np.isnan(figure.value)
    assert "no others" in figure.note
    assert figure.to_json()["value"] is None
    with pytest.raises(ValueError, match="two sentences"):
        self_bleu([["a", "b"]])
    with pytest.raises(ValueError, match="one reference"):
        bleu([["a", "b"]], [])


@settings(max_examples=50, deadline=None)
@given(st.lists(sentences, min_size=2, max_size=7), corpora, st.randoms())
def test_sentence_order_does_not_matter(corpus, references, shuffler):
    before = means(self_bleu(corpus)) + means(bleu(corpus, references))
    shuffler.shuffle(corpus)
    shuffler.shuffle(references)
    assert means(self_bleu(corpus)) + means(bleu(corpus, references)) == pytest.approx(before)


def test_a_second_call_sees_samples_that_changed():
    # Texygen keeps the sentences of the first call and returns the first score for ever.
    metric, samples = SelfBleu(), [list("abcdef"), list("abcdef")]
    assert metric.compute(Given(samples))[0].value == pytest.approx(1.0)
    samples[1] = list("uvwxyz")
    assert metric.compute(Given(samples))[0].value == 0.0
    metric, at_hand = Bleu(), Given(samples, reference=[list("abcdef")])
    before = metric.compute(at_hand)[0].value
    samples[1] = list("abcdef")
    assert metric.compute(at_hand)[0].value > before
