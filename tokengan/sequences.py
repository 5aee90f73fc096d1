"""The one currency of the house: a batch of token sequences with its mask, condition and log-probabilities.

Axes: B batch (rows), T time, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from tokengan.spec import Spec

__all__ = ["Sequences", "end_mask", "masked_mean", "pad_lists", "tidy"]


def end_mask(tokens: Tensor, end: int | None) -> Tensor:
    """Return the mask [B,T] that is True up to and including the first EOS.

    >>> end_mask(torch.tensor([[5, 2, 9], [5, 6, 7]]), end=2).int().tolist()
    [[1, 1, 0], [1, 1, 1]]
    """
    if end is None:
        return torch.ones_like(tokens, dtype=torch.bool)
    is_end = (tokens == end).long()
    return (is_end.cumsum(1) - is_end) == 0


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Return the mean of `values` where `mask` is True, 0 where it is True nowhere.

    >>> masked_mean(torch.tensor([1.0, 3.0, 100.0]), torch.tensor([True, True, False])).item()
    2.0
    """
    return torch.where(mask, values, values.new_zeros(())).sum() / mask.sum().clamp(min=1)


def pad_lists(rows: Sequence[Sequence[int]], pad: int, length: int | None = None) -> tuple[Tensor, Tensor]:
    """Return tokens [B,T] and mask [B,T] of rows of different lengths.

    >>> tokens, mask = pad_lists([[5, 2], [6]], pad=0)
    >>> tokens.tolist(), mask.tolist()
    ([[5, 2], [6, 0]], [[True, True], [True, False]])
    """
    lengths = torch.tensor([len(row) for row in rows], dtype=torch.long)
    longest = int(lengths.max()) if length is None and len(rows) else length or 0
    mask = torch.arange(longest) < lengths.unsqueeze(1)
    tokens = torch.full(mask.shape, pad, dtype=torch.long)
    tokens[mask] = torch.tensor([token for row in rows for token in row], dtype=torch.long)
    return tokens, mask


def tidy(tokens: Tensor, spec: Spec) -> tuple[Tensor, Tensor]:
    """Return tokens with everything after the first EOS set to PAD, and the mask that says so.

    >>> tidy(torch.tensor([[5, 2, 9]]), Spec(vocab_size=10, max_length=3, start=1, end=2, pad=0))[0].tolist()
    [[5, 2, 0]]
    """
    mask = end_mask(tokens, spec.end)
    return (tokens if spec.pad is None else tokens.masked_fill(~mask, spec.pad)), mask


@dataclass
class Sequences:
    """A batch of sequences, real or generated, whole or prefix, hard or relaxed.

    Args:
        tokens: Token ids [B,T]. The start symbol is never among them.
        mask: True up to and including the first EOS [B,T].
        chosen: True where the policy drew the token itself (not forced, not padding) [B,T]; None means `mask`.
        condition: Everything fixed during a sequence (label, source, latent ...), rows first.
        columns: The data set's other columns, one list of B entries each.
        logp: Log-probability of each token under the law that drew it [B,T], or None for real data.
        soft: Relaxed tokens [B,T,V], or None.
        outputs: What the writer was asked to keep (`keep=`), stacked over time.
        copies: The rows are `copies` blocks of B/copies, block after block (roll-outs, prompt groups).

    >>> x = Sequences(torch.tensor([[5, 2], [6, 7]]), torch.ones(2, 2, dtype=torch.bool))
    >>> len(x), x.length, x.lengths.tolist()
    (2, 2, [2, 2])
    >>> x.repeat(2).tokens.tolist(), x.repeat(2).copies
    ([[5, 2], [6, 7], [5, 2], [6, 7]], 2)
    """

    tokens: Tensor
    mask: Tensor
    chosen: Tensor = None  # pyright: ignore[reportAssignmentType]  # set below, so readers always find a tensor
    condition: Mapping[str, Any] = field(default_factory=dict)
    columns: Mapping[str, list[Any]] = field(default_factory=dict)
    logp: Tensor | None = None
    soft: Tensor | None = None
    outputs: Mapping[str, Tensor] = field(default_factory=dict)
    copies: int = 1

    def __post_init__(self) -> None:
        if self.chosen is None:
            self.chosen = self.mask
        for name in ("mask", "chosen", "logp"):
            value = getattr(self, name)
            if value is not None and value.shape != self.tokens.shape:
                raise ValueError(f"{name} has shape {tuple(value.shape)}, tokens {tuple(self.tokens.shape)}")

    def __len__(self) -> int:
        return self.tokens.shape[0]

    @property
    def length(self) -> int:
        """Number of columns, T."""
        return self.tokens.shape[1]

    @property
    def lengths(self) -> Tensor:
        """Number of real tokens of each row, EOS counted [B]."""
        return self.mask.sum(1)

    def replace(self, **changes: Any) -> Sequences:
        """Return a copy with some fields changed."""
        return replace(self, **changes)

    def _map(self, tensor: Any, row_list: Any, copies: int) -> Sequences:
        def each(value: Any) -> Any:
            if isinstance(value, Sequences):
                return value._map(tensor, row_list, copies)
            return None if value is None else tensor(value)

        return Sequences(
            tensor(self.tokens),
            tensor(self.mask),
            tensor(self.chosen),
            {name: each(value) for name, value in self.condition.items()},
            {name: row_list(value) for name, value in self.columns.items()},
            each(self.logp),
            each(self.soft),
            {name: each(value) for name, value in self.outputs.items()},
            copies,
        )

    def select(self, index: Tensor | slice) -> Sequences:
        """Return the rows of an index tensor [N], a boolean mask [B] or a slice; `copies` becomes 1."""

        def rows(values: list[Any]) -> list[Any]:
            if isinstance(index, slice):
                return values[index]
            picked = index.nonzero().flatten() if index.dtype == torch.bool else index
            return [values[i] for i in picked.tolist()]

        return self._map(lambda value: value[index], rows, 1)

    def cycle(self, rows: int) -> Sequences:
        """Return `rows` rows: the first ones, and from the top again where there are too few."""
        return self.select(torch.arange(rows, device=self.tokens.device) % len(self))

    def split(self, size: int) -> Iterator[Sequences]:
        """Yield consecutive parts of at most `size` rows."""
        for first in range(0, len(self), size):
            yield self.select(slice(first, first + size))

    def repeat(self, copies: int) -> Sequences:
        """Return `copies` blocks of all rows, block after block."""

        def blocks(value: Tensor) -> Tensor:
            return value.repeat(copies, *[1] * (value.dim() - 1))

        return self._map(blocks, lambda values: list(values) * copies, self.copies * copies)

    def prefix(self, length: int) -> Sequences:
        """Return the first `length` columns (`soft`, `logp` and kept outputs too)."""

        def cut(value: Tensor | None) -> Any:
            return None if value is None else value[:, :length]

        names = ("tokens", "mask", "chosen", "logp", "soft")
        outputs = {name: cut(value) for name, value in self.outputs.items()}
        return self.replace(outputs=outputs, **{name: cut(getattr(self, name)) for name in names})

    def trim(self) -> Sequences:
        """Return the columns up to the longest row."""
        return self.prefix(int(self.mask.sum(1).max())) if len(self) else self

    def detach(self) -> Sequences:
        """Return the same batch cut from the graph."""
        return self.map(lambda value: value.detach())

    def map(self, change: Callable[[Tensor], Tensor]) -> Sequences:
        """Return the batch with every tensor changed in the same way; columns stay."""
        return self._map(change, lambda values: values, self.copies)

    def to(self, device: torch.device | str) -> Sequences:
        """Return the batch on a device."""
        return self.map(lambda value: value.to(device))

    @staticmethod
    def cat(parts: Sequence[Sequences], pad: int = 0) -> Sequences:
        """Return the rows of all parts under each other; shorter parts are padded with `pad`, mask False.

        Conditions and columns must have the same names in all parts; kept outputs and relaxed tokens are dropped.

        >>> a = Sequences(torch.tensor([[5, 2]]), torch.ones(1, 2, dtype=torch.bool))
        >>> b = Sequences(torch.tensor([[6]]), torch.ones(1, 1, dtype=torch.bool))
        >>> Sequences.cat([a, b]).tokens.tolist()
        [[5, 2], [6, 0]]
        """
        longest = max(part.length for part in parts)

        def wide(values: list[Tensor], fill: Any) -> Tensor:
            return torch.cat([torch.nn.functional.pad(v, (0, longest - v.shape[1]), value=fill) for v in values])

        def under(values: list[Any]) -> Any:
            return Sequences.cat(values, pad) if isinstance(values[0], Sequences) else torch.cat(values)

        logps = [part.logp for part in parts if part.logp is not None]
        return Sequences(
            wide([part.tokens for part in parts], pad),
            wide([part.mask for part in parts], False),
            wide([part.chosen for part in parts], False),
            {name: under([part.condition[name] for part in parts]) for name in parts[0].condition},
            {name: [entry for part in parts for entry in part.columns[name]] for name in parts[0].columns},
            wide(logps, 0.0) if len(logps) == len(parts) else None,
        )
