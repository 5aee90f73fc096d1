"""LSTM and GRU generators (Mikolov et al. 2010; the LSTM of SeqGAN, Yu et al. 2017).

Axes: B batch, T time, V vocabulary, E embedding, H hidden, L layers.
"""

from __future__ import annotations

from functools import partial
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from tokengan.generators.base import Condition, Outputs, State, Token
from tokengan.generators.projected import Projected
from tokengan.sequences import Sequences
from tokengan.spec import Spec

__all__ = ["GRU", "LSTM"]


class Recurrent(Projected):
    """Embedding -> recurrent layers -> linear -> law of the next token. Use `LSTM` or `GRU`."""

    layer: ClassVar[type[nn.LSTM] | type[nn.GRU]]
    parts: ClassVar[tuple[str, ...]]

    def __init__(
        self,
        spec: Spec,
        embedding: int = 32,
        hidden: int = 32,
        layers: int = 1,
        dropout: float = 0.0,
        tied: bool = False,
        init_std: float | None = 0.1,
    ) -> None:
        """Build the network.

        Args:
            spec: Sizes and ids of the task.
            embedding: Width of the token embeddings, E.
            hidden: Width of each layer, H.
            layers: Number of layers, L.
            dropout: On the embeddings, between layers and before the output; off while writing and scoring.
            tied: Whether the output layer shares the embedding matrix; needs `embedding == hidden`.
            init_std: Every weight starts N(0, init_std) (SeqGAN: 0.1); None keeps PyTorch's own start.
        """
        super().__init__(spec, embedding, hidden, tied)
        sizes = [embedding] + [hidden] * (layers - 1)
        self.layers = nn.ModuleList(self.layer(size, hidden, batch_first=True) for size in sizes)
        self.dropout = nn.Dropout(dropout)
        self._initialise(init_std)

    def _initialise(self, std: float | None) -> None:
        if std is not None:
            for parameter in self.parameters():
                nn.init.normal_(parameter, std=std)

    def hidden(self, x: Sequences) -> Float[Tensor, "B T H"]:
        """Return the last layer's states before each token of `x`."""
        rows, hidden = self.begin(len(x), x.condition), self.read(x)
        for k, layer in enumerate(self.layers):
            first = tuple(rows[part][:, k].unsqueeze(0).contiguous() for part in self.parts)
            hidden, _ = layer(self.dropout(hidden), first if len(first) > 1 else first[0])
        return self.look(hidden, rows)

    def begin(self, rows: int, condition: Condition) -> dict[str, Tensor]:
        """Return the state before the start symbol: the layers' own [B,L,H] of zeros, whatever the condition."""
        del condition
        zero = self.embedding.weight.new_zeros(rows, len(self.layers), self.output.in_features)
        return dict.fromkeys(self.parts, zero)

    def look(self, top: Float[Tensor, "B *T H"], rows: dict[str, Tensor]) -> Float[Tensor, "B *T H"]:
        """Return what the output layer reads of the last layer's states [B,H] or [B,T,H]: here the states, dropped."""
        del rows
        return self.dropout(top)

    def start(self, rows: int, condition: Condition) -> tuple[Outputs, State]:
        """Return the law of the first token and the state before it."""
        weight = self.embedding.weight
        table = self.table(partial(self._gates, 0), self._cell(0)[0].shape[0])
        state = State(self.begin(rows, condition), table)
        return self.step(torch.full((rows,), self.spec.start, device=weight.device), state)

    def step(self, token: Token, state: State) -> tuple[Outputs, State]:
        """Read one token and return the law of the next one."""
        gates = self.projected(partial(self._gates, 0), token, state)
        after: list[tuple[Tensor, ...]] = []
        for k in range(len(self.layers)):
            if k > 0:
                gates = self._gates(k, after[-1][0])
            after.append(self._advance(k, gates, tuple(state.rows[part][:, k] for part in self.parts)))
        rows = {part: torch.stack([new[i] for new in after], dim=1) for i, part in enumerate(self.parts)}
        return self.project(self.look(after[-1][0], state.rows)), State({**state.rows, **rows}, state.shared)

    def _cell(self, k: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        layer = self.layers[k]
        return layer.weight_ih_l0, layer.weight_hh_l0, layer.bias_ih_l0, layer.bias_hh_l0  # pyright: ignore

    def _gates(self, k: int, below: Tensor) -> Tensor:
        weight, _, bias, _ = self._cell(k)
        return functional.linear(self.dropout(below), weight, bias)

    def _advance(self, k: int, gates: Tensor, before: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Return the layer's new state, output first, from the input's share of the gates and the old state."""
        raise NotImplementedError


class LSTM(Recurrent):
    """Long short-term memory: i, f, o = sigmoid(W x + U h + b), g = tanh(..), c' = f c + i g, h' = o tanh(c').

    One bias a gate, as in the paper's code: PyTorch's second one is held at zero.

    >>> from tokengan.spec import Spec
    >>> generator = LSTM(Spec(vocab_size=10, max_length=4), hidden=8)
    >>> x = Sequences(torch.zeros(2, 4, dtype=torch.long), torch.ones(2, 4, dtype=torch.bool))
    >>> generator(x)["logits"].shape
    torch.Size([2, 4, 10])
    """

    layer = nn.LSTM
    parts = ("h", "c")

    def _initialise(self, std: float | None) -> None:
        super()._initialise(std)
        for k in range(len(self.layers)):
            nn.init.zeros_(self._cell(k)[3]).requires_grad_(False)

    def _advance(self, k: int, gates: Tensor, before: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        h, c = before
        i, f, g, o = (gates + functional.linear(h, self._cell(k)[1])).chunk(4, dim=1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c


class GRU(Recurrent):
    """Gated recurrent unit (Cho et al. 2014), in PyTorch's form.

    r, z = sigmoid(W x + b + U h + b'), n = tanh(W x + b + r (U h + b')), h' = (1 - z) n + z h.

    >>> from tokengan.spec import Spec
    >>> outputs, state = GRU(Spec(vocab_size=10, max_length=4), hidden=8, layers=2).start(3, {})
    >>> outputs["logits"].shape, state.rows["h"].shape
    (torch.Size([3, 10]), torch.Size([3, 2, 8]))
    """

    layer = nn.GRU
    parts = ("h",)

    def _advance(self, k: int, gates: Tensor, before: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        _, weight, _, bias = self._cell(k)
        (h,) = before
        r, z, n = gates.chunk(3, dim=1)
        past_r, past_z, past_n = functional.linear(h, weight, bias).chunk(3, dim=1)
        z = (z + past_z).sigmoid()
        n = (n + (r + past_r).sigmoid() * past_n).tanh()
        return ((1 - z) * n + z * h,)
