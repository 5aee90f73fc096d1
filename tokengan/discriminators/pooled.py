"""What reads a sequence into one vector a token, then pools them: shared by the recurrent and Transformer judges.

Axes: B batch, T time, E embedding, F features.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from tokengan.discriminators.base import Discriminator
from tokengan.generators.base import Outputs
from tokengan.sequences import Sequences
from tokengan.spec import Spec

__all__ = ["Pool", "Pooled", "pool"]

Pool = Literal["mean", "max"]


def pool(vectors: Float[Tensor, "B T F"], mask: Bool[Tensor, "B T"], how: Pool) -> Float[Tensor, "B F"]:
    """Return the mean or the maximum over the real tokens of each row, 0 for a row that has none.

    >>> vectors, mask = torch.tensor([[[1.0], [3.0], [9.0]]]), torch.tensor([[True, True, False]])
    >>> pool(vectors, mask, "mean").item(), pool(vectors, mask, "max").item()
    (2.0, 3.0)
    """
    real = mask.unsqueeze(-1)
    if how == "mean":
        return vectors.masked_fill(~real, 0.0).sum(1) / real.sum(1).clamp(min=1)
    largest = vectors.masked_fill(~real, torch.finfo(vectors.dtype).min).amax(1)
    return largest * real.any(1)


class Pooled(Discriminator):
    """d(x) = w . dropout(f) + b with f pooled over `encode(embed(x), x)`. Subclasses give `encode`.

    The vectors of real tokens must not depend on what stands in the padding.
    """

    gives: ClassVar[frozenset[str]] = frozenset({"logits", "features"})

    def __init__(self, spec: Spec, embedding: int, features: int, dropout: float, pooling: Pool) -> None:
        """Build the part that is shared.

        Args:
            spec: Sizes and ids of the task.
            embedding: Width of the token embeddings, E.
            features: Width of the vectors that `encode` returns, F.
            dropout: Before the last layer, and wherever the encoder uses `self.dropout`.
            pooling: How a row's vectors become one.
        """
        super().__init__(spec, embedding)
        self.features = features
        self.pooling: Pool = pooling
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(features, self.answers)

    def encode(self, embedded: Float[Tensor, "B T E"], x: Sequences) -> Float[Tensor, "B T F"]:
        """Return a vector for each token that has read the whole row."""
        raise NotImplementedError

    def score(self, embedded: Float[Tensor, "B T E"], x: Sequences) -> Outputs:
        """Return what `answered` does and the pooled `features` [B,F]."""
        features = pool(self.encode(embedded, x), x.mask, self.pooling)
        return {**self.answered(self.output(self.dropout(features))), "features": features}
