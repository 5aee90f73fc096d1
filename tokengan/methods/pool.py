"""A pool of sequences that outlives the round they were written in, and a kill."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from tokengan.sequences import Sequences

__all__ = ["Pool"]


class Pool(nn.Module):
    """The newest `capacity` sequences that were added, on the CPU, oldest first; None keeps all.

    Tokens, mask and condition are kept, which is what a discriminator reads, and they are part of `state_dict`.

    >>> import torch
    >>> pool = Pool(capacity=3)
    >>> pool.add(Sequences(torch.tensor([[5], [6]]), torch.ones(2, 1, dtype=torch.bool)))
    >>> pool.add(Sequences(torch.tensor([[7, 8], [9, 2]]), torch.ones(2, 2, dtype=torch.bool)))
    >>> pool.held.tokens.tolist(), sorted(pool.state_dict())
    ([[6, 0], [7, 8], [9, 2]], ['mask', 'tokens'])
    """

    def __init__(self, capacity: int | None = None, pad: int = 0) -> None:
        """Start empty.

        Args:
            capacity: Most sequences kept; None for all.
            pad: Id that fills the places after the end.
        """
        super().__init__()
        if capacity is not None and capacity < 1:
            raise ValueError(f"a pool holds at least one sequence, not {capacity}")
        self.capacity, self.pad = capacity, pad
        self._held: Sequences | None = None

    @property
    def held(self) -> Sequences:
        """What is in the pool. Raises ValueError while it is empty."""
        if self._held is None:
            raise ValueError("nothing was added to the pool yet")
        return self._held

    def add(self, x: Sequences) -> None:
        """Take a batch in; the oldest sequences beyond the capacity go."""
        x = Sequences(x.tokens, x.mask, condition=x.condition).trim().to("cpu")
        both = x if self._held is None else Sequences.cat([self._held, x], self.pad)
        self._held = both if self.capacity is None else both.select(slice(-self.capacity, None))

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        del keep_vars
        if self._held is not None:
            destination.update({prefix + name: value for name, value in _flat(self._held).items()})

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *rest: Any, **more: Any) -> None:
        del rest, more
        found = {key[len(prefix) :]: value.cpu() for key, value in state_dict.items() if key.startswith(prefix)}
        self._held = _whole(found) if found else None


def _flat(x: Sequences) -> dict[str, Tensor]:
    """Return the tensors by name, a condition's as `NAME:`, those of a condition that is a batch as `NAME:tokens`."""
    found = {"tokens": x.tokens, "mask": x.mask}
    for name, value in x.condition.items():
        inner = _flat(value) if isinstance(value, Sequences) else {"": value}
        found |= {f"{name}:{key}": tensor for key, tensor in inner.items()}
    return found


def _whole(found: dict[str, Tensor]) -> Sequences:
    """Return what `_flat` took apart."""
    inner: dict[str, dict[str, Tensor]] = {}
    for key in found:
        name, colon, rest = key.partition(":")
        if colon:
            inner.setdefault(name, {})[rest] = found[key]
    condition = {name: values[""] if "" in values else _whole(values) for name, values in inner.items()}
    return Sequences(found["tokens"], found["mask"], condition=condition)
