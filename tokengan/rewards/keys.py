"""Numbers that stand for sequences: equal sequences have equal ones, others (but for one in 2^64) not.

Axes: B batch, T time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import torch
from torch import Tensor

from tokengan.sequences import Sequences

__all__ = ["sequence_keys", "text_keys"]

SPREAD = (-4658895280553007687, -7723592293110705685)  # the two multipliers of splitmix64, as signed numbers


def sequence_keys(x: Sequences, seed: int = 0) -> Tensor:
    """Return a 64-bit number [B] for the real tokens of each row; padding never changes it.

    >>> tokens = torch.tensor([[5, 2, 0], [5, 2, 7], [2, 5, 0]])
    >>> a, b, c = sequence_keys(Sequences(tokens, torch.tensor([[True, True, False]] * 3))).tolist()
    >>> a == b, a == c
    (True, False)
    """
    keys = torch.full((len(x),), seed, device=x.tokens.device, dtype=torch.long)
    for t in range(x.length):
        keys = torch.where(x.mask[:, t], _mix(keys * 31 + x.tokens[:, t] + 1), keys)
    return _mix(keys)


def text_keys(texts: Iterable[str]) -> Tensor:
    """Return a 64-bit number [B] for each text.

    >>> a, b, c = text_keys(["CCO", "CCO", "OCC"]).tolist()
    >>> a == b, a == c
    (True, False)
    """
    digests = (hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest() for text in texts)
    return torch.tensor([int.from_bytes(digest, "big", signed=True) for digest in digests], dtype=torch.long)


def _mix(keys: Tensor) -> Tensor:
    """Return numbers all of whose bits depend on all bits (splitmix64; products wrap around)."""
    keys = (keys ^ (keys >> 30 & (1 << 34) - 1)) * SPREAD[0]
    keys = (keys ^ (keys >> 27 & (1 << 37) - 1)) * SPREAD[1]
    return keys ^ (keys >> 31 & (1 << 33) - 1)
