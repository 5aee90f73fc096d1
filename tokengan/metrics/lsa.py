"""Latent semantic analysis: TF-IDF of words and word pairs, projected to its largest singular directions.

A sentence is the vector (1 + log tf(g)) * (1 + log((1 + N) / (1 + df(g)))) over its n-grams g, beginning and end of the
sentence marked, divided by its length; the document frequencies df and the H right singular vectors come from the
reference. n-grams that stand in one reference sentence alone have no column, but count in the length, as those that
stand in none do: nonsense lies near the origin. Deerwester et al. 1990; the singular vectors by random projection and
power iterations with a fixed seed, Halko, Martinsson and Tropp 2011.

Axes: N sentences, C columns (n-grams), P pairs of a sentence and an n-gram, H dimensions.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from tokengan.metrics.features import Array, Encoder, Read
from tokengan.metrics.ngrams import Sentences

__all__ = ["LSA"]

BEGIN, END = "\x02", "\x03"  # no tokeniser here leaves them in a text
MORE, POWERS, FADED = 32, 8, 1e-9  # directions carried besides, power iterations, singular values taken for zero


@dataclass(frozen=True)
class _Sparse:
    """A matrix [N,C] by its entries, row after row.

    Args:
        columns: Column of each entry [P].
        values: The entries [P].
        starts: Where each row begins [N].
        width: C.
    """

    columns: Tensor
    values: Tensor
    starts: Tensor
    width: int

    def times(self, dense: Tensor) -> Tensor:
        """Return the product [N,K] with a dense matrix [C,K]: a weighted sum of its rows for each row here."""
        if not len(self.columns):
            return dense.new_zeros(len(self.starts), dense.shape[1])
        return torch.nn.functional.embedding_bag(
            self.columns, dense, self.starts, mode="sum", per_sample_weights=self.values
        )

    def transposed(self) -> _Sparse:
        """Return the matrix [C,N]."""
        order = self.columns.argsort(stable=True)
        counts = torch.diff(self.starts, append=torch.tensor([len(self.columns)]))
        rows = torch.arange(len(self.starts)).repeat_interleave(counts)
        sizes = torch.bincount(self.columns, minlength=self.width)
        return _Sparse(rows[order], self.values[order], sizes.cumsum(0) - sizes, len(self.starts))


def _grams(sentence: Sequence[str]) -> Iterator[tuple[str, ...]]:
    yield from ((word,) for word in sentence)
    if sentence:
        yield from pairwise((BEGIN, *sentence, END))


def _tf_idf(
    sentences: Sentences, columns: Mapping[tuple[str, ...], int], weights: Mapping[tuple[str, ...], float], rare: float
) -> _Sparse:
    where, values, starts = [], [], []
    for sentence in sentences:
        starts.append(len(where))
        entries = {
            gram: (1 + math.log(count)) * weights.get(gram, rare) for gram, count in Counter(_grams(sentence)).items()
        }
        length = np.sqrt(sum(value * value for value in entries.values()))
        for gram, value in entries.items():
            if gram in columns:
                where.append(columns[gram])
                values.append(value / length)
    return _Sparse(
        torch.tensor(where, dtype=torch.long),
        torch.tensor(values, dtype=torch.float64),
        torch.tensor(starts, dtype=torch.long),
        len(columns),
    )


def _directions(x: _Sparse, size: int) -> Tensor:
    """Return the right singular vectors [C,H] of the `size` largest singular values, fewer where the rank is less."""
    rows, columns = len(x.starts), x.width
    size = min(size, rows, columns)
    back = x.transposed()
    start = np.random.default_rng(0).standard_normal((columns, min(size + MORE, rows, columns)))
    basis = torch.from_numpy(start)
    for _ in range(POWERS):
        basis = torch.linalg.qr(back.times(torch.linalg.qr(x.times(basis)).Q)).Q
    _, singular, vectors = torch.linalg.svd(x.times(basis), full_matrices=False)
    kept = int((singular[:size] > FADED * singular[0]).sum()) if len(singular) else 0
    found = basis @ vectors[:kept].T
    # A singular vector has no sign of its own: the largest entry is made positive.
    largest = found.gather(0, found.abs().argmax(0, keepdim=True)) if kept else found[:1]
    return found * largest.sign()


class LSA(Encoder):
    """TF-IDF of words and word pairs, cut to its largest directions on the reference; nothing is downloaded.

    Args:
        dimensions: H.

    >>> read = LSA(2).fit([["a", "cat"], ["a", "cat"], ["a", "dog"], ["a", "dog"]])
    >>> cat, dog, nonsense, empty = read([["a", "cat"], ["a", "dog"], ["x", "y", "z"], []])
    >>> bool(cat @ cat > cat @ dog > 0.1), nonsense.tolist(), empty.tolist()
    (True, [0.0, 0.0], [0.0, 0.0])
    """

    def __init__(self, dimensions: int = 128) -> None:
        self.dimensions = dimensions
        self.name = f"lsa-{dimensions}(1-2-grams)"

    def fit(self, reference: Sentences) -> Read:
        """Return the projection that the reference gives."""
        held = Counter(gram for sentence in reference for gram in set(_grams(sentence)))
        # Sorted, since a set of texts comes in another order in every process.
        shared = sorted(gram for gram, count in held.items() if count > 1) or sorted(held)
        columns = {gram: k for k, gram in enumerate(shared)}
        weights = {gram: 1 + np.log((1 + len(reference)) / (1 + count)) for gram, count in held.items()}
        rare = 1 + np.log((1 + len(reference)) / 2)
        directions = _directions(_tf_idf(reference, columns, weights, rare), self.dimensions)

        def read(sentences: Sentences) -> Array:
            return _tf_idf(sentences, columns, weights, rare).times(directions).numpy()

        return read
