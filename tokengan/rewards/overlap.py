"""N-grams of sentences as numbers, and what two sentences share: the counting behind BLEU, ROUGE-L and CIDEr-D.

Roll-outs ask for the scores of thousands of rows at once, so all rows are counted together, without a loop over them.
Axes: S sentences, T time, P pairs of a sentence and a reference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Ints", "Padded", "common_length", "ngram_ids", "occurrence", "padded"]

Ints = NDArray[np.int64]
WIDTH = 1 << 31  # token ids lie below it


@dataclass(frozen=True)
class Padded:
    """Sentences of token ids, one a row.

    Args:
        tokens: Ids [S,T]; what stands after the end means nothing.
        lengths: Tokens of each sentence [S].
    """

    tokens: Ints
    lengths: Ints

    def under(self, other: Padded) -> Padded:
        """Return the rows of both, these first."""
        longest = max(self.tokens.shape[1], other.tokens.shape[1])
        wide = [np.pad(one.tokens, ((0, 0), (0, longest - one.tokens.shape[1]))) for one in (self, other)]
        return Padded(np.concatenate(wide), np.concatenate([self.lengths, other.lengths]))


def padded(rows: Sequence[Sequence[int]]) -> Padded:
    """Return rows of ids as one array.

    >>> padded([[5, 6], [7]]).tokens.tolist()
    [[5, 6], [7, 0]]
    """
    lengths = np.fromiter(map(len, rows), np.int64, len(rows))
    tokens = np.zeros((len(rows), int(lengths.max(initial=0))), np.int64)
    tokens[np.arange(tokens.shape[1]) < lengths[:, None]] = [token for row in rows for token in row]
    return Padded(tokens, lengths)


def ngram_ids(
    sentences: Padded, order: int, roots: Ints | int = 0, known: Sequence[Ints] = ()
) -> tuple[list[Ints], list[Ints]]:
    """Return, for n = 1 .. `order`, the id of the n-gram that begins at each place [S,T] (-1: none), and all keys.

    An id is the place of (id of its first n-1 tokens, last token) among the sorted keys of its order: a known n-gram
    has its old id, a new one an id above all known ones, equal n-grams the same.

    Args:
        sentences: The sentences.
        order: Largest n.
        roots: Number of each sentence's family [S]: n-grams of different families are never the same.
        known: The keys that an earlier call gave.

    >>> ids, keys = ngram_ids(padded([[5, 6, 5], [5, 6]]), 2)
    >>> [one.tolist() for one in ids]
    [[[0, 1, 0], [0, 1, -1]], [[0, 1, -1], [0, -1, -1]]]
    >>> ngram_ids(padded([[6, 7]]), 1, known=keys)[0][0].tolist()
    [[1, 2]]
    """
    tokens, lengths = sentences.tokens, sentences.lengths
    before = np.broadcast_to(np.asarray(roots, np.int64).reshape(-1, 1), tokens.shape)
    found, keys = [], []
    for n in range(1, order + 1):
        fits = np.arange(tokens.shape[1]) + n <= lengths[:, None]
        rows, places = fits.nonzero()
        wanted = before[rows, places] * WIDTH + tokens[rows, places + n - 1]
        old = known[n - 1] if known else np.zeros(0, np.int64)
        at = np.searchsorted(old, wanted)
        is_old = np.append(old, -1)[at] == wanted
        new, number = np.unique(wanted[~is_old], return_inverse=True)
        at[~is_old] = len(old) + number
        before = np.full(tokens.shape, -1, np.int64)
        before[rows, places] = at
        found.append(before)
        keys.append(new)
    return found, keys


def occurrence(ids: Ints) -> Ints:
    """Return how often each entry [S,T] stood in its row already.

    >>> occurrence(np.array([[3, 5, 3, 3]])).tolist()
    [[0, 0, 1, 2]]
    """
    order = ids.argsort(axis=1, kind="stable")
    ordered = np.take_along_axis(ids, order, axis=1)
    place = np.broadcast_to(np.arange(ids.shape[1]), ids.shape)
    begins = np.ones(ids.shape, bool)
    begins[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    counted = np.empty_like(ids)
    np.put_along_axis(counted, order, place - np.maximum.accumulate(np.where(begins, place, 0), axis=1), axis=1)
    return counted


def common_length(sentences: Padded, references: Padded, rows: Ints, others: Ints) -> Ints:
    """Return the length of the longest common subsequence of sentence `rows[p]` and reference `others[p]` [P].

    All pairs at once, and 64 places of the reference in one operation: a column of the usual table is a string of bits
    (Hyyro 2004), here one over several numbers where the reference is longer.

    >>> common_length(padded([[1, 2, 3, 4]]), padded([[2, 9, 4, 1]]), np.array([0]), np.array([0])).tolist()
    [2]
    """
    within = np.arange(references.tokens.shape[1]) < references.lengths[:, None]
    known = np.unique(references.tokens[within])
    words = -(-references.tokens.shape[1] // 64)
    # Where each known token stands in each reference; the last entry is for tokens that stand in none.
    stands = np.zeros((len(references.lengths), len(known) + 1, words), np.uint64)
    owner, place = within.nonzero()
    code = np.searchsorted(known, references.tokens[within])
    np.bitwise_or.at(stands, (owner, code, place // 64), np.uint64(1) << (place % 64).astype(np.uint64))

    codes = np.searchsorted(known, sentences.tokens)
    there = np.arange(sentences.tokens.shape[1]) < sentences.lengths[:, None]
    codes[~there | (np.append(known, -1)[codes] != sentences.tokens)] = len(known)
    column = np.full((len(rows), words), ~np.uint64(0))
    for t in range(sentences.tokens.shape[1]):
        match = stands[others, codes[rows, t]]
        carry = np.zeros(len(rows), bool)
        for w in range(words):
            old, found = column[:, w], match[:, w]
            # old + (old & found), with what the number before carries over.
            sum_ = old + (old & found)
            more = sum_ + carry
            carry = (sum_ < old) | (more < sum_)
            column[:, w] = more | (old & ~found)
    return np.unpackbits((~column).view(np.uint8), axis=1).sum(1).astype(np.int64)
