"""Likeness of sentences as sets of words: the Jaccard figures of SentiGAN (Wang & Wan 2018).

Axes: N sentences, M others, V words.
"""

from __future__ import annotations

import torch
from torch import Tensor

from tokengan.metrics.ngrams import Sentences

__all__ = ["nearest"]


def nearest(sentences: Sentences, others: Sentences | None = None) -> Tensor:
    """Return max_j |S_i n S_j| / |S_i u S_j| of each sentence [N], over the other sentences or over other text.

    >>> nearest([["a", "b"], ["b", "a"], ["b", "c"]]).tolist()
    [1.0, 1.0, 0.3333333432674408]
    >>> nearest([["a", "b"]], [["a"], ["c"]]).tolist()
    [0.5]
    """
    places: dict[str, int] = {}
    for text in (sentences, others or []):
        for sentence in text:
            for word in sentence:
                places.setdefault(word, len(places))

    def sets(text: Sentences) -> Tensor:
        marks = torch.zeros(len(text), len(places))
        for i, sentence in enumerate(text):
            marks[i, [places[word] for word in sentence]] = 1
        return marks

    mine = sets(sentences)
    theirs = mine if others is None else sets(others)
    common = mine @ theirs.T
    union = mine.sum(1, keepdim=True) + theirs.sum(1) - common
    likeness = torch.where(union > 0, common / union.clamp(min=1), 1.0)  # two empty sentences are the same
    if others is None:
        likeness.fill_diagonal_(-1)
    return likeness.amax(1)
