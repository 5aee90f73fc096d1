"""Counts and discounts of interpolated modified Kneser-Ney smoothing (Chen, Goodman 1998; Heafield 2011).

Axes: N positions in the data, C contexts of one length, G n-grams of one order.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

__all__ = ["Table", "discounts", "tables"]

FALLBACK = (0.0, 0.5, 1.0, 1.5)  # D where the data are too small to tell it, as in Heafield's estimator


@dataclass(frozen=True)
class Table:
    """The n-grams of one order, context after context.

    Args:
        keys: Each context, as the number of its last words in the table below, times the base, plus its oldest word;
            ascending [C].
        first: Where each context's words begin, and the end of the last one's [C+1].
        words: The last words [G].
        counts: Their adjusted counts [G]: for the highest order, and n-grams that begin with a start symbol, how often
            they were seen; for the others, how many different words stood before them.
    """

    keys: Tensor
    first: Tensor
    words: Tensor
    counts: Tensor

    def discounted(self) -> tuple[Tensor, Tensor, bool]:
        """Return (c - D(c)) / c(h,.) of each n-gram [G], lambda of each context [C], whether D was too scarce to tell.

        Both from the same adjusted counts: only then do laws sum to 1.
        """
        d, scarce = discounts(self.counts)
        taken = d[self.counts.clamp(max=3)]
        lengths = self.first.diff()
        owner = torch.repeat_interleave(lengths)
        total, mass = (
            torch.zeros(len(lengths), dtype=torch.double, device=d.device).index_add_(0, owner, values.double())
            for values in (self.counts, taken)
        )
        return (self.counts - taken) / total[owner], mass / total, scarce


def tables(history: Tensor, words: Tensor, base: int, all_starts: bool = False) -> list[Table]:
    """Return the tables of orders 1 to n.

    Args:
        history: The n-1 words before each word, oldest first, as many start symbols as it takes [N,n-1].
        words: The words [N].
        base: One more than the start symbol, which is more than any word.
        all_starts: Whether n-grams that begin with several start symbols are counted; otherwise one ends a context.

    >>> history, words = torch.tensor([[3], [0], [0], [3], [1]]), torch.tensor([0, 0, 1, 1, 0])   # 0 0 1, and 1 0
    >>> one, two = tables(history, words, 4)
    >>> one.words.tolist(), one.counts.tolist()  # 0 comes after 3, 0 and 1; 1 after 0 and 3
    ([0, 1], [3, 2])
    >>> two.keys.tolist(), two.words.tolist(), two.counts.tolist()
    ([0, 1, 3], [0, 1, 0, 0, 1], [1, 1, 1, 1, 1])
    """
    made: list[Table] = []
    start, below = base - 1, words
    keys, context, begins = torch.zeros_like(words[:1]), torch.zeros_like(words), torch.zeros_like(words[:0]).bool()
    for k in range(history.shape[1] + 1):
        if k > 1 and not all_starts:
            longer = history[:, 1 - k] != start
            history, words, context, below = (one[longer] for one in (history, words, context, below))
        if k > 0:
            keys, context = torch.unique(context * base + history[:, -k], return_inverse=True)
        pairs, gram, counts = torch.unique(context * base + words, return_inverse=True, return_counts=True)
        positions = torch.arange(len(words), device=words.device)
        somewhere = torch.empty_like(pairs).scatter_(0, gram, positions)
        if k > 0:
            # Each n-gram here is another word before one n-gram of the order below.
            last = made.pop()
            before = torch.bincount(below[somewhere], minlength=len(last.counts))
            made.append(replace(last, counts=torch.where(begins, last.counts, before)))
        begins = history[somewhere, -k] == start if k > 0 else torch.zeros_like(pairs).bool()
        sizes = torch.bincount(pairs // base, minlength=len(keys))
        made.append(Table(keys, torch.cat([sizes.new_zeros(1), sizes.cumsum(0)]), pairs % base, counts))
        below = gram
    return made


def discounts(counts: Tensor) -> tuple[Tensor, bool]:
    """Return D(0), D(1), D(2), D(3 and more) of the adjusted counts of an order, and whether they are the fallback.

    With n_r n-grams of count r and Y = n_1 / (n_1 + 2 n_2): D(r) = r - (r + 1) Y n_(r+1) / n_r.

    >>> discounts(torch.tensor([1, 1, 1, 1, 2, 2, 3, 4]))[0].tolist()
    [0.0, 0.5, 1.25, 1.0]
    >>> discounts(torch.tensor([1, 1, 1]))
    (tensor([0.0000, 0.5000, 1.0000, 1.5000], dtype=torch.float64), True)
    """
    n = torch.bincount(counts.clamp(max=5), minlength=6)[1:5].double()
    r = torch.arange(1, 4, device=n.device)
    d = r - (r + 1) * n[0] / (n[0] + 2 * n[1]) * n[1:] / n[:-1]
    # A D of 0 or less would leave nothing for the words not seen: there the counts do not fall as those of words do.
    scarce = bool((n == 0).any()) or bool((d <= 0).any())
    if scarce:
        return n.new_tensor(FALLBACK), True
    return torch.cat([d.new_zeros(1), d]), False
