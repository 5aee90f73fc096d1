"""The n-gram model: interpolated modified Kneser-Ney (Chen & Goodman 1999), a law without a gradient.

Axes: B batch, T time, V vocabulary, C n-grams of one order.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from tokengan.generators.base import Autoregressive, Condition, Outputs, State, Token
from tokengan.generators.kneser_ney import count_levels
from tokengan.sequences import Sequences
from tokengan.spec import Spec

__all__ = ["NGram"]


class NGram(Autoregressive):
    """p_k(w | h) = max(a(hw) - D, 0) / a(h.) + gamma(h) p_(k-1)(w | h'), down to the uniform law.

    h' is h without its first token, a(.) are counts (`kneser_ney.count_levels`), D their discounts. The law is
    normalised whatever the context. Before anything was counted it is uniform.

    >>> spec = Spec(vocab_size=6, max_length=3, start=1, end=2, pad=0)
    >>> model = NGram(spec, order=2)
    >>> x = Sequences(torch.tensor([[4, 5, 2], [4, 2, 0]]), torch.tensor([[1, 1, 1], [1, 1, 0]]).bool())
    >>> model.count(x)
    >>> law = model(x)["logits"][0].softmax(-1)
    >>> law.sum(-1).round(decimals=4).tolist(), law[0].argmax().item()
    ([1.0, 1.0, 1.0], 4)
    """

    base: Tensor
    weights1: Tensor

    def __init__(self, spec: Spec, order: int = 4) -> None:
        """Make an empty model.

        Args:
            spec: Sizes and ids of the task.
            order: Longest n-gram; the context is one token shorter.
        """
        super().__init__(spec)
        if order < 1:
            raise ValueError(f"the order of an n-gram model is 1 or more, not {order}")
        self.order = order
        self.register_buffer("base", (self.closed == 0).float() / (self.closed == 0).sum())
        for k in range(1, order + 1):
            self.register_buffer(f"keys{k}", torch.zeros(0, dtype=torch.long))
            self.register_buffer(f"weights{k}", torch.zeros(0))
            self.register_buffer(f"spares{k}", torch.zeros(0))

    @property
    def symbols(self) -> int:
        """The vocabulary and, last, the start symbol, which may be a word too and then is another."""
        return self.spec.vocab_size + 1

    def count(self, x: Sequences) -> None:
        """Learn from sequences, and forget what was learnt before."""
        device = self.closed.device
        levels, left = count_levels(x.tokens.cpu(), x.mask.cpu(), self.order, self.symbols)
        for k, level in enumerate(levels, start=1):
            for name in ("keys", "weights", "spares"):
                setattr(self, f"{name}{k}", getattr(level, name).to(device))
        words = levels[0].keys[levels[0].keys < self.spec.vocab_size].to(device)
        law = left * (self.closed == 0).float() / (self.closed == 0).sum()
        self.base = law.index_add(0, words, self.weights1[: len(words)])

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *rest: Any, **more: Any) -> None:
        # There are as many n-grams as the data had.
        for name, own in self.named_buffers(recurse=False):
            stored = state_dict.get(prefix + name)
            if stored is not None and name != "closed" and stored.shape != own.shape:
                setattr(self, name, torch.empty_like(stored, device=own.device))
        super()._load_from_state_dict(state_dict, prefix, *rest, **more)

    def start(self, rows: int, condition: Condition) -> tuple[Outputs, State]:
        """Return the law behind the start symbol."""
        del condition
        none = torch.full((rows, self.order - 1), -1, device=self.closed.device)
        return self._after(torch.full((rows,), self.symbols - 1, device=self.closed.device), none)

    def step(self, token: Token, state: State) -> tuple[Outputs, State]:
        """Read one token. Raises ValueError for a relaxed one: counts know no mixtures."""
        if token.is_floating_point():
            raise ValueError("an n-gram model reads tokens, not relaxed ones: choose another generator for this game")
        return self._after(token, state.rows["contexts"])

    def _after(self, token: Tensor, contexts: Tensor) -> tuple[Outputs, State]:
        """Return the law once `token` [B] was read behind contexts [B,order-1], -1 where one was never seen."""
        ends = [self._place(k, c, token) for k, c in enumerate([torch.zeros_like(token), *contexts.T[:-1]], start=1)]
        ends = ends[: self.order - 1]
        law = self.base.expand(len(token), -1)
        for k, context in enumerate(ends, start=2):
            law = self._level(k, context, law)
        contexts = torch.stack(ends, 1) if ends else contexts
        # Float32 sums to 1 within rounding; the engine and the likelihoods take the softmax of these.
        return {"logits": torch.where(self.closed < 0, self.closed, law.log())}, State({"contexts": contexts})

    def _place(self, k: int, context: Tensor, token: Tensor) -> Tensor:
        """Return the place of context + token among the n-grams of order k, -1 where it was never seen."""
        keys = getattr(self, f"keys{k}")
        if not len(keys):
            return torch.full_like(token, -1)
        wanted = context * self.symbols + token
        place = torch.searchsorted(keys, wanted).clamp(max=len(keys) - 1)
        return torch.where((context >= 0) & (keys[place] == wanted), place, -1)

    def _level(self, k: int, context: Tensor, law: Tensor) -> Tensor:
        """Return the law of order k [B,V] from that of the order below."""
        keys, weights = getattr(self, f"keys{k}"), getattr(self, f"weights{k}")
        seen = context.clamp(min=0)
        spares = getattr(self, f"spares{k - 1}")
        spare = torch.where(context >= 0, spares[seen], 1.0) if len(spares) else law.new_ones(len(law))
        law = law * spare.unsqueeze(1)
        first, last = (torch.searchsorted(keys, (seen + own) * self.symbols) for own in (0, 1))
        many = torch.where(context >= 0, last - first, 0)
        rows = torch.repeat_interleave(torch.arange(len(law), device=law.device), many)
        within = torch.arange(len(rows), device=law.device) - pad(many.cumsum(0)[:-1], (1, 0))[rows]
        places = first[rows] + within
        return law.index_put((rows, keys[places] % self.symbols), weights[places], accumulate=True)
