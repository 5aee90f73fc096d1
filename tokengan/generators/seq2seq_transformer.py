"""Transformer encoder and decoder (Vaswani et al. 2017, pre-norm, learned positions).

Axes: B batch, S source tokens, T time, E width.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from tokengan.generators.attention import Blocks
from tokengan.generators.base import Condition, embed
from tokengan.generators.source import SOURCE, longest_source, source_of, widened
from tokengan.generators.transformer import Transformer
from tokengan.spec import Spec

__all__ = ["Seq2SeqTransformer"]


class Seq2SeqTransformer(Transformer):
    """The source through blocks in which every token sees all; the target through causal ones that look at its result.

    Source and target share the embedding. The keys and values of the source are computed once for all steps.

    >>> from tokengan.sequences import Sequences
    >>> generator = Seq2SeqTransformer(Spec(vocab_size=10, max_length=4, condition={"source": 5}), embedding=8)
    >>> source = Sequences(torch.zeros(2, 3, dtype=torch.long), torch.ones(2, 3, dtype=torch.bool))
    >>> outputs, state = generator.start(2, {"source": source})
    >>> outputs["logits"].shape, state.rows["source_keys0"].shape
    (torch.Size([2, 10]), torch.Size([2, 4, 5, 2]))
    """

    needs: ClassVar[frozenset[str]] = frozenset({SOURCE})
    crossed: ClassVar[bool] = True

    def __init__(
        self,
        spec: Spec,
        embedding: int = 64,
        layers: int = 2,
        heads: int = 4,
        dropout: float = 0.0,
        tied: bool = False,
        init_std: float = 0.02,
    ) -> None:
        """Build the network.

        Args:
            spec: Sizes and ids of the task, the longest source among them.
            embedding: Width of the token embeddings and of every layer, E, a multiple of `heads`.
            layers: Number of blocks, L, of the encoder as of the decoder.
            heads: Attention heads of a block.
            dropout: On the embeddings, the attention weights and what each block adds; off while writing and scoring.
            tied: Whether the output layer shares the embedding matrix.
            init_std: Weights start N(0, init_std), those that write into the residual stream divided by sqrt(2 L).
        """
        super().__init__(spec, embedding, layers, heads, dropout, tied, init_std)
        self.longest = longest_source(spec, type(self).__name__)
        self.encoder = Blocks(self.longest, embedding, layers, heads, dropout, init_std)

    def begin(self, rows: int, condition: Condition) -> dict[str, Tensor]:
        """Return the keys and values of the source for each block, and its mask."""
        del rows
        source = source_of(condition, self.longest)
        tokens = source.tokens if source.soft is None else source.soft
        read, _ = self.encoder(embed(self.embedding.weight, tokens), mask=source.mask[:, None, None])
        caches = self.blocks.remember(widened(read, self.longest))
        place = torch.arange(self.longest, device=read.device)
        kept: dict[str, Any] = {"source_mask": place < source.lengths.unsqueeze(1)}
        for k, (keys, values) in enumerate(caches):
            kept |= {f"source_keys{k}": keys, f"source_values{k}": values}
        return kept
