"""Texts as vectors: what an encoder is, and the metrics that compare two clouds of vectors.

Distances between vectors depend on the encoder as much as on the texts: its name stands in every signature.

Axes: N sentences, H features.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from tokengan.errors import UserError, nearest
from tokengan.metrics.base import Given, Metric
from tokengan.metrics.ngrams import Sentences, digest, draw

__all__ = ["Array", "Encoder", "FeatureMetric", "Features", "Read", "encoder"]

Array = NDArray[np.float64]
Read = Callable[[Sentences], Array]


class Encoder(ABC):
    """What turns sentences into vectors.

    Attributes:
        name: What it is, for signatures: two encoders of one name give the same vectors.
    """

    name: str

    @abstractmethod
    def fit(self, reference: Sentences) -> Read:
        """Return a function from sentences to vectors [N,H], prepared on real text where the encoder needs that."""


class Features:
    """An encoder that works once for each text, however many metrics read the vectors.

    >>> from tokengan.metrics.lsa import LSA
    >>> Features(LSA(2))([["b"], ["a", "b"]], reference=[["a"], ["a", "b"], ["b"]]).shape
    (2, 2)
    """

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder
        self.name = encoder.name
        self._fitted: dict[str, Read] = {}
        self._known: dict[tuple[str, str], Array] = {}

    def __call__(self, sentences: Sentences, reference: Sentences) -> Array:
        """Return the vectors [N,H] of sentences, by an encoder prepared on the reference.

        They come sorted by sentence, so that nothing which is computed of them depends on the order of the lines.
        """
        real = digest(reference)
        key = (real, digest(sentences))
        if key not in self._known:
            if real not in self._fitted:
                self._fitted[real] = self.encoder.fit(sorted(reference, key=tuple))
            self._known[key] = self._fitted[real](sorted(sentences, key=tuple))
        return self._known[key]


class FeatureMetric(Metric):
    """A metric of two clouds of vectors, as many of the reference as of the samples: the longer one is drawn from.

    Most of these figures move with the number of sentences; the signature says it.
    """

    needs = frozenset({"samples", "reference", "features"})
    split = "reference"
    cost: ClassVar = "costly"

    def vectors(self, given: Given) -> tuple[Array, Array]:
        """Return the vectors of the samples and of the reference [N,H]."""
        reference = given.reference or []
        size = min(len(given.samples), len(reference))
        read: Features = given.extra["features"]
        mine, real = (read(draw(text, size), reference) for text in (given.samples, reference))
        return mine, real

    def parts(self, given: Given) -> tuple[str, str, str]:
        """Return the parts of the signature that these metrics share."""
        size = min(len(given.samples), len(given.reference or []))
        return f"encoder={given.extra['features'].name}", f"n={size}+{size}", given.source("reference", "refs")


def encoder(name: str = "lsa") -> Encoder:
    """Return an encoder by name: `lsa`, `lsa:H` or `minilm` (nothing to download), `hf:NAME` (of Hugging Face).

    >>> encoder("lsa:64").name
    'lsa-64(1-2-grams)'
    """
    from tokengan.metrics.lsa import LSA
    from tokengan.metrics.minilm import MiniLM
    from tokengan.metrics.pretrained import Pretrained

    kind, _, setting = name.partition(":")
    known = {"lsa": LSA, "minilm": MiniLM, "hf": partial(Pretrained, setting)}
    if kind not in known or (kind == "minilm" and setting):
        raise UserError(
            f"there is no encoder {name!r}{nearest(kind, known)}. Known are lsa, lsa:DIMENSIONS, minilm and hf:NAME."
        )
    if kind == "lsa" and setting:
        if not setting.isdigit() or not int(setting):
            raise UserError(f"encoder {name!r}: after `lsa:` stands the number of dimensions, for example lsa:128")
        return LSA(int(setting))
    if kind == "hf" and not setting:
        raise UserError("encoder 'hf' needs a model: hf:NAME, for example hf:sentence-transformers/all-MiniLM-L6-v2")
    return known[kind]()
