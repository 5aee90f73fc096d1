"""Counting for interpolated modified Kneser-Ney (Chen & Goodman 1999, equation 26 and section 4.1.6).

Axes: N occurrences, C n-grams of one order, V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Level", "count_levels", "discounts"]


@dataclass(frozen=True)
class Level:
    """All n-grams of one order, sorted by context and then by last token: those of a context stand together.

    Args:
        keys: context * W + last token [C], W the number of symbols, the start symbol one of them; ascending. The
            context is the place of its n-gram among those of the order below (0 for order 1).
        weights: max(a(hw) - D(a), 0) / a(h.) [C]: what an n-gram has of its own.
        spares: For each n-gram as a context, the mass gamma [C] that its continuations leave to the order below; 1
            where it has none.
    """

    keys: Tensor
    weights: Tensor
    spares: Tensor


def discounts(counts: Tensor) -> Tensor:
    """Return D(0), D(1), D(2) and D(3 or more) [4] of one order's counts [C].

    With n_i the number of n-grams counted i times and Y = n_1 / (n_1 + 2 n_2): D(i) = i - (i + 1) Y n_(i+1) / n_i.
    Where data are so few or so regular that this is not defined or not between 0 and i, D(i) is i / 2.

    >>> [round(d, 4) for d in discounts(torch.tensor([1, 1, 1, 1, 2, 2, 3, 4])).tolist()]       # Y = 1/2
    [0.0, 0.5, 1.25, 1.0]
    """
    n1, n2, n3, n4 = ((counts == i).sum().double().item() for i in (1, 2, 3, 4))
    share = n1 / (n1 + 2 * n2) if n1 + n2 else 0.0
    found = [0.0]
    for i, (here, above) in enumerate(((n1, n2), (n2, n3), (n3, n4)), start=1):
        value = i - (i + 1) * share * above / here if here else -1.0
        found.append(value if 0 < value < i else i / 2)
    return torch.tensor(found, dtype=torch.float64)


def count_levels(tokens: Tensor, mask: Tensor, order: int, symbols: int) -> tuple[list[Level], float]:
    """Return the levels 1 to `order` of sequences, and the mass that order 1 leaves to the uniform law.

    A sequence is read behind one start symbol, the last of the `symbols`. The counts a(.) of the highest order are
    those of occurrences; below, an n-gram counts once for every different symbol before it, and one that begins with
    the start symbol, before which there is nothing, by its occurrences.

    Args:
        tokens: Token ids [B,T].
        mask: Which are real [B,T].
        order: Longest n-gram.
        symbols: W: the vocabulary and the start symbol.
    """
    rows = torch.nn.functional.pad(tokens, (1, 0), value=symbols - 1)
    real = torch.nn.functional.pad(mask, (1, 0), value=True)
    # Of each place, the n-gram that ends there, order by order; -1 where the sequence is too short for one.
    ends = torch.zeros_like(rows)
    keys: list[Tensor] = []
    places: list[Tensor] = []
    for k in range(1, order + 1):
        before = torch.zeros_like(rows) if k == 1 else torch.nn.functional.pad(ends[:, :-1], (1, 0), value=-1)
        there = real & (before >= 0)
        found, index = torch.unique(before[there] * symbols + rows[there], return_inverse=True)
        ends = torch.full_like(rows, -1)
        ends[there] = index
        keys.append(found)
        places.append(ends)
    levels: list[Level] = []
    left = 1.0
    spares = [torch.ones(len(found), dtype=torch.float64) for found in keys]
    for k, (found, at) in enumerate(zip(keys, places, strict=True), start=1):
        occurrences = torch.bincount(at[at >= 0], minlength=len(found))
        counts = occurrences
        if k < order:
            # The place of a longer n-gram's end tells its suffix.
            longer, suffix = places[k].flatten(), at.flatten()
            first = torch.full((len(keys[k]),), -1, dtype=torch.long)
            first[longer[longer >= 0]] = suffix[longer >= 0]
            counts = torch.bincount(first, minlength=len(found))
            begins = torch.zeros(len(found), dtype=torch.bool)
            begins[at[:, k - 1][at[:, k - 1] >= 0]] = True  # they end k places behind the start symbol
            counts = torch.where(begins, occurrences, counts)
        if k == 1:
            counts = torch.where(found == symbols - 1, 0, counts)  # the start symbol is read and never written
        lost = discounts(counts)[counts.clamp(max=3)]
        parents = found // symbols
        size = 1 if k == 1 else len(keys[k - 2])
        total = torch.zeros(size, dtype=torch.float64).index_add_(0, parents, counts.double())
        spare = torch.zeros(size, dtype=torch.float64).index_add_(0, parents, lost)
        weights = (counts.double() - lost) / total[parents]
        spare = torch.where(total > 0, spare / total.clamp(min=1), 1.0)
        if k == 1:
            left = spare.item()
        else:
            spares[k - 2] = spare
        levels.append(Level(found, weights.float(), torch.empty(0)))
    return [Level(level.keys, level.weights, own.float()) for level, own in zip(levels, spares, strict=True)], left
