"""A discriminator for each label, none of which sees another's rows: with `per_label` generators, k separate games.

Axes: B batch, T time, E embedding, K labels.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tokengan.discriminators.base import Discriminator
from tokengan.discriminators.cnn import HighwayCNN
from tokengan.generators.base import Outputs
from tokengan.sequences import Sequences
from tokengan.spec import Net, Spec

__all__ = ["PerLabelDiscriminator"]


class PerLabelDiscriminator(Discriminator):
    """d(x, y) = d_y(x): members that share nothing, each a judge of real against generated text of its own label.

    They tell no label from another (no class logits). A task without labels has one member.

    >>> x = Sequences(torch.zeros(2, 4, dtype=torch.long), torch.ones(2, 4, dtype=torch.bool))
    >>> judge = PerLabelDiscriminator(Spec(vocab_size=10, max_length=4, labels=2))
    >>> judge(x.replace(condition={"label": torch.tensor([1, 0])}))["logits"].shape
    torch.Size([2])
    """

    def __init__(self, spec: Spec, member: Net[Discriminator] = HighwayCNN) -> None:
        """Build the members.

        Args:
            spec: Sizes and ids of the task; `labels` says how many members there are.
            member: Factory of one member.
        """
        nn.Module.__init__(self)
        self.spec = spec
        self.members = nn.ModuleList(member(replace(spec, labels=0)) for _ in range(max(spec.labels, 1)))
        first = self._member(0)
        self.features = first.features
        self.gives = first.gives  # pyright: ignore[reportAttributeAccessIssue]

    def embed(self, x: Sequences) -> Float[Tensor, "B T E"]:
        """Return each row's embeddings by its own member."""
        each = [(own, self._member(k).embed(x.select(own))) for k, own in self._rows(x)]
        return self._together(x, [(own, {"embedded": value}) for own, value in each])["embedded"]

    def score(self, embedded: Float[Tensor, "B T E"], x: Sequences) -> Outputs:
        """Return each member's outputs for its rows."""
        return self._together(
            x, [(own, self._member(k).score(embedded[own], x.select(own))) for k, own in self._rows(x)]
        )

    def weight_penalty(self) -> Tensor:
        """Return the sum of the members' own penalties."""
        return torch.stack([self._member(k).weight_penalty() for k in range(len(self.members))]).sum()

    def _member(self, k: int) -> Discriminator:
        return self.members[k]  # pyright: ignore[reportReturnType]

    def _rows(self, x: Sequences) -> list[tuple[int, Tensor]]:
        if not self.spec.labels:
            return [(0, torch.arange(len(x), device=x.tokens.device))]
        if "label" not in x.condition:
            raise ValueError('a discriminator for each label reads x.condition["label"], and these sequences have none')
        labels = x.condition["label"]
        return [(k, own) for k in range(self.spec.labels) if len(own := (labels == k).nonzero().squeeze(1))]

    def _together(self, x: Sequences, parts: list[tuple[Tensor, Outputs]]) -> Outputs:
        back = torch.cat([own for own, _ in parts]).argsort()
        return {name: torch.cat([outputs[name] for _, outputs in parts])[back] for name in parts[0][1]}
