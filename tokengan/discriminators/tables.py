"""Convolutions by looking up: what every token adds at every place of a window, summed over the window's tokens.

A convolution of embedded tokens is sum_k W_k E[token_k]. With unchanged weights the products W_k E [V,C] are made once
and a window's answer is a sum of w rows: no product is left. It pays where far more windows are read than there are
tokens in the vocabulary.

Axes: B batch, T time, P windows, w width, V vocabulary, E embedding, C filters of one width, F all filters.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import embedding_bag, pad

from tokengan.discriminators.windows import inside
from tokengan.sequences import Sequences

__all__ = ["Tables", "worthwhile"]

# Answers that are held at once (measured): fewer than `strongest` holds, whose products pay with more rows.
AT_ONCE = 2**19
MOST = 2**26  # numbers in all tables: a quarter of a gigabyte
# A row of a table costs as much to make as this many to look up (measured at the published widths).
COST = 2


def worthwhile(rows: int, length: int, vocabulary: int, convolutions: Iterable[nn.Conv1d]) -> bool:
    """Return whether so many sequences are worth making tables for.

    >>> judge = [nn.Conv1d(64, 100, 3)]
    >>> worthwhile(10_000, 20, 5000, judge), worthwhile(100, 20, 5000, judge), worthwhile(10**6, 20, 10**6, judge)
    (True, False, False)
    """
    convolutions = list(convolutions)
    numbers = sum(part.out_channels * part.kernel_size[0] for part in convolutions) * (vocabulary + 1)
    return numbers <= MOST and rows * length > COST * vocabulary


class Tables:
    """The tables of some convolutions over an embedding matrix. They hold until a weight changes.

    Args:
        embedding: Embeddings of the tokens [V,E].
        convolutions: What is looked up.
    """

    @torch.no_grad()
    def __init__(self, embedding: Float[Tensor, "V E"], convolutions: Iterable[nn.Conv1d]) -> None:
        self.nothing = len(embedding)  # the row of what comes after the end
        self.convolutions = list(convolutions)
        with torch.autocast(embedding.device.type, enabled=False):
            self.tables = [self._table(embedding, part.weight) for part in self.convolutions]

    def _table(self, embedding: Tensor, weight: Tensor) -> Float[Tensor, "wV1 C"]:
        count, _, width = weight.shape
        table = embedding.new_zeros(width, self.nothing + 1, count)
        for k in range(width):
            torch.mm(embedding, weight[:, :, k].T, out=table[k, :-1])
        return table.flatten(0, 1)

    @torch.no_grad()
    def strongest(self, x: Sequences) -> Float[Tensor, "B F"]:
        """Return ReLU of each filter's largest value over the windows of each row, as `strongest.strongest` does."""
        tokens = x.tokens.masked_fill(~x.mask, self.nothing)
        short = max(part.kernel_size[0] for part in self.convolutions) - tokens.shape[1]
        if short > 0:
            tokens = pad(tokens, (0, short), value=self.nothing)
        whole = bool((x.lengths == tokens.shape[1]).all())
        pooled: list[Tensor] = []
        for part, table in zip(self.convolutions, self.tables, strict=True):
            width, bias = part.kernel_size[0], part.bias
            assert bias is not None
            places = torch.arange(width, device=tokens.device) * (self.nothing + 1)
            windows = tokens.unfold(1, width, 1) + places
            rows = max(AT_ONCE // (windows.shape[1] * part.out_channels), 1)
            largest: list[Tensor] = []
            for some, lengths in zip(windows.split(rows), x.lengths.split(rows), strict=True):
                answers = embedding_bag(some.flatten(0, 1), table, mode="sum").unflatten(0, some.shape[:2])
                if not whole:
                    counted = inside(answers.shape[1], width, lengths)
                    answers = answers.masked_fill(~counted.unsqueeze(2), torch.finfo(answers.dtype).min)
                largest.append(answers.amax(1))
            pooled.append((torch.cat(largest) + bias).relu())
        return torch.cat(pooled, dim=1)
