"""LSTM encoder and decoder with attention (Sutskever et al. 2014; Luong et al. 2015).

Axes: B batch, S source tokens, T time, V vocabulary, E embedding, H hidden, L layers.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from tokengan.generators.base import Condition, embed
from tokengan.generators.recurrent import LSTM
from tokengan.generators.source import SOURCE, both_ways, longest_source, source_of, widened
from tokengan.spec import Spec

__all__ = ["Seq2Seq"]


class Seq2Seq(LSTM):
    """m_s = W_m [f_s; b_s] of the source, a = softmax_s(h W_a m_s), law of softmax(W tanh(W_c [sum_s a_s m_s; h]) + b).

    The encoder reads the source both ways, f and b; the decoder, an LSTM, begins at tanh of a linear layer of the last
    state of either. Attention reads the decoder's state h and is not fed back to it ("general" score, no input
    feeding), so a whole sequence is scored in one pass. Source and target share the embedding.

    >>> from tokengan.sequences import Sequences
    >>> generator = Seq2Seq(Spec(vocab_size=10, max_length=4, condition={"source": 5}), hidden=8)
    >>> source = Sequences(torch.zeros(2, 3, dtype=torch.long), torch.ones(2, 3, dtype=torch.bool))
    >>> outputs, state = generator.start(2, {"source": source})
    >>> outputs["logits"].shape, state.rows["memory"].shape
    (torch.Size([2, 10]), torch.Size([2, 5, 8]))
    """

    needs: ClassVar[frozenset[str]] = frozenset({SOURCE})

    def __init__(
        self,
        spec: Spec,
        embedding: int = 64,
        hidden: int = 128,
        layers: int = 1,
        dropout: float = 0.0,
        tied: bool = False,
        init_std: float | None = None,
    ) -> None:
        """Build the network.

        Args:
            spec: Sizes and ids of the task, the longest source among them.
            embedding: Width of the token embeddings, E.
            hidden: Width of each decoder layer, of what is remembered, and of both directions of the encoder together,
                H: even.
            layers: Number of layers, L, of the encoder as of the decoder.
            dropout: On the embeddings, between layers and before the output; off while writing and scoring.
            tied: Whether the output layer shares the embedding matrix; needs `embedding == hidden`.
            init_std: The decoder's weights start N(0, init_std); None keeps PyTorch's own start.
        """
        super().__init__(spec, embedding, hidden, layers, dropout, tied, init_std)
        self.longest = longest_source(spec, type(self).__name__)
        if hidden % 2:
            raise ValueError(f"hidden is {hidden}: give an even number, half of it for either direction")
        sizes = [embedding] + [hidden] * (layers - 1)
        self.forwards = nn.ModuleList(nn.LSTM(size, hidden // 2, batch_first=True) for size in sizes)
        self.backwards = nn.ModuleList(nn.LSTM(size, hidden // 2, batch_first=True) for size in sizes)
        self.memory = nn.Linear(hidden, hidden)
        self.bridge = nn.Linear(hidden, len(self.parts) * layers * hidden)
        self.query = nn.Linear(hidden, hidden, bias=False)
        self.join = nn.Linear(2 * hidden, hidden)

    def begin(self, rows: int, condition: Condition) -> dict[str, Tensor]:
        """Return the state before the start symbol: the decoder's own, what is remembered of the source, its mask."""
        source = source_of(condition, self.longest)
        tokens = source.tokens if source.soft is None else source.soft
        read = both_ways(
            embed(self.embedding.weight, tokens), source.lengths, self.forwards, self.backwards, self.dropout
        )
        # The forward direction has read all at the row's last token, the backward one at its first.
        half = read.shape[-1] // 2
        last = read[torch.arange(rows, device=read.device), source.lengths - 1, :half]
        first = self.bridge(torch.cat([last, read[:, 0, half:]], dim=-1)).tanh()
        own = first.view(rows, len(self.parts), len(self.layers), -1).unbind(1)
        remembered = widened(self.memory(self.dropout(read)), self.longest)
        mask = torch.arange(self.longest, device=read.device) < source.lengths.unsqueeze(1)
        return {**dict(zip(self.parts, own, strict=True)), "memory": remembered, "source_mask": mask}

    def look(self, top: Float[Tensor, "B *T H"], rows: dict[str, Tensor]) -> Float[Tensor, "B *T H"]:
        """Return the attentional states tanh(W_c [context; h])."""
        steps = top if top.dim() == 3 else top.unsqueeze(1)
        context = self._context(self.query(steps), rows["memory"], rows["source_mask"])
        return self.dropout(self.join(torch.cat([context, steps], dim=-1)).tanh()).view_as(top)

    @staticmethod
    def _context(
        query: Float[Tensor, "B T H"], memory: Float[Tensor, "B S H"], mask: Bool[Tensor, "B S"]
    ) -> Float[Tensor, "B T H"]:
        scores = query @ memory.transpose(1, 2)
        weights = scores.masked_fill(~mask.unsqueeze(1), torch.finfo(scores.dtype).min).softmax(-1)
        return weights @ memory
