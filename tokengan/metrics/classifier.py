"""A classifier of labels that no generator ever saw: it learns from real text alone and keeps no random number.

Axes: N sentences, V words, K labels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from tokengan.metrics.ngrams import Sentences, digest

__all__ = ["LabelClassifier"]


class LabelClassifier:
    """p(y | x) = softmax(W f(x) + b): logistic regression on the words that a sentence has.

    f_v = log(N / n_v) for each word v of the sentence that stands in n_v of the N training sentences, divided by the
    norm of f. The loss is the mean of the labels' own mean cross-entropies, so that a rare label counts like a common
    one, plus l2 / N times the squared norm of W; it is convex, and is minimised by L-BFGS from zero.

    Args:
        sentences: Real sentences, tokenised.
        labels: The label of each.
        l2: Weight of the penalty.
        steps: Most steps of L-BFGS.

    >>> classifier = LabelClassifier([["so", "good"], ["good"], ["so", "bad"], ["bad"]], ["+", "+", "-", "-"])
    >>> classifier.labels, classifier([["good", "one"], ["bad"]])
    (['+', '-'], ['+', '-'])
    """

    def __init__(self, sentences: Sentences, labels: Sequence[str], l2: float = 0.5, steps: int = 100) -> None:
        self.labels = sorted(set(labels))
        counts = Counter(word for sentence in sentences for word in set(sentence))
        self._places = {word: i for i, word in enumerate(counts)}
        total = len(sentences)
        # A word of every sentence says nothing, and weighs nothing.
        self._weights = (total / torch.tensor(list(counts.values()), dtype=torch.float64)).log()
        self.signature = (
            f"classifier=words, log(N/n), unit norm, logistic regression, l2={l2:g}",
            f"learnt={total}#{digest([*sentences, labels])}",
        )
        features = self._features(sentences)
        number = {label: k for k, label in enumerate(self.labels)}
        target = torch.tensor([number[label] for label in labels])
        balance = 1 / (len(self.labels) * target.bincount(minlength=len(self.labels)).double())
        self._matrix = torch.zeros(len(counts), len(self.labels), dtype=torch.float64, requires_grad=True)
        self._bias = torch.zeros(len(self.labels), dtype=torch.float64, requires_grad=True)
        parameters = [self._matrix, self._bias]
        optimiser = torch.optim.LBFGS(parameters, max_iter=steps, line_search_fn="strong_wolfe")

        def loss() -> Tensor:
            each = cross_entropy(self._logits(features), target, reduction="none")
            value = (balance[target] * each).sum() + l2 / total * self._matrix.square().sum()
            for parameter, slope in zip(parameters, torch.autograd.grad(value, parameters), strict=True):
                parameter.grad = slope
            return value.detach()

        with torch.enable_grad():
            optimiser.step(loss)
        for parameter in parameters:
            parameter.requires_grad_(False)

    @torch.no_grad()
    def probabilities(self, sentences: Sentences) -> Tensor:
        """Return p(y | x) [N,K]."""
        return self._logits(self._features(sentences)).softmax(1)

    def __call__(self, sentences: Sentences) -> list[str]:
        """Return the likeliest label of each sentence."""
        return [self.labels[k] for k in self.probabilities(sentences).argmax(1).tolist()]

    def _features(self, sentences: Sentences) -> Tensor:
        """Return f [N,V], sparse."""
        rows, columns = [], []
        for i, sentence in enumerate(sentences):
            known = sorted({self._places[word] for word in sentence if word in self._places})
            rows += [i] * len(known)
            columns += known
        places = torch.tensor([rows, columns], dtype=torch.long).view(2, -1)
        values = self._weights[places[1]]
        norms = values.new_zeros(len(sentences)).index_add(0, places[0], values.square()).sqrt().clamp(min=1e-12)
        size = (len(sentences), len(self._places))
        return torch.sparse_coo_tensor(places, values / norms[places[0]], size, check_invariants=False)

    def _logits(self, features: Tensor) -> Tensor:
        return torch.sparse.mm(features, self._matrix) + self._bias
