"""Does the generator read its condition? What is lost when conditions change places.

Axes: B batch.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from tokengan.generators.base import Autoregressive, rows_of
from tokengan.metrics.base import Figure, Given, Metric
from tokengan.metrics.law import Spread, per_sequence
from tokengan.metrics.translation import NOT_THERE, Paired, sentence_chrf
from tokengan.modes import evaluating
from tokengan.sequences import Sequences

__all__ = ["ConditionUse", "TextConditionUse", "deranged", "nll_under_others", "same_rows"]


def deranged(rows: int, seed: int = 0) -> Tensor:
    """Return a permutation [B] that leaves nothing in its place: one cycle through all rows, drawn by a seed.

    >>> (deranged(100) == torch.arange(100)).any().item(), deranged(5).sort().values.tolist()
    (False, [0, 1, 2, 3, 4])
    """
    order = torch.randperm(rows, generator=torch.Generator().manual_seed(seed))
    other = torch.empty_like(order)
    other[order] = order.roll(1)
    return other


def same_rows(a: Any, b: Any) -> Tensor:
    """Return which rows of two conditions are equal [B]; of two batches, the real tokens alone are compared."""
    if isinstance(a, Sequences):
        both = a.mask & b.mask
        return (a.mask == b.mask).all(1) & torch.where(both, a.tokens == b.tokens, True).all(1)
    return (a == b).reshape(len(a), -1).all(1)


@torch.no_grad()
def nll_under_others(law: Autoregressive, x: Sequences, name: str, seed: int = 0) -> tuple[Spread, int]:
    """Return the NLL per token under other rows' conditions less that under the own ones, and over how many rows.

    Other conditions stay as they are. A row that is given an equal condition (of two labels, half the rows) says
    nothing and is left out, so that the figure does not depend on how many values there are.
    """
    value = x.condition[name]
    swapped = rows_of({name: value}, deranged(len(x), seed).to(x.tokens.device))[name]
    moved = ~same_rows(value, swapped)
    if not moved.any():
        return Spread(math.nan, math.nan), 0
    own = x.select(moved)
    others = x.replace(condition={**x.condition, name: swapped}).select(moved)
    with evaluating(law):
        lost = [per_sequence(lambda part: -law.score(part)["logp"], each) for each in (others, own)]
    return Spread.of(lost[0] - lost[1], own.lengths), len(own)


class ConditionUse(Metric):
    """NLL of held-out sequences under shuffled conditions less that under their own: 0 where the condition is ignored.

    One figure for each condition (`label`, `source`), in nats per token: conditions change places by a fixed
    derangement, and the standard error is that of the differences row by row. An upper bound comes with no metric: for
    labels it is what a label tells of a text.
    """

    name = "condition-use"
    needs = frozenset({"law", "heldout", "condition"})
    direction = "higher"
    bounds = (-math.inf, math.inf)
    split = "heldout"

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def compute(self, given: Given) -> list[Figure]:
        """Return `condition use (NAME)` for each condition of the held-out sequences."""
        return [self._of(name, given) for name in given.extra["condition"]]

    def _of(self, name: str, given: Given) -> Figure:
        law: Any = given.extra["law"]
        title, about = f"condition use ({name})", "nats per token, EOS counted"
        if law.density != "exact":
            return self.figure(title, math.nan, given, about, note="not defined: the generator has no exact likelihood")
        spread, rows = nll_under_others(law, given.extra["heldout"], name, self.seed)
        note = f"+-{spread.error:.4f}" if rows else "not defined: all rows have one condition"
        return self.figure(title, spread.mean, given, about, f"rows={rows}", f"seed={self.seed}", note=note)


class TextConditionUse(Metric):
    """chrF2 of samples against their own row's reference less that against another row's, 0 to 100, a mean over rows.

    For any generator, whether or not it has a likelihood: what is written under a row's condition and could as well
    have been written under any other one scores 0 on average.
    """

    name = "text-condition-use"
    needs = frozenset({"samples", "pairs"})
    direction = "higher"
    bounds = (-100.0, 100.0)
    split = "reference"

    def __init__(self, rows: int = 1000, seed: int = 0) -> None:
        self.rows, self.seed = rows, seed

    def compute(self, given: Given) -> list[Figure]:
        """Return the difference, with its standard error; rows that get an equal condition are left out."""
        pairs: Paired = given.get("pairs")
        title = "condition use (chrF2)"
        texts, own = pairs.task.decode(pairs.written), list(pairs.references)
        rows = min(self.rows, len(own))
        other = deranged(rows, self.seed)
        heldout = pairs.heldout.select(slice(0, rows)).to("cpu")
        moved = ~torch.stack([same_rows(v, rows_of({"": v}, other)[""]) for v in heldout.condition.values()]).all(0)
        lost = [
            sentence_chrf(texts[i], own[i]) - sentence_chrf(texts[i], own[j])
            for i, j in enumerate(other.tolist())
            if moved[i]
        ]
        spread = Spread.of(torch.tensor(lost, dtype=torch.float64), torch.ones(len(lost)))
        note = f"+-{spread.error:.3f}" if math.isfinite(spread.mean) else NOT_THERE
        parts = ("mean of sentences", f"rows={len(lost)}", f"seed={self.seed}")
        return [self.figure(title, spread.mean, given, *parts, note=note)]
