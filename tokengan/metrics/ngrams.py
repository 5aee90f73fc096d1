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

__all__ = ["Corpus", "Ints", "Sentences", "digest", "draw", "encode", "ngrams"]

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
    left = np.cumsum(lengths)[sentence] - np.arange(len(tokens))
    return Corpus(tokens, lengths, sentence, left)


def ngrams(corpus: Corpus, order: int, *, repeated: bool = False) -> Iterator[tuple[int, Ints, Ints]]:
    """Yield n, the places where an n-gram begins [P] and the id of that n-gram [P], for n = 1 .. `order`.

    The id of an n-gram is the rank of the pair (id of its first n-1 tokens, last token): each order is one sort.

    Args:
        corpus: The sentences.
        order: Largest n.
        repeated: Leave out what stands only once. An n-gram whose beginning stands only once stands only once too, so
            each order starts from the places that the order before kept.

    >>> for n, places, ids in ngrams(encode([["a", "b", "a"], ["a", "b"]]), 2):
    ...     print(n, places.tolist(), ids.tolist())
    1 [0, 1, 2, 3, 4] [0, 1, 0, 0, 1]
    2 [0, 1, 3] [0, 1, 0]
    """
    vocabulary = int(corpus.tokens.max(initial=0)) + 1
    places, ids = np.arange(len(corpus.tokens)), corpus.tokens
    for n in range(1, order + 1):
        if n > 1:
            inside = corpus.left[places] >= n
            places = places[inside]
            pairs = ids[inside] * vocabulary + corpus.tokens[places + n - 1]
            ids = np.unique(pairs, return_inverse=True)[1]
        if repeated:
            kept = np.bincount(ids)[ids] > 1
            places, ids = places[kept], ids[kept]
        yield n, places, ids


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
