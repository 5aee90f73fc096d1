"""Bidirectional recurrent discriminator (Schuster & Paliwal 1997).

Axes: B batch, T time, E embedding, H hidden units of one direction.
"""

from __future__ import annotations

from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from tokengan.discriminators.pooled import Pool, Pooled
from tokengan.generators.source import both_ways
from tokengan.sequences import Sequences
from tokengan.spec import Spec

__all__ = ["RecurrentDiscriminator"]


class RecurrentDiscriminator(Pooled):
    """Layers of two GRUs or LSTMs, one reading forwards and one backwards from each row's own last token; pooled.

    >>> import torch
    >>> from tokengan.spec import Spec
    >>> x = Sequences(torch.zeros(2, 4, dtype=torch.long), torch.ones(2, 4, dtype=torch.bool))
    >>> outputs = RecurrentDiscriminator(Spec(vocab_size=10, max_length=4), hidden=8)(x)
    >>> outputs["logits"].shape, outputs["features"].shape
    (torch.Size([2]), torch.Size([2, 16]))
    """

    def __init__(
        self,
        spec: Spec,
        embedding: int = 64,
        hidden: int = 64,
        layers: int = 1,
        cell: Literal["gru", "lstm"] = "gru",
        dropout: float = 0.25,
        pooling: Pool = "mean",
    ) -> None:
        """Build the network.

        Args:
            spec: Sizes and ids of the task.
            embedding: Width of the token embeddings, E.
            hidden: Width of each direction, H; there are 2 H features.
            layers: Number of layers.
            cell: Which recurrent unit.
            dropout: Before every layer, the last linear one too.
            pooling: How a row's vectors become one.
        """
        super().__init__(spec, embedding, 2 * hidden, dropout, pooling)
        layer = {"gru": nn.GRU, "lstm": nn.LSTM}[cell]
        sizes = [embedding] + [2 * hidden] * (layers - 1)
        self.forwards = nn.ModuleList(layer(size, hidden, batch_first=True) for size in sizes)
        self.backwards = nn.ModuleList(layer(size, hidden, batch_first=True) for size in sizes)

    def encode(self, embedded: Float[Tensor, "B T E"], x: Sequences) -> Float[Tensor, "B T F"]:
        """Return both directions' states side by side."""
        return both_ways(embedded, x.lengths, self.forwards, self.backwards, self.dropout)
