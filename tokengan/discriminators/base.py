"""What every discriminator is: embed, then score.

Axes: B batch, T time, V vocabulary, E embedding, F features.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from tokengan.generators.base import Outputs, embed
from tokengan.sequences import Sequences
from tokengan.spec import Spec

__all__ = ["Discriminator", "Judged"]


@dataclass(frozen=True)
class Judged:
    """What a discriminator said of a batch, and the batch: all that an adversarial loss sees."""

    outputs: Outputs
    x: Sequences

    @property
    def logits(self) -> Tensor:
        """The logit d(x) of "real" [B]: D(x) = sigmoid(d(x))."""
        return self.outputs["logits"]


class Discriminator(nn.Module):
    """A network that judges whole sequences. Padding never changes a score.

    Subclasses give `score`; the embedding matrix is here, so ids and relaxed tokens are read alike.

    Attributes:
        gives: Names of the outputs: `logits` [B] always; `features` [B,F] where there are some.
        features: Width F of the features it gives, 0 for none.
    """

    gives: ClassVar[frozenset[str]] = frozenset({"logits"})
    features: int = 0

    embedding: nn.Embedding

    def __init__(self, spec: Spec, embedding: int | None) -> None:
        """Keep the sizes and make the embedding matrix [V,E]; with None a subclass has its own and gives `embed`."""
        super().__init__()
        self.spec = spec
        if embedding is not None:
            self.embedding = nn.Embedding(spec.vocab_size, embedding)

    def embed(self, x: Sequences) -> Float[Tensor, "B T E"]:
        """Return embeddings [B,T,E] of ids or relaxed tokens, zero after the end."""
        tokens = x.tokens if x.soft is None else x.soft
        return embed(self.embedding.weight, tokens) * x.mask.unsqueeze(-1)

    def score(self, embedded: Float[Tensor, "B T E"], x: Sequences) -> Outputs:
        """Return named outputs, `logits` [B] among them, from embeddings [B,T,E]."""
        raise NotImplementedError

    def forward(self, x: Sequences) -> Outputs:
        """Return `score(embed(x), x)`."""
        return self.score(self.embed(x), x)

    def weight_penalty(self) -> Tensor:
        """Return the network's own weight penalty, added to its loss; 0 by default."""
        return next(self.parameters()).new_zeros(())
