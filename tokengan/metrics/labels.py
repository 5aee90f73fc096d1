"""What generated text of a label is worth: is the label recovered by an outside classifier, and is the text varied?

The discriminator never grades itself: its judgement of what was trained against it is no figure of merit.

Axes: N sentences, K labels.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from weakref import WeakKeyDictionary

from torch import Tensor

from tokengan.metrics.base import Figure, Given, Metric
from tokengan.metrics.classifier import LabelClassifier
from tokengan.metrics.diversity import distinct_at
from tokengan.metrics.nearest import nearest_overlap
from tokengan.metrics.ngrams import Sentences, draw
from tokengan.tasks.base import Task, named

__all__ = ["LabelAccuracy", "LabelDiversity", "am_score", "classifier_of", "labels_of"]

_KNOWN: WeakKeyDictionary[Task, LabelClassifier] = WeakKeyDictionary()


def classifier_of(task: Task) -> LabelClassifier:
    """Return the classifier that learnt from a task's real text (`Task.classified`), the same one each time."""
    if task not in _KNOWN:
        texts, labels = task.classified()
        _KNOWN[task] = LabelClassifier([task.cut(text) for text in texts], labels)
    return _KNOWN[task]


def labels_of(task: Task, condition: Mapping[str, Tensor]) -> list[str]:
    """Return the names of the labels under which rows were written."""
    return named(task.labels, condition["label"])


def am_score(real: Tensor, written: Tensor) -> float:
    """Return KL(mean of p over real || mean of p over written) + mean entropy of p over written; 0 is perfect.

    Of probabilities p(y | x) [N,K]. The first part says whether all labels are written as often as they occur, the
    second whether each text has a clear one (Zhou et al. 2018). Probabilities below 1e-12 count as that.

    >>> import torch
    >>> one_hot = torch.eye(2, dtype=torch.float64)
    >>> am_score(one_hot, one_hot), round(am_score(one_hot, one_hot[:1]), 1)    # the second is not finite: guarded
    (0.0, 13.1)
    """
    p, q = (each.mean(0).clamp(min=1e-12) for each in (real, written))
    entropy = -(written * written.clamp(min=1e-12).log()).sum(1).mean()
    return max(((p * (p / q).log()).sum() + entropy).item(), 0.0)


def _groups(labels: Sequence[str], each: bool) -> Iterator[tuple[str, list[int]]]:
    """Yield the end of a figure's name and the rows that it is of: all, then those of each label."""
    yield "", list(range(len(labels)))
    for label in sorted(set(labels)) if each else ():
        yield f", {label}", [i for i, one in enumerate(labels) if one == label]


class LabelAccuracy(Metric):
    """Share of texts whose label an outside classifier recovers, all together and for each label, and the AM score.

    `(reference)` is the same of held-out real text, the classifier's own ceiling on text of that kind. Samples may
    score above it: what has only typical words of its label is easier than what people write. Read diversity beside it.

    Args:
        each: Whether to give each label's own figure too.
    """

    name = "label-accuracy"
    needs = frozenset({"samples", "reference", "labels", "classifier"})
    direction = "higher"
    bounds = (0.0, 1.0)
    split = "samples"

    def __init__(self, each: bool = True) -> None:
        self.each = each

    def compute(self, given: Given) -> list[Figure]:
        """Return the shares of the samples, then those of real text."""
        classifier: LabelClassifier = given.extra["classifier"]
        figures = []
        for text, end in (("samples", ""), ("reference", " (reference)")):
            labels, said = given.extra["labels"][text], classifier(given.get(text))
            source = given.replace(splits={**given.splits, "samples": given.split_of(text)})
            for group, rows in _groups(labels, self.each):
                right = fmean(said[i] == labels[i] for i in rows)
                name = f"label accuracy{group}"
                figure = self.figure(name, right, source, *classifier.signature, f"sentences={len(rows)}")
                figures.append(figure.replace(name=name + end))
        laws = [classifier.probabilities(given.get(text)) for text in ("reference", "samples")]
        score = self.figure(
            "AM score", am_score(*laws), given, *classifier.signature, given.source("reference", "refs")
        )
        return [*figures, score.replace(direction="lower")]


class LabelDiversity(Metric):
    """Diversity of each label's texts: 1 - Jaccard likeness to the nearest other one, and distinct-2 of some tokens.

    A label-bearing stock phrase ("great movie !") is recovered by any classifier: this is what gives it away. The
    Jaccard figure is SentiGAN's: mean over S_i of 1 - max_j |S_i n S_j| / |S_i u S_j|, S the sets of words.

    Args:
        sentences: Most sentences compared; a fixed draw of them.
        budget: Tokens that distinct-2 is taken of.
    """

    name = "label-diversity"
    needs = frozenset({"samples", "reference", "labels"})
    direction = "higher"
    bounds = (0.0, 1.0)
    split = "samples"

    def __init__(self, sentences: int = 1000, budget: int = 1000) -> None:
        self.sentences, self.budget = sentences, budget

    def compute(self, given: Given) -> list[Figure]:
        """Return the figures of all samples and of each label's, then those of real text."""
        figures = []
        for text, end in (("samples", ""), ("reference", " (reference)")):
            source = given.replace(splits={**given.splits, "samples": given.split_of(text)})
            for group, rows in _groups(given.extra["labels"][text], True):
                own: Sentences = [given.get(text)[i] for i in rows]
                few = draw(own, self.sentences)
                apart = 1 - fmean(nearest_overlap(few)[0]) if len(few) > 1 else float("nan")
                two = distinct_at(own, self.budget, order=2)[2]
                for name, value, part, lacking in (
                    (f"Jaccard diversity{group}", apart, f"sentences={len(few)}", "fewer than two sentences"),
                    (f"distinct-2@{self.budget}{group}", two, f"budget={self.budget}", f"under {self.budget} tokens"),
                ):
                    note = "" if math.isfinite(value) else lacking
                    figures.append(self.figure(name, value, source, part, note=note).replace(name=name + end))
        return figures
