"""A discriminator that reads the source too: how well a text answers what it was written for.

Axes: B batch, S source tokens, T time, E embedding.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tokengan.discriminators.base import Discriminator
from tokengan.discriminators.cnn import HighwayCNN
from tokengan.generators.base import Outputs
from tokengan.generators.source import SOURCE, longest_source, source_of
from tokengan.sequences import Sequences
from tokengan.spec import Net, Spec

__all__ = ["Pair"]


class Pair(Discriminator):
    """D(source, target) of any discriminator that reads one sequence: the source, its EOS, the target behind it.

    A vector is added to every token of the source and another to those of the target, so that the two are told apart
    by more than the EOS between them. Padding of either changes nothing.

    >>> source = Sequences(torch.zeros(2, 3, dtype=torch.long), torch.ones(2, 3, dtype=torch.bool))
    >>> x = source.replace(condition={"source": source})
    >>> Pair(Spec(vocab_size=10, max_length=4, condition={"source": 5}))(x)["logits"].shape
    torch.Size([2])
    """

    gives: ClassVar[frozenset[str]] = frozenset({"logits", "features"})
    needs: ClassVar[frozenset[str]] = frozenset({SOURCE})

    def __init__(self, spec: Spec, network: Net[Discriminator] = HighwayCNN) -> None:
        """Build the network.

        Args:
            spec: Sizes and ids of the task, the longest source among them.
            network: Factory of the discriminator that reads source and target as one sequence; it has to give features.
        """
        longest = longest_source(spec, type(self).__name__)
        whole = network(replace(spec, max_length=longest + spec.max_length))
        super().__init__(spec, whole.embedding.embedding_dim)
        del self.embedding  # the judge's own is read
        self.longest, self.judge, self.features = longest, whole, whole.features
        self.side = nn.Parameter(0.1 * torch.randn(2, whole.embedding.embedding_dim))

    def embed(self, x: Sequences) -> Float[Tensor, "B T E"]:
        """Return the judge's embeddings of the target, zero after the end."""
        return self.judge.embed(x)

    def score(self, embedded: Float[Tensor, "B T E"], x: Sequences) -> Outputs:
        """Return what the judge says of source and target together."""
        source = source_of(x.condition, self.longest)
        sides = self.judge.embed(source) + self.side[0], embedded + self.side[1]
        # Each row's target begins where its source ends, so that the real tokens stand together.
        begun = source.lengths.unsqueeze(1)
        place = torch.arange(source.length + x.length, device=embedded.device).expand(len(x), -1)
        index = torch.where(place < begun, place, source.length + place - begun).clamp(max=source.length + x.length - 1)
        mask = place < begun + x.lengths.unsqueeze(1)
        joined = torch.cat(sides, dim=1).take_along_dim(index.unsqueeze(-1), dim=1) * mask.unsqueeze(-1)
        tokens = torch.cat([source.tokens, x.tokens], dim=1).gather(1, index)
        return self.judge.score(joined, Sequences(tokens, mask))

    def weight_penalty(self) -> Tensor:
        """Return the judge's own."""
        return self.judge.weight_penalty()
