"""CIDEr-D as reward (Vedantam, Zitnick and Parikh 2015).

Axes: B batch, R references, T time, E pairs of a sentence and an n-gram that it holds.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tokengan.rewards.base import Reward
from tokengan.rewards.overlap import Ints, ngram_ids
from tokengan.rewards.references import References
from tokengan.rewards.rouge import pairs_of
from tokengan.sequences import Sequences

__all__ = ["CiderD"]

ORDER = 4
Floats = NDArray[np.float64]


class CiderD(Reward):
    """R(x) = 10 times the mean, over n = 1..4 and the references r, of a clipped cosine of tf-idf weights.

    sum over n-grams of min(w_x, w_r) w_r / (|w_x| |w_r|) times exp(-(|x| - |r|)^2 / (2 sigma^2)), with w = count times
    log(N / max(1, df)): df is the number of training rows among whose references the n-gram stands, N of all training
    rows. EOS counts as a word, or a sentence that breaks off would lose nothing. A row without references of its own is
    compared with training sentences.
    """

    def __init__(self, sigma: float = 6.0, scale: float = 10.0, references: int | None = 16, seed: int = 0) -> None:
        """Set the score.

        Args:
            sigma: How far lengths may differ.
            scale: Multiplies the result, 10 by convention.
            references: Training sentences to compare with where a row has no references of its own; None for all.
            seed: Seed by which they are drawn.
        """
        super().__init__()
        self.sigma, self.scale, self.references = sigma, scale, References(references, seed, end=True)
        self._frequencies: tuple[Any, bool, tuple[list[Ints], list[Floats]]] | None = None

    def forward(self, x: Sequences, players: Any) -> Tensor:
        """Return the scores [B]."""
        keys, idf = self._idf(x, players)
        compared = self.references.compare(x, players)
        rows, others = pairs_of(compared)
        ids, _ = ngram_ids(compared.sentences.under(compared.references), ORDER, known=keys)
        apart = compared.sentences.lengths[rows] - compared.references.lengths[others]
        closeness = np.exp(-(apart**2) / (2 * self.sigma**2))
        total = np.zeros(len(rows))
        for each, known in zip(ids, idf, strict=True):
            total += _cosines(each, known, len(x), rows, others)
        counts = np.maximum(np.bincount(rows, minlength=len(x)), 1)
        scores = np.bincount(rows, total / ORDER * closeness, minlength=len(x)) / counts * self.scale
        return torch.from_numpy(scores).to(x.tokens.device, torch.float32)

    def _idf(self, x: Sequences, players: Any) -> tuple[list[Ints], list[Floats]]:
        """Return the n-grams of the training references and log(N / df) of each, the last entry for all others."""
        task, own, kept = players.task, "references" in x.columns, self._frequencies
        if kept is None or kept[0] is not task or kept[1] != own:
            sentences, document = self.references.documents(x, players)
            ids, keys = ngram_ids(sentences, ORDER)
            number = int(document[-1]) + 1
            found = []
            for each, known in zip(ids, keys, strict=True):
                rows, places = (each >= 0).nonzero()
                held = np.unique(document[rows] * len(known) + each[rows, places]) % max(len(known), 1)
                found.append(np.log(number / np.append(np.bincount(held, minlength=len(known)), 1)))
            self._frequencies = kept = task, own, (keys, found)
        return kept[2]


def _cosines(ids: Ints, idf: Floats, sentences: int, rows: Ints, others: Ints) -> Floats:
    """Return the clipped cosine of each pair; `ids` [S+R,T] are of the sentences, then of the references."""
    width = int(ids.max(initial=0)) + 1
    held, places = (ids >= 0).nonzero()
    entries, counts = np.unique(held * width + ids[held, places], return_counts=True)
    owner, gram = np.divmod(entries, width)
    weights = counts * idf[np.minimum(gram, len(idf) - 1)]
    norms = np.sqrt(np.bincount(owner, weights**2, minlength=len(ids)))
    begins = np.searchsorted(owner, np.arange(len(ids) + 1))
    found = np.zeros(len(rows))
    table = np.zeros(width)
    for other in np.unique(others):
        pairs = np.flatnonzero(others == other)
        own = slice(begins[sentences + other], begins[sentences + other + 1])
        table[gram[own]] = weights[own]
        # The entries of all sentences compared with this reference, one stretch a sentence.
        first, last = begins[rows[pairs]], begins[rows[pairs] + 1]
        which = np.repeat(np.arange(len(pairs)), last - first)
        entry = np.arange(len(which)) + np.repeat(first - np.cumsum(last - first) + (last - first), last - first)
        shared = table[gram[entry]]
        found[pairs] = np.bincount(which, np.minimum(weights[entry], shared) * shared, minlength=len(pairs))
        table[gram[own]] = 0.0
    scale = norms[rows] * norms[sentences + others]
    return np.divide(found, scale, out=np.zeros_like(found), where=scale > 0)
