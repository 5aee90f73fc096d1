"""Sentences as integer n-gram ids in flat arrays, so that every n-gram metric is a few sorts and counts.

Axes: M tokens of all sentences, S sentences, P places where an n-gram begins.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

__all__ = ["Corpus", "Ints", "Sentences", "digest", "draw", "encode", "ngrams", "runs"]

Sentences = Sequence[Sequence[str]]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Corpus:
    """Tokenised sentences laid end to end.

    Args:
        tokens: Token ids from 0 [M].
        lengths: Tokens of each sentence [S].
        sentence: Index of the sentence that a token stands in [M].
        left: Tokens from this one to the end of its sentence, itself counted [M].
    """

    tokens: Ints
    lengths: Ints
    sentence: Ints
    left: Ints


def encode(sentences: Sentences) -> Corpus:
    """Return sentences as one flat array of ids, a new id for each token not seen before.

    >>> corpus = encode([["a", "b", "a"], [], ["b"]])
    >>> corpus.tokens.tolist(), corpus.lengths.tolist(), corpus.left.tolist()
    ([0, 1, 0, 1], [3, 0, 1], [3, 2, 1, 1])
    """
    ids: defaultdict[str, int] = defaultdict()
    ids.default_factory = ids.__len__
    lengths = np.fromiter(map(len, sentences), np.int64, len(sentences))
    tokens = np.fromiter(map(ids.__getitem__, chain.from_iterable(sentences)), np.int64, int(lengths.sum()))
    sentence = np.repeat(np.arange(len(sentences)), lengths)
    left = np.repeat(np.cumsum(lengths), lengths) - np.arange(len(tokens))
    return Corpus(tokens, lengths, sentence, left)


def ngrams(corpus: Corpus, order: int, *, repeated: bool = False) -> Iterator[tuple[int, Ints, Ints]]:
    """Yield n, the places where an n-gram begins [P] and the id of that n-gram [P], for n = 1 .. `order`.

    The id of an n-gram is the rank of the pair (id of its first n-1 tokens, last token): each order is one sort. Places
    come n-gram after n-gram, ids ascending, and those of one n-gram as they stand in the text.

    Args:
        corpus: The sentences.
        order: Largest n.
        repeated: Leave out what stands only once. An n-gram whose beginning stands only once stands only once too, so
            each order starts from the places that the order before kept.

    >>> for n, places, ids in ngrams(encode([["a", "b", "a"], ["a", "b"]]), 2):
    ...     print(n, places.tolist(), ids.tolist())
    1 [0, 2, 3, 1, 4] [0, 0, 0, 1, 1]
    2 [0, 3, 1] [0, 0, 1]
    """
    vocabulary = int(corpus.tokens.max(initial=0)) + 1
    places, ids = _sorted(corpus.tokens.copy())
    # The token after each place, -1 at the end of a sentence; half as wide, since what is looked up everywhere in it
    # should stay in the cache.
    after = np.where(corpus.left > 1, np.roll(corpus.tokens, -1), -1).astype(np.int32)
    for n in range(1, order + 1):
        if n > 1:
            last = after[places + n - 2]
            inside = last >= 0
            places = places[inside]
            pairs = ids[inside]
            pairs *= vocabulary
            pairs += last[inside]
            found, pairs = _sorted(pairs)
            places, ids = places[found], np.cumsum(_begins(pairs)) - 1
        if repeated:
            _, sizes = runs(ids)
            kept = np.repeat(sizes > 1, sizes)
            places, ids = places[kept], ids[kept]
        yield n, places, ids


def runs(*sorted_keys: NDArray[np.integer]) -> tuple[Ints, Ints]:
    """Return where each run of equal keys begins, or of equal tuples of several keys, and how long it is.

    >>> first, sizes = runs(np.array([0, 0, 1, 1]), np.array([5, 5, 5, 6]))
    >>> first.tolist(), sizes.tolist()
    ([0, 2, 3], [2, 1, 1])
    """
    first = np.flatnonzero(_begins(*sorted_keys))
    return first, np.diff(first, append=len(sorted_keys[0]))


def _begins(*sorted_keys: NDArray[np.integer]) -> NDArray[np.bool_]:
    begins = np.zeros(len(sorted_keys[0]), bool)
    begins[:1] = True
    for keys in sorted_keys:
        begins[1:] |= keys[1:] != keys[:-1]
    return begins


def _sorted(keys: Ints) -> tuple[Ints, Ints]:
    """Return the order that sorts keys, equal ones as they come, and the keys, sorted where they stand."""
    bits = len(keys).bit_length()
    if int(keys.max(initial=0)).bit_length() + bits > 62:
        order = np.argsort(keys, kind="stable")
        return order, keys[order]
    # Each key with its place behind it: numbers are sorted several times as fast as their places.
    keys <<= bits
    keys |= np.arange(len(keys))
    keys.sort()
    order = keys & ((1 << bits) - 1)
    keys >>= bits
    return order, keys


def draw(sentences: Sentences, size: int, seed: int = 0) -> list[Sequence[str]]:
    """Return `size` sentences drawn without replacement, or all when there are no more.

    The same multiset of sentences gives the same draw in whatever order they come, so a sorted file does no harm.

    >>> draw([["a"], ["b"], ["c"]], 2) == draw([["c"], ["a"], ["b"]], 2)
    True
    """
    if size >= len(sentences):
        return list(sentences)
    ordered = sorted(sentences, key=tuple)
    chosen = np.random.default_rng(seed).choice(len(ordered), size, replace=False)
    return [ordered[i] for i in chosen]


def digest(sentences: Sentences) -> str:
    """Return 8 hexadecimal digits that name a set of sentences, the same in whatever order they come.

    >>> digest([["a", "b"], ["c"]]) == digest([["c"], ["a", "b"]]) != digest([["a"], ["b", "c"]])
    True
    """
    # Unit separators: no tokeniser here leaves them inside a token, while a space may be a token of its own.
    text = "\n".join(sorted("\x1f".join(sentence) for sentence in sentences))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
