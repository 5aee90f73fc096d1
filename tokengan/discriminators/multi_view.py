"""RelGAN's discriminator: many narrow embeddings of one sequence, each judged by the same network (Nie et al. 2019).

Axes: B batch, T time, E embedding, S views, C filters of all widths, F features.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from tokengan.discriminators.base import Discriminator
from tokengan.discriminators.cnn import highway
from tokengan.discriminators.strongest import strongest
from tokengan.generators.base import Outputs
from tokengan.generators.relational import narrow_normal
from tokengan.sequences import Sequences
from tokengan.spec import Spec

__all__ = ["MultiView"]


class MultiView(Discriminator):
    """One embedding matrix cut into S of width E/S; on each the same filters, highway, dropout and two linear layers.

    A view is nearly blind (at E = S each token is one number to it), and so none is sure soon: S weak opinions tell the
    generator more than one strong one. `views` [B,S] are their logits, by which a game is played; `logits` [B] is the
    mean, and `features` the mean of what the last layer reads.

    >>> import torch
    >>> x = Sequences(torch.zeros(2, 4, dtype=torch.long), torch.ones(2, 4, dtype=torch.bool))
    >>> outputs = MultiView(Spec(vocab_size=10, max_length=4), embedding=8, views=4, filters=[6, 6, 6, 6])(x)
    >>> outputs["views"].shape, outputs["logits"].shape, outputs["features"].shape
    (torch.Size([2, 4]), torch.Size([2]), torch.Size([2, 100]))
    """

    gives: ClassVar[frozenset[str]] = frozenset({"logits", "features", "views"})

    def __init__(
        self,
        spec: Spec,
        embedding: int = 64,
        views: int = 64,
        widths: Sequence[int] = (2, 3, 4, 5),
        filters: Sequence[int] = (300, 300, 300, 300),
        features: int = 100,
        dropout: float = 0.25,
    ) -> None:
        """Build the network.

        Args:
            spec: Sizes and ids of the task.
            embedding: Width of all views' embeddings together, E.
            views: Number of views, S; divides E.
            widths: Window widths.
            filters: Filters of each width.
            features: Width of the layer before the last, F.
            dropout: After the highway.
        """
        super().__init__(spec, embedding)
        if embedding % views:
            raise ValueError(f"an embedding of width {embedding} cannot be cut into {views} equal views")
        if len(widths) != len(filters):
            raise ValueError(f"{len(widths)} widths but {len(filters)} filter numbers: give one number for each width")
        self.views, self.features = views, features
        self.convolutions = nn.ModuleList(
            nn.Conv1d(embedding // views, count, width) for width, count in zip(widths, filters, strict=True)
        )
        pooled = sum(filters)
        self.transform, self.gate = nn.Linear(pooled, pooled), nn.Linear(pooled, pooled)
        self.dropout = nn.Dropout(dropout)
        self.narrow, self.output = nn.Linear(pooled, features), nn.Linear(features, self.answers)
        # A class for each label is judged by all views together.
        if spec.labels:
            self.gives = self.gives - {"views"}  # pyright: ignore[reportAttributeAccessIssue]
        narrow_normal(self)

    def score(self, embedded: Float[Tensor, "B T E"], x: Sequences) -> Outputs:
        """Return what `answered` makes of the mean over views, `views` [B,S] (no labels), and `features` [B,F]."""
        apart = embedded.unflatten(-1, (self.views, -1)).transpose(1, 2).flatten(0, 1)
        pooled = strongest(apart, x.lengths.repeat_interleave(self.views), self.convolutions)
        read = self.narrow(self.dropout(highway(pooled, self.transform, self.gate)))
        views = self.output(read).view(-1, self.views, self.answers)
        outputs = {**self.answered(views.mean(1)), "features": read.unflatten(0, views.shape[:2]).mean(1)}
        return outputs if self.spec.labels else {**outputs, "views": views.squeeze(2)}
