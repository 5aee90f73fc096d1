"""Transformer discriminator: a bidirectional encoder (Devlin et al. 2019, pre-norm).

Axes: B batch, T time, E width.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from tokengan.discriminators.pooled import Pool, Pooled
from tokengan.generators.attention import Blocks
from tokengan.sequences import Sequences
from tokengan.spec import Spec

__all__ = ["TransformerDiscriminator"]


class TransformerDiscriminator(Pooled):
    """Embedding and learned positions -> blocks in which every token sees all real ones -> pooled.

    >>> import torch
    >>> from tokengan.spec import Spec
    >>> x = Sequences(torch.zeros(2, 4, dtype=torch.long), torch.ones(2, 4, dtype=torch.bool))
    >>> outputs = TransformerDiscriminator(Spec(vocab_size=10, max_length=4), embedding=8, heads=2)(x)
    >>> outputs["logits"].shape, outputs["features"].shape
    (torch.Size([2]), torch.Size([2, 8]))
    """

    def __init__(
        self,
        spec: Spec,
        embedding: int = 64,
        layers: int = 2,
        heads: int = 4,
        dropout: float = 0.1,
        init_std: float = 0.02,
        pooling: Pool = "mean",
    ) -> None:
        """Build the network.

        Args:
            spec: Sizes and ids of the task.
            embedding: Width of the token embeddings, of every layer and of the features, E, a multiple of `heads`.
            layers: Number of blocks, L.
            heads: Attention heads of a block.
            dropout: On the embeddings, the attention weights, what each block adds, and before the last layer.
            init_std: Weights start N(0, init_std), those that write into the residual stream divided by sqrt(2 L).
            pooling: How a row's vectors become one.
        """
        super().__init__(spec, embedding, embedding, dropout, pooling)
        self.blocks = Blocks(spec.max_length, embedding, layers, heads, dropout, init_std)
        nn.init.normal_(self.embedding.weight, std=init_std)

    def encode(self, embedded: Float[Tensor, "B T E"], x: Sequences) -> Float[Tensor, "B T E"]:
        """Return the last block's vectors, normed. A row longer than `spec.max_length` is refused, padding is not."""
        length = max(min(x.length, self.spec.max_length), int(x.lengths.max()))
        hidden, _ = self.blocks(embedded[:, :length], mask=x.mask[:, None, None, :length])
        return nn.functional.pad(hidden, (0, 0, 0, x.length - length))
