"""Transformer generator: a causal decoder (Vaswani et al. 2017), pre-norm as in GPT-2 (Radford et al. 2019).

Axes: B batch, T time, V vocabulary, E width.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tokengan.generators.attention import Blocks
from tokengan.generators.base import Condition, Outputs, State, Token, embed
from tokengan.generators.projected import Projected
from tokengan.sequences import Sequences
from tokengan.spec import Spec

__all__ = ["Transformer"]


class Transformer(Projected):
    """Embedding and learned positions -> causal blocks -> linear -> law of the next token.

    A step appends keys and values in place where it is the first to go on from a state (`attention.appended`).

    >>> from tokengan.spec import Spec
    >>> generator = Transformer(Spec(vocab_size=10, max_length=4), embedding=8, heads=2)
    >>> x = Sequences(torch.zeros(2, 4, dtype=torch.long), torch.ones(2, 4, dtype=torch.bool))
    >>> generator(x)["logits"].shape
    torch.Size([2, 4, 10])
    """

    crossed: ClassVar[bool] = False

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
            spec: Sizes and ids of the task.
            embedding: Width of the token embeddings and of every layer, E, a multiple of `heads`.
            layers: Number of blocks, L.
            heads: Attention heads of a block.
            dropout: On the embeddings, the attention weights and what each block adds; off while writing and scoring.
            tied: Whether the output layer shares the embedding matrix.
            init_std: Weights start N(0, init_std), those that write into the residual stream divided by sqrt(2 L).
        """
        super().__init__(spec, embedding, embedding, tied)
        self.blocks = Blocks(spec.max_length, embedding, layers, heads, dropout, init_std, self.crossed)
        nn.init.normal_(self.readout()[0], std=init_std)
        nn.init.normal_(self.embedding.weight, std=init_std)
        nn.init.zeros_(self.output.bias)

    def hidden(self, x: Sequences) -> Float[Tensor, "B T E"]:
        """Return the last block's states before each token of `x`, normed."""
        seen = self._seen(self.begin(len(x), x.condition))
        return self.blocks(self.read(x), causal=True, **seen)[0]

    def begin(self, rows: int, condition: Condition) -> dict[str, Tensor]:
        """Return what a state holds before the start symbol: here nothing, whatever the condition."""
        del rows, condition
        return {}

    def start(self, rows: int, condition: Condition) -> tuple[Outputs, State]:
        """Return the law of the first token and the state before it."""
        token = torch.full((rows,), self.spec.start, device=self.closed.device)
        return self._append(token, self.begin(rows, condition))

    def step(self, token: Token, state: State) -> tuple[Outputs, State]:
        """Read one token and return the law of the next one."""
        return self._append(token, state.rows)

    def _append(self, token: Tensor, rows: dict[str, Tensor]) -> tuple[Outputs, State]:
        embedded = embed(self.embedding.weight, token).unsqueeze(1)
        past = [(rows[f"keys{k}"], rows[f"values{k}"]) for k in self._layers] if "keys0" in rows else []
        hidden, caches = self.blocks(embedded, past, **self._seen(rows))
        own = {f"{part}{k}": cache[i] for k, cache in enumerate(caches) for i, part in enumerate(("keys", "values"))}
        return self.project(hidden.squeeze(1)), State({**rows, **own})

    @property
    def _layers(self) -> range:
        return range(len(self.blocks.blocks))

    def _seen(self, rows: dict[str, Tensor]) -> dict[str, Any]:
        """Return what crossed blocks look at: the source's keys and values, and where it has tokens."""
        if not self.crossed:
            return {}
        memory = [(rows[f"source_keys{k}"], rows[f"source_values{k}"]) for k in self._layers]
        return {"memory": memory, "memory_mask": rows["source_mask"][:, None, None]}
