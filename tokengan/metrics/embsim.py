"""EmbSim, legacy: are the neighbours of words in the samples those that they have in the reference?

    W_i = cosines of word i with every word,    EmbSim = log10( 1/K sum_i cos(W_i, W'_i) ),

W from skip-gram vectors taught on the reference, W' on the samples, over the K most frequent words of the reference
(Zhu et al. 2018, Texygen). 0 is the best, as in the reference itself; the worse the lower.

It is here for tables that have it and should decide nothing. Both sets of vectors start from the same random numbers
and are taught for two passes, so that words which the samples never use keep their start on one side: what the figure
tells is mostly which words were used how often, and `js` says that in plain terms. docs/metrics.md has its figures on
texts with known faults.

The recipe is Texygen's: 32 dimensions from a uniform start between -1 and 1, a window of one word, softmax over the
context word and 64 drawn ones, Adagrad of rate 1. Departures: pairs do not reach across sentences; batches of 256 pairs
in random order; the frequent words are in order. Its figures are not the published ones.

Axes: B pairs, V words of the reference, K frequent words, H dimensions.
"""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from tokengan.metrics.base import Figure, Given, Metric
from tokengan.metrics.ngrams import Sentences, draw

__all__ = ["EmbSim", "embsim", "skip_gram"]

FREQUENT, DIMENSIONS, PASSES, DRAWN, PAIRS, RATE = 1000, 32, 2, 64, 256, 1.0


def skip_gram(sentences: Sentences, frequency: Counter[str], passes: int = PASSES) -> Tensor:
    """Return the vectors [V,H], of length 1, of the words counted in `frequency`; other words are passed over.

    >>> skip_gram([["a", "b"]], Counter({"b": 2, "a": 1})).shape
    torch.Size([2, 32])
    """
    places = {word: i for i, word in enumerate(frequency)}
    law = torch.tensor(list(frequency.values()), dtype=torch.float64)
    law, size = law / law.sum(), len(places)
    random = torch.Generator().manual_seed(0)
    centre = torch.rand(size, DIMENSIONS, generator=random) * 2 - 1
    context = torch.randn(size, DIMENSIONS, generator=random) / math.sqrt(DIMENSIONS)
    bias = torch.zeros(size)
    # A place between sentences that no word has: no pair reaches across.
    flat = np.array([place for s in sorted(sentences, key=tuple) for place in [*(places.get(w, -1) for w in s), -1]])
    beside = np.stack([flat[:-1], flat[1:]])[:, (flat[:-1] >= 0) & (flat[1:] >= 0)]
    pairs = torch.from_numpy(np.concatenate([beside, beside[::-1]], axis=1))
    parameters = [parameter.requires_grad_() for parameter in (centre, context, bias)]
    adagrad = torch.optim.Adagrad(parameters, RATE, initial_accumulator_value=0.1)
    expected = (law.log() + math.log(DRAWN)).float()  # of a drawn word: how often it is drawn
    for _ in range(passes):
        for part in torch.randperm(pairs.shape[1], generator=random).split(PAIRS):
            if not len(part):
                continue
            word, beside_it = pairs[:, part]
            others = torch.multinomial(law, DRAWN, replacement=True, generator=random)
            with torch.enable_grad():
                vectors = centre[word]
                right = (vectors * context[beside_it]).sum(1) + bias[beside_it] - expected[beside_it]
                wrong = vectors @ context[others].T + bias[others] - expected[others]
                scores = torch.cat([right[:, None], wrong], dim=1)
                loss = cross_entropy(scores, torch.zeros(len(word), dtype=torch.long))
                for parameter, slope in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
                    parameter.grad = slope
            adagrad.step()
    return normalize(centre.detach().double(), dim=1)


def embsim(samples: Sentences, reference: Sentences, frequent: int = FREQUENT, passes: int = PASSES) -> float:
    """Return EmbSim; not a number where the mean of the cosines is 0 or less, which has no logarithm.

    >>> abs(embsim([["a", "b"], ["b", "c"]], [["b", "c"], ["a", "b"]])) < 1e-9
    True
    """
    counts = Counter(word for sentence in reference for word in sentence)
    frequency = Counter(dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))))
    mine, real = (skip_gram(text, frequency, passes) for text in (samples, reference))
    mean = likeness(mine, real, frequent)
    return min(0.0, math.log10(mean)) + 0.0 if mean > 0 else math.nan


def likeness(mine: Tensor, real: Tensor, frequent: int = FREQUENT) -> float:
    """Return 1/K sum_i cos(W_i, W'_i) of two sets of vectors [V,H] of length 1, the frequent words first.

    >>> real = torch.tensor([[1.0, 0.0], [0.0, 1.0]], dtype=torch.double)
    >>> mine = torch.tensor([[1.0, 0.0], [1.0, 0.0]], dtype=torch.double)
    >>> round(likeness(mine, real), 4)       # (1, 1) against (1, 0), and (1, 1) against (0, 1)
    0.7071
    """
    parts = zip(mine[:frequent].split(64), real[:frequent].split(64), strict=True)
    cosines = [torch.cosine_similarity(a @ mine.T, b @ real.T, dim=1) for a, b in parts]
    return torch.cat(cosines).mean().item()


class EmbSim(Metric):
    """EmbSim, legacy: computed when asked for by name alone, and to be trusted with nothing.

    >>> figure = EmbSim().compute(Given([["a", "b"]], [["a", "b"]]))[0]
    >>> abs(figure.value) < 1e-9, figure.note
    (True, 'legacy: tells little')
    """

    name = "embsim"
    needs = frozenset({"samples", "reference"})
    direction = "higher"
    bounds = (-math.inf, 0.0)
    split = "reference"
    cost = "legacy"

    def compute(self, given: Given) -> list[Figure]:
        """Return EmbSim."""
        reference = given.reference or []
        size = min(len(given.samples), len(reference))
        value = embsim(draw(given.samples, size), draw(reference, size))
        recipe = f"legacy, skip-gram of {DIMENSIONS} dimensions, {PASSES} passes, {FREQUENT} frequent words"
        note = "legacy: tells little" if not math.isnan(value) else "the mean cosine is not above 0"
        parts = (recipe, f"n={size}+{size}", given.source("reference", "refs"))
        return [self.figure("EmbSim", value, given, *parts, note=note)]
