"""What every discriminator is: embed, then score.

Axes: B batch, T time, V vocabulary, E embedding, F features, S views, K labels.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from tokengan.generators.base import Outputs, embed
from tokengan.sequences import Sequences
from tokengan.spec import Spec

__all__ = ["Discriminator", "Judged", "real_logit"]


@dataclass(frozen=True)
class Judged:
    """What a discriminator said of a batch, and the batch: all that an adversarial loss sees."""

    outputs: Outputs
    x: Sequences

    @property
    def logits(self) -> Tensor:
        """The logit d(x) of "real" [B]: D(x) = sigmoid(d(x))."""
        return self.outputs["logits"]

    @property
    def opinions(self) -> Tensor:
        """What a game is played with: `views` [B,S] where there are some, each judged by itself, else the logits [B].

        A loss is a mean over all of them, so a view that is sure is not outvoted before its loss is taken.
        """
        return self.outputs.get("views", self.outputs["logits"])


def real_logit(class_logits: Tensor) -> Tensor:
    """Return the logit of "real" [B] that K + 1 class logits [B,K+1] amount to.

    l_r - l_fake with l_r = logsumexp(l_1..l_K): its sigmoid is D_r, the sum of the real classes' probabilities. (l_r
    alone is no score: a constant added to all logits moves it and no probability.)

    >>> import torch
    >>> real_logit(torch.tensor([[0.0, 0.0, 0.0]])).sigmoid()
    tensor([0.6667])
    """
    return class_logits[:, :-1].logsumexp(1) - class_logits[:, -1]


class Discriminator(nn.Module):
    """A network that judges whole sequences. Padding never changes a score.

    Subclasses give `score`; the embedding matrix is here, so ids and relaxed tokens are read alike. Where the task has
    K labels the last layer has K + 1 classes (`answers`), the last one for what is generated, and `answered` makes the
    logit of "real" of them.

    Attributes:
        gives: Names of the outputs: `logits` [B] always; `class_logits` [B,K+1] where there are labels; `features`
            [B,F] where there are some; `views` [B,S] where it judges a sequence in S ways, of which `logits` is then
            the mean.
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
            if spec.labels:
                self.gives = type(self).gives | {"class_logits"}  # pyright: ignore[reportAttributeAccessIssue]

    @property
    def answers(self) -> int:
        """Numbers that the last layer gives: the logit of "real", or one of each label and one of "generated"."""
        return self.spec.labels + 1

    def answered(self, answers: Float[Tensor, "B A"]) -> Outputs:
        """Return `logits` [B], and `class_logits` [B,K+1] where there are labels, from the last layer's numbers."""
        if not self.spec.labels:
            return {"logits": answers.squeeze(1)}
        return {"logits": real_logit(answers), "class_logits": answers}

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

    def steady(self, rows: int) -> AbstractContextManager[object]:
        """Return a context in which about so many sequences are judged without a gradient and no weight changes.

        A network that can prepare for that does; by default nothing is prepared.
        """
        del rows
        return nullcontext()

    def weight_penalty(self) -> Tensor:
        """Return the network's own weight penalty, added to its loss; 0 by default."""
        return next(self.parameters()).new_zeros(())
