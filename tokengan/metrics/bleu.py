"""BLEU against a reference corpus and leave-one-out Self-BLEU: means of sentence scores, smoothing method1 of nltk.

The score of a sentence h of length |h| is

    BLEU-n(h) = BP * (p_1 * ... * p_n)^(1/n),    p_k = matches_k / max(1, |h| - k + 1),

where each k-gram of h matches at most as often as it stands in any single reference, matches_k = 0 counts as 0.1
(method1) except that no unigram match at all scores 0, and BP = exp(1 - r/|h|) if |h| < r, otherwise 1, with r the
reference length closest to |h| (the shorter one of two equally close). Papineni et al. 2002; Chen and Cherry 2014.

Against thousands of references only the largest count of each k-gram over them matters, and with one sentence left out
only the second largest besides. So all sentences are scored at once, in time linear in the number of n-grams but for
the sorts. Axes: H hypotheses, R references, G pairs of an n-gram and a sentence that holds it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tokengan.metrics.base import Figure, Given, Metric
from tokengan.metrics.ngrams import Corpus, Ints, Sentences, encode, ngrams, runs

__all__ = ["Bleu", "SelfBleu", "bleu", "self_bleu"]

ORDERS = (2, 3, 4, 5)
EPSILON = 0.1  # what method1 puts in place of a zero numerator
Floats = NDArray[np.float64]


def bleu(hypotheses: Sentences, references: Sentences, orders: Sequence[int] = ORDERS) -> dict[int, Floats]:
    """Return BLEU-n of each hypothesis against all references, for every n asked for: {n: scores [H]}.

    Equal to nltk's `sentence_bleu(references, h, weights=[1/n] * n, smoothing_function=method1)`.

    >>> references = ["the cat sat on the mat".split(), "a dog sat on a mat".split()]
    >>> {n: round(float(s[0]), 4) for n, s in bleu(["the cat sat on a mat".split()], references).items()}
    {2: 1.0, 3: 1.0, 4: 0.9036, 5: 0.5065}
    """
    if not references:
        raise ValueError("BLEU needs at least one reference")
    corpus = encode([*hypotheses, *references])
    split = len(hypotheses)
    closest = _closest(corpus.lengths[:split], corpus.lengths[split:])
    return _scores(corpus, split, closest, orders, leave_one_out=False)


def self_bleu(sentences: Sentences, orders: Sequence[int] = ORDERS) -> dict[int, Floats]:
    """Return BLEU-n of each sentence against all the others, itself left out: {n: scores [H]}.

    >>> scores = self_bleu(["a b c d".split(), "a b c e".split(), "x y z w".split()])
    >>> scores[2].round(4).tolist()
    [0.7071, 0.7071, 0.0]
    """
    if len(sentences) == 1:
        raise ValueError("Self-BLEU needs at least two sentences: one has no others to be compared with")
    corpus = encode(sentences)
    closest = _closest(corpus.lengths, corpus.lengths, leave_one_out=True)
    return _scores(corpus, len(sentences), closest, orders, leave_one_out=True)


def _closest(lengths: Ints, references: Ints, *, leave_one_out: bool = False) -> Floats:
    """Return the reference length closest to each length, one reference of that very length not counted if so asked."""
    known, counts = np.unique(references, return_counts=True)
    edged = np.concatenate([[-np.inf], known, [np.inf]])
    upper = np.searchsorted(edged, lengths)
    lower = upper - 1
    if leave_one_out:
        upper = upper + (counts[upper - 1] == 1)
    return np.where(lengths - edged[lower] <= edged[upper] - lengths, edged[lower], edged[upper])


def _scores(
    corpus: Corpus, hypotheses: int, closest: Floats, orders: Sequence[int], *, leave_one_out: bool
) -> dict[int, Floats]:
    """Return the scores of the first sentences of the corpus against its other ones, or against each other."""
    lengths = corpus.lengths[:hypotheses]
    longest = np.maximum(lengths, 1)
    penalty = np.exp(np.minimum(0.0, 1 - closest / longest))
    log_product = np.zeros(hypotheses)
    scores = {}
    owner = corpus.sentence.astype(np.int32)
    # An n-gram that stands once in the whole corpus has no partner to match.
    for n, places, ids in ngrams(corpus, max(orders), repeated=True):
        sentence = owner[places]
        first, counts = runs(ids, sentence)
        gram, sentence = ids[first], sentence[first]
        clip = _largest_elsewhere(gram, counts) if leave_one_out else _largest(gram, counts, sentence >= hypotheses)
        own = sentence < hypotheses
        matches = np.bincount(sentence[own], np.minimum(counts, clip)[own], minlength=hypotheses)
        if n == 1:
            penalty[matches == 0] = 0.0
        log_product += np.log(np.where(matches == 0, EPSILON, matches) / np.maximum(1, lengths - n + 1))
        if n in orders:
            scores[n] = penalty * np.exp(log_product / n)
    return scores


def _largest(gram: Ints, counts: Ints, among: NDArray[np.bool_]) -> Ints:
    """Return, for each pair, the largest count of its n-gram over the chosen pairs, 0 where none has it [G]."""
    first, sizes = runs(gram)
    return np.repeat(_most(np.where(among, counts, 0), first), sizes)


def _largest_elsewhere(gram: Ints, counts: Ints) -> Ints:
    """Return, for each pair, the largest count of its n-gram over all other sentences [G].

    That is the largest of all, but for the one sentence that alone has the largest: there it is the second largest.
    """
    first, sizes = runs(gram)
    largest = np.repeat(_most(counts, first), sizes)
    at_top = counts == largest
    alone = np.add.reduceat(at_top, first, dtype=np.int64) == 1 if len(first) else at_top
    second = _most(np.where(at_top, 0, counts), first)
    return np.where(at_top & np.repeat(alone, sizes), np.repeat(second, sizes), largest)


def _most(counts: Ints, first: Ints) -> Ints:
    """Return the largest count of each run."""
    return np.maximum.reduceat(counts, first) if len(first) else counts


class Bleu(Metric):
    """BLEU-2..5 of the samples against all sentences of the reference: quality, as far as n-grams can tell.

    Rises with the number of references and with any loss of entropy, and knows nothing of diversity: read it beside
    Self-BLEU, and against the same figure of the training lines.

    >>> given = Given(samples=[["a", "motorcycle", "."]], reference=[["a", "motorcycle", "."]])
    >>> [(figure.name, round(figure.value, 3)) for figure in Bleu().compute(given)]    # an exact copy!
    [('BLEU-2', 1.0), ('BLEU-3', 1.0), ('BLEU-4', 0.562), ('BLEU-5', 0.398)]
    """

    name = "bleu"
    needs = frozenset({"samples", "reference"})
    direction = "higher"
    bounds = (0.0, 1.0)
    split = "reference"

    def compute(self, given: Given) -> list[Figure]:
        """Return BLEU-2..5, means over the samples."""
        scores = bleu(given.samples, given.reference or [])
        parts = (
            "smoothing=method1",
            "mean of sentences",
            given.size("samples", "hyps"),
            given.source("reference", "refs"),
        )
        return [self.figure(f"BLEU-{n}", float(scores[n].mean()), given, *parts) for n in ORDERS]


class SelfBleu(Metric):
    """Self-BLEU-2..5: BLEU of each sample against all other samples, itself never among them; lower is more diverse.

    Grows with the number of samples, so that number is in the signature; random words score 0.

    >>> given = Given(samples=[["a", "b"], ["a", "b"]])
    >>> [round(figure.value, 3) for figure in SelfBleu().compute(given)][:1]
    [1.0]
    """

    name = "self-bleu"
    needs = frozenset({"samples"})
    direction = "lower"
    bounds = (0.0, 1.0)
    split = "samples"

    def compute(self, given: Given) -> list[Figure]:
        """Return Self-BLEU-2..5, means over the samples; not a number for a single one."""
        note = "" if len(given.samples) > 1 else "one sentence has no others to be compared with"
        scores = {n: np.array(math.nan) for n in ORDERS} if note else self_bleu(given.samples)
        parts = ("leave-one-out", "smoothing=method1", "mean of sentences", given.size("samples", "sentences"))
        return [self.figure(f"Self-BLEU-{n}", float(scores[n].mean()), given, *parts, note=note) for n in ORDERS]
