"""Generators whose law is a linear layer on a hidden state, and their log-probabilities without keeping any logits.

Axes: B batch, T time, N real tokens, V vocabulary, H hidden.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from tokengan.generators.base import Autoregressive, Outputs, State, Token, embed
from tokengan.sequences import Sequences
from tokengan.spec import Spec

__all__ = ["Projected", "linear_logp"]

# Numbers in a thread's chunk of logits: few enough to stay in a processor's cache, where passes cost a third.
CHUNK = 2**19
# Most numbers of laws kept from one pass to the next: 128 MB.
KEPT = 2**25
# Above this many numbers a table of every token costs more than it saves.
TABLE_LIMIT = 2**24


class LinearLogp(torch.autograd.Function):
    """log softmax((h W' + b) / temperature)[target], and the law's entropy, in chunks of rows.

    A chunk's logits stay in cache, and no pass over them is left but the product and the softmax: the bias belongs to
    an input of ones, and the law's mean row of W gives the entropy and, in the backward pass, the gradient to h. The
    laws are kept for the gradient to W where they are small enough, else made again.
    """

    @staticmethod
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor, target: Tensor, temperature: float, keep: bool
    ) -> tuple[Tensor, Tensor]:
        # h and 1; W and b. Products with the short side first are faster, hence the shapes of means and slope.
        read = functional.pad(hidden / temperature, (0, 1), value=1 / temperature)
        table = torch.cat([weight, bias.unsqueeze(1)], dim=1)
        kept = read.new_empty(len(read), len(table)) if keep else None
        logits, buffer = _buffer(read, table), _buffer(read, table)
        means, norm = read.new_empty(read.shape[1], len(read)), read.new_empty(len(read))
        for rows in _chunks(read, table):
            part = torch.mm(read[rows], table.T, out=logits[: len(read[rows])])
            law = torch.softmax(part, 1, out=buffer[: len(part)] if kept is None else kept[rows])
            torch.mm(table.T, law.T, out=means[:, rows])
            torch.sub(part.amax(1), law.amax(1).log(), out=norm[rows])
        logp = torch.linalg.vecdot(read, table[target]) - norm
        entropy = norm - torch.linalg.vecdot(read, means.T)
        ctx.save_for_backward(read, table, target, means, kept)
        ctx.temperature = temperature
        ctx.mark_non_differentiable(entropy)
        return logp, entropy

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        read, table, target, means, kept = ctx.saved_tensors
        scale = grads[0].unsqueeze(1)
        scaled = read * scale
        slope = torch.zeros_like(table).index_add_(0, target, scaled).T.contiguous()
        if kept is not None:
            slope.addmm_(scaled.T, kept, alpha=-1)
        else:
            logits, buffer = _buffer(read, table), _buffer(read, table)
            for rows in _chunks(read, table):
                part = torch.mm(read[rows], table.T, out=logits[: len(read[rows])])
                slope.addmm_(scaled[rows].T, torch.softmax(part, 1, out=buffer[: len(part)]), alpha=-1)
        to_hidden = (table[target, :-1] - means[:-1].T) * (scale / ctx.temperature)
        return to_hidden, slope[:-1].T, slope[-1], None, None, None


def _chunks(rows: Tensor, table: Tensor) -> list[slice]:
    size = _size(table)
    return [slice(first, first + size) for first in range(0, len(rows), size)]


def _size(table: Tensor) -> int:
    return max(CHUNK * torch.get_num_threads() // len(table), 16)


def _buffer(rows: Tensor, table: Tensor) -> Tensor:
    """Return room for one chunk's logits: new memory for each would cost as much as the product that fills it."""
    return rows.new_empty(min(_size(table), len(rows)), len(table))


def linear_logp(
    hidden: Tensor, weight: Tensor, bias: Tensor, target: Tensor, temperature: float = 1.0
) -> tuple[Tensor, Tensor]:
    """Return log-probabilities [N] of targets [N] under a linear layer's law, and the law's entropy [N] (no gradient).

    >>> hidden, weight = torch.zeros(2, 3), torch.zeros(4, 3)
    >>> logp, entropy = linear_logp(hidden, weight, torch.zeros(4), torch.tensor([0, 3]))
    >>> logp.exp().tolist(), entropy.exp().tolist()
    ([0.25, 0.25], [4.0, 4.0])
    """
    with torch.autocast(hidden.device.type, enabled=False):
        parts = (part if part.dtype == torch.float64 else part.float() for part in (hidden, weight, bias))
        # For the gradient to W alone, and where there is room for them.
        learns = torch.is_grad_enabled() and (weight.requires_grad or bias.requires_grad)
        keep = learns and len(hidden) * len(weight) <= KEPT
        return LinearLogp.apply(*parts, target, temperature, keep)  # pyright: ignore[reportReturnType]


class Projected(Autoregressive):
    """A generator whose law of the next token is softmax(W h + b), with hidden states h [B,T,H] given by `hidden`.

    A tied W is the embedding matrix. The layer `output` then has no matrix of its own: shared, it would belong to two
    modules, and safetensors refuses that.
    """

    gives: ClassVar[frozenset[str]] = frozenset({"logits", "hidden"})

    def __init__(self, spec: Spec, embedding: int, hidden: int, tied: bool) -> None:
        """Make the first and the last layer.

        Args:
            spec: Sizes and ids of the task.
            embedding: Width of the token embeddings, E.
            hidden: Width of the hidden states, H.
            tied: Whether W is the embedding matrix; needs E = H.
        """
        super().__init__(spec)
        if tied and embedding != hidden:
            raise ValueError(f"a tied output needs embedding == hidden, not {embedding} and {hidden}")
        self.tied, self.width = tied, hidden
        self.embedding = nn.Embedding(spec.vocab_size, embedding)
        self.output = nn.Linear(hidden, spec.vocab_size)
        if tied:
            self.output.register_parameter("weight", None)

    def hidden(self, x: Sequences) -> Float[Tensor, "B T H"]:
        """Return the hidden state from which each token of `x` is predicted [B,T,H], dropout applied."""
        raise NotImplementedError

    def trace(self, x: Sequences) -> Outputs:
        """Return `hidden` [B,T,H] and whatever else the network has to show on the way to it."""
        return {"hidden": self.hidden(x)}

    def read(self, x: Sequences) -> Float[Tensor, "B T E"]:
        """Return the embeddings of what is read before each token of `x`: the start symbol, then all but the last."""
        table, tokens = self.embedding.weight, x.tokens if x.soft is None else x.soft
        start = embed(table, x.tokens.new_full((len(x), 1), self.spec.start))
        return torch.cat([start, embed(table, tokens[:, :-1])], dim=1)

    def table(self, project: Callable[[Tensor], Tensor], width: int) -> dict[str, Tensor]:
        """Return what `project` [V,E] -> [V,width] makes of every token, to be shared by all steps of one loop.

        Nothing where the loop has a gradient or dropout, or where the table would be too large.
        """
        small = self.spec.vocab_size * width <= TABLE_LIMIT
        if torch.is_grad_enabled() or self.training or not small:
            return {}
        return {"table": project(self.embedding.weight)}

    def projected(self, project: Callable[[Tensor], Tensor], token: Token, state: State) -> Tensor:
        """Return what `project` makes of one token a row, looked up in the state's table where there is one."""
        table = state.shared.get("table")
        if table is None or token.is_floating_point():
            return project(embed(self.embedding.weight, token))
        return embed(table, token)

    def readout(self) -> tuple[Float[Tensor, "V H"], Float[Tensor, " V"]]:
        """Return W and b; the bias puts closed ids out of reach."""
        return (self.embedding if self.tied else self.output).weight, self.output.bias + self.closed

    def project(self, hidden: Float[Tensor, "*rows H"]) -> Outputs:
        """Return `logits` [...,V] and the hidden states they come from."""
        # In full precision: what is drawn from has to be the law that `score` gives.
        with torch.autocast(hidden.device.type, enabled=False):
            weight, bias = self.readout()
            return {"logits": functional.linear(hidden.to(weight.dtype), weight, bias), "hidden": hidden}

    def forward(self, x: Sequences) -> Outputs:
        """Return `logits` [B,T,V] and `hidden` [B,T,H]."""
        traced = self.trace(x)
        return {**traced, **self.project(traced["hidden"])}

    def score(self, x: Sequences, temperature: float = 1.0) -> Outputs:
        """Return `logp` and `entropy` [B,T] of the tokens of `x`; only real tokens meet the vocabulary."""
        traced = self.trace(x)
        hidden = traced["hidden"]
        logp, entropy = linear_logp(hidden[x.mask], *self.readout(), x.tokens[x.mask], temperature)
        blank = logp.new_zeros(x.tokens.shape)
        scored = {"logp": blank.masked_scatter(x.mask, logp), "entropy": blank.masked_scatter(x.mask, entropy)}
        return {**traced, **scored}
