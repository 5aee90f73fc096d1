"""The n-gram generator: a table of counts, smoothed by interpolated modified Kneser-Ney.

Axes: B batch, T time, N rows of a law, V vocabulary, n order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

import torch
from torch import Tensor

from tokengan.errors import UserError
from tokengan.generators.base import Autoregressive, Condition, Outputs, State, Token
from tokengan.generators.counted import Counted, spans
from tokengan.generators.kneser_ney import Table, tables
from tokengan.sequences import Sequences
from tokengan.spec import Spec

__all__ = ["NGram"]

PARTS = ("keys", "first", "words", "counts")
CHUNK = 2**20  # numbers in a chunk of laws


class NGram(Counted, Autoregressive):
    """p(w|h) = max(c(hw) - D(c(hw)), 0) / c(h.) + lambda(h) p(w|h'), h' without the oldest word, 1/V at last.

    A context that was never seen passes all to the shorter one. Before anything is counted the law is uniform over the
    ids that may be written; UNK is a word like the others.

    >>> generator = NGram(Spec(vocab_size=4, max_length=3), order=2)
    >>> x = Sequences(torch.tensor([[0, 1, 0], [0, 1, 2]]), torch.ones(2, 3, dtype=torch.bool))
    >>> generator(x)["logits"].exp()[0, 0].tolist()
    [0.25, 0.25, 0.25, 0.25]
    >>> generator.count(x)["n-grams of order 2"]
    4
    >>> generator(x)["logits"].argmax(-1)[0].tolist(), round(generator(x)["logits"].exp()[0, 1].sum().item(), 6)
    ([0, 1, 0], 1.0)
    """

    def __init__(self, spec: Spec, order: int = 4, starts: Literal["one", "all"] = "one") -> None:
        """Make empty tables.

        Args:
            spec: Sizes and ids of the task.
            order: Words of the longest n-gram, n: each word depends on the n-1 before it.
            starts: Start symbols in the longest context of the first words: `one`, or `all` n-1 of them, which
                discounts those contexts once an order though they say no more than one does.
        """
        super().__init__(spec)
        if order < 1:
            raise ValueError(f"the order of an n-gram is 1 or more, not {order}")
        self.order, self.base, self.all_starts = order, spec.vocab_size + 1, starts == "all"
        for k in range(order):
            for part in PARTS:
                self.register_buffer(f"{part}_{k}", torch.zeros(int(part == "first"), dtype=torch.long))
        self.refresh()

    def count(self, x: Sequences, *more: Sequences) -> Mapping[str, int]:
        """Count the n-grams of training data, which may come in parts: each is padded to its own longest only."""
        history = torch.cat([self._history(part)[part.mask] for part in (x, *more)])
        words = torch.cat([part.tokens[part.mask] for part in (x, *more)])
        made = tables(history, words, self.base, self.all_starts)
        for k, table in enumerate(made):
            for part in PARTS:
                setattr(self, f"{part}_{k}", getattr(table, part))
        self.refresh()
        said = {f"n-grams of order {k + 1}": len(table.counts) for k, table in enumerate(made)}
        return said | {"orders with fallback discounts": len(self.scarce)}

    def refresh(self) -> None:
        """Make the shares of n-grams, the weights of shorter contexts, and the law without any context."""
        unigram = (self.closed == 0).double()
        unigram /= unigram.sum()
        self.scarce: list[int] = []  # orders with too few n-grams to tell their discounts
        for k in range(self.order):
            shares, weights, scarce = self._table(k).discounted()
            if scarce and len(shares):
                self.scarce.append(k + 1)
            self.register_buffer(f"shares_{k}", shares, persistent=False)
            self.register_buffer(f"weights_{k}", weights, persistent=False)
            if k == 0 and len(shares):
                unigram = (unigram * weights).index_add(0, self.words_0, shares)  # pyright: ignore
        self.register_buffer("unigram", unigram, persistent=False)

    def _table(self, k: int) -> Table:
        return Table(*(getattr(self, f"{part}_{k}") for part in PARTS))

    def _history(self, x: Sequences) -> Tensor:
        """Return the n-1 words before each token [B,T,n-1], start symbols where there are none."""
        if x.soft is not None:
            _refuse_relaxed()
        padded = torch.cat([self._begin(len(x)), x.tokens], dim=1)
        return padded.unfold(1, self.order - 1, 1)[:, : x.length]

    def _begin(self, rows: int) -> Tensor:
        return torch.full((rows, self.order - 1), self.spec.vocab_size, device=self.closed.device)

    def _contexts(self, history: Tensor) -> Iterator[tuple[int, Tensor, Tensor]]:
        """Yield each length k of context, the rows whose last k words were seen as one, and its place in the table."""
        context = history.new_zeros(len(history))
        seen = context == 0
        for k in range(1, self.order):
            keys = self._table(k).keys
            if len(keys) == 0:
                break
            key = context * self.base + history[:, -k]
            context = torch.searchsorted(keys, key).clamp_(max=len(keys) - 1)
            seen = seen & (keys[context] == key)
            rows = seen.nonzero().squeeze(1)
            yield k, rows, context[rows]

    def _logits(self, history: Tensor) -> Tensor:
        """Return log p [N,V] after histories [N,n-1]."""
        # What the longer contexts leave to each order, from the longest down.
        left = self.closed.new_ones(len(history))
        parts: list[tuple[int, Tensor, Tensor, Tensor]] = []
        for k, rows, own in reversed(list(self._contexts(history))):
            parts.append((k, rows, own, left[rows]))
            left[rows] *= getattr(self, f"weights_{k}")[own].to(left.dtype)
        law = left.unsqueeze(1) * self.unigram.to(left.dtype)  # pyright: ignore
        for k, rows, own, weight in parts:
            table = self._table(k)
            which, place = spans(table.first, own)
            share = getattr(self, f"shares_{k}")[place].to(left.dtype) * weight[which]
            law.view(-1).index_add_(0, rows[which] * law.shape[1] + table.words[place], share)
        # Finite for closed ids, as a network's are.
        return law.log_().clamp_(min=-1e30)

    def forward(self, x: Sequences) -> Outputs:
        """Return `logits` [B,T,V], which are log-probabilities."""
        return {"logits": self._logits(self._history(x).flatten(0, 1)).unflatten(0, x.tokens.shape)}

    def score(self, x: Sequences, temperature: float = 1.0) -> Outputs:
        """Return `logp` and `entropy` [B,T] of the tokens of `x`; only real tokens meet the vocabulary."""
        size = max(CHUNK // self.spec.vocab_size, 1)
        scores: list[tuple[Tensor, Tensor]] = []
        for history, word in zip(
            self._history(x)[x.mask].split(size), x.tokens[x.mask].unsqueeze(1).split(size), strict=True
        ):
            law = (self._logits(history) / temperature).log_softmax(-1)
            scores.append((law.gather(1, word).squeeze(1), -torch.linalg.vecdot(law.exp(), law)))
        blank = self.closed.new_zeros(x.tokens.shape)
        found = zip(("logp", "entropy"), zip(*scores, strict=True), strict=True)
        return {name: blank.masked_scatter(x.mask, torch.cat(values)) for name, values in found}

    def likelihood(self, x: Sequences) -> Tensor:
        """Return log p [B,T] of the tokens of `x`, in float64, without the law around them: a few look-ups a token."""
        history, words = self._history(x)[x.mask], x.tokens[x.mask]
        p = self.unigram[words]  # pyright: ignore
        for k, rows, own in self._contexts(history):
            table = self._table(k)
            grams = torch.repeat_interleave(table.first.diff()) * self.base + table.words
            gram = own * self.base + words[rows]
            place = torch.searchsorted(grams, gram).clamp_(max=len(grams) - 1)
            share = torch.where(grams[place] == gram, getattr(self, f"shares_{k}")[place], 0.0)
            p[rows] = share + getattr(self, f"weights_{k}")[own] * p[rows]
        return p.new_zeros(x.tokens.shape).masked_scatter(x.mask, p.log_().clamp_(min=-1e30))

    def start(self, rows: int, condition: Condition) -> tuple[Outputs, State]:
        """Return the law of the first word, and the start symbols before it."""
        del condition
        recent = self._begin(rows)
        return {"logits": self._logits(recent)}, State({"recent": recent})

    def step(self, token: Token, state: State) -> tuple[Outputs, State]:
        """Read one word and return the law of the next one."""
        if token.is_floating_point():
            _refuse_relaxed()
        recent = torch.cat([state.rows["recent"], token.unsqueeze(1)], dim=1)[:, 1:]
        return {"logits": self._logits(recent)}, State({"recent": recent})


def _refuse_relaxed() -> None:
    raise UserError("an n-gram generator reads words, not relaxed tokens: choose another generator for this game")
