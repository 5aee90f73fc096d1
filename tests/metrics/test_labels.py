"""Label accuracy by an outside classifier, the AM score, and the diversity of each label."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from tokengan.generators.per_label import PerLabel
from tokengan.generators.recurrent import LSTM
from tokengan.methods.mle import MLE
from tokengan.metrics.base import Given, missing
from tokengan.metrics.classifier import LabelClassifier
from tokengan.metrics.evaluator import Evaluator, final_report
from tokengan.metrics.labels import LabelAccuracy, LabelDiversity, am_score, classifier_of
from tokengan.metrics.nearest import nearest_overlap
from tokengan.tasks.labelled import LabelledTask

WORDS = {"good": ["great", "lovely", "fine"], "bad": ["awful", "dull", "poor"]}


def text(label: str, i: int) -> str:
    own = WORDS[label]
    return f"a {own[i % 3]} and {own[i * 7 // 3 % 3]} film number {i % 5}"


@pytest.fixture(scope="module")
def task(tmp_path_factory) -> LabelledTask:
    folder = tmp_path_factory.mktemp("labels")
    rows = [f"{label}\tthe {i} : {text(label, i)}" for label in WORDS for i in range(40)]
    (folder / "my.tsv").write_text("\n".join(rows) + "\n")
    return LabelledTask(str(folder / "my.tsv"), column=2, label=1)


def test_the_classifier_is_the_slow_one() -> None:
    """Features, balanced loss and its minimum, by dense matrices and plain gradient descent."""
    sentences = [s.split() for s in ("a good film", "good good fun", "a bad film", "bad", "a dull film", "so dull")]
    labels = ["+", "+", "-", "-", "-", "-"]
    classifier = LabelClassifier(sentences, labels, l2=0.5, steps=500)
    words = sorted({word for sentence in sentences for word in sentence})
    count = {word: sum(word in sentence for sentence in sentences) for word in words}
    x = np.array([[math.log(6 / count[w]) * (w in sentence) for w in words] for sentence in sentences])
    x /= np.sqrt((x**2).sum(1, keepdims=True))
    y = np.array([[label == "+", label == "-"] for label in labels], float)
    share = np.array([1 / (2 * labels.count(label)) for label in labels])[:, None]
    w, b = np.zeros((len(words), 2)), np.zeros(2)
    for _ in range(4000):
        p = np.exp(x @ w + b)
        p /= p.sum(1, keepdims=True)
        w -= 0.3 * (x.T @ (share * (p - y)) + 2 * 0.5 / 6 * w)
        b -= 0.3 * (share * (p - y)).sum(0)
    np.testing.assert_allclose(classifier.probabilities(sentences).numpy(), p, atol=1e-5)


def test_it_is_the_same_every_time_and_draws_nothing(task: LabelledTask) -> None:
    before = torch.get_rng_state()
    texts, labels = task.classified()
    sentences = [s.split() for s in texts]
    one, other = LabelClassifier(sentences, labels), LabelClassifier(sentences, labels)
    assert torch.equal(one.probabilities(sentences), other.probabilities(sentences))
    assert torch.equal(torch.get_rng_state(), before)
    assert one.signature == other.signature
    assert one.signature != LabelClassifier(sentences[1:], labels[1:]).signature
    assert classifier_of(task) is classifier_of(task)


def test_accuracy_by_hand_pooled_and_of_each_label_beside_real_text() -> None:
    sentences = [text(label, i).split() for label in WORDS for i in range(30)]
    classifier = LabelClassifier(sentences, ["good"] * 30 + ["bad"] * 30)
    samples = [["a", "great", "film"], ["a", "dull", "film"], ["a", "poor", "film"], ["lovely"]]
    labels = {"samples": ["good", "good", "bad", "bad"], "reference": ["bad", "good"]}
    given = Given(samples, [["awful"], ["fine"]], extra={"labels": labels, "classifier": classifier})
    found = {figure.name: figure for figure in LabelAccuracy().compute(given)}
    assert {name: figure.value for name, figure in found.items() if name != "AM score"} == {
        "label accuracy": 0.5,
        "label accuracy, good": 0.5,
        "label accuracy, bad": 0.5,
        "label accuracy (reference)": 1.0,
        "label accuracy, good (reference)": 1.0,
        "label accuracy, bad (reference)": 1.0,
    }
    assert "learnt=60#" in found["label accuracy"].signature
    assert found["label accuracy (reference)"].split == "test"
    assert "label accuracy, good" not in {figure.name for figure in LabelAccuracy(each=False).compute(given)}
    assert missing(LabelAccuracy(), given.replace(extra={})) is not None


def test_am_score_is_zero_for_sure_balanced_samples_and_large_for_one_class() -> None:
    """labelgan.md's check: the constant class diverges (guarded), log 2 the other way round."""
    sure = torch.eye(2, dtype=torch.float64)
    assert am_score(sure, sure) == 0
    assert am_score(sure, sure[:1]) > 10
    assert am_score(sure[:1], sure) == pytest.approx(math.log(2))
    undecided = torch.full((4, 2), 0.5, dtype=torch.float64)
    assert am_score(undecided, undecided) == pytest.approx(math.log(2))


def test_diversity_gives_a_stock_phrase_away() -> None:
    """Recovered every time, and no text at all (labelgan.md, traps 6 and 7)."""
    stock, varied = [["great", "movie", "!"]] * 20, [text("bad", i).split() for i in range(20)]
    labels = {"samples": ["good"] * 20 + ["bad"] * 20, "reference": ["good"] * 20 + ["bad"] * 20}
    given = Given([*stock, *varied], [*varied, *varied], extra={"labels": labels})
    found = {figure.name: figure.value for figure in LabelDiversity(budget=40).compute(given)}
    assert found["Jaccard diversity, good"] == 0
    assert found["distinct-2@40, good"] < found["distinct-2@40, bad"]


def test_jaccard_is_the_slow_one() -> None:
    sentences = [text("good", i).split() for i in range(12)] + [[]]
    others = [text("bad", i).split() for i in range(7)]

    def likeness(a: list[str], b: list[str]) -> float:
        return len(set(a) & set(b)) / len(set(a) | set(b)) if a or b else 1.0

    inside = [max(likeness(a, b) for j, b in enumerate(sentences) if j != i) for i, a in enumerate(sentences)]
    assert nearest_overlap(sentences)[0] == pytest.approx(inside)
    assert nearest_overlap(sentences, others)[0] == pytest.approx(
        [max(likeness(a, b) for b in others) for a in sentences]
    )


def test_evaluation_shows_it_for_a_generator_that_reads_labels_alone(task: LabelledTask) -> None:
    reads = MLE(task, generator=lambda spec: PerLabel(spec, lambda one: LSTM(one, 4, 4)))
    blind = MLE(task, generator=lambda spec: LSTM(spec, 4, 4))
    assert "label accuracy" in Evaluator(20)(reads)
    assert "label accuracy" not in Evaluator(20)(blind)
    names = {figure.name for figure in final_report(reads).figures}
    assert {"label accuracy", "label accuracy, good", "label accuracy (reference)", "Jaccard diversity, bad"} <= names
