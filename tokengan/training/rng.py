"""The global random generators of torch, numpy and Python: kept, put back, and set aside."""

from __future__ import annotations

import base64
import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

__all__ = ["capture", "forked", "restore", "seed_all"]


def capture(device: torch.device = torch.device("cpu")) -> dict[str, Any]:
    """Return the states as plain JSON values; that of `device` too, where it is a CUDA one.

    >>> state = capture()
    >>> a = torch.rand(1)
    >>> restore(state)
    >>> bool(torch.rand(1) == a)
    True
    """
    kind, keys, position, has_gauss, cached = np.random.get_state(legacy=True)
    version, internal, gauss = random.getstate()
    state: dict[str, Any] = {
        "torch": _text(torch.get_rng_state()),
        "numpy": [str(kind), np.asarray(keys).tolist(), int(position), int(has_gauss), float(cached)],
        "python": [version, list(internal), gauss],
    }
    if device.type == "cuda":
        state["cuda"] = _text(torch.cuda.get_rng_state(device))
    return state


def restore(state: dict[str, Any], device: torch.device = torch.device("cpu")) -> None:
    """Put back what `capture` returned."""
    torch.set_rng_state(_bytes(state["torch"]))
    kind, keys, position, has_gauss, cached = state["numpy"]
    np.random.set_state((kind, np.array(keys, dtype=np.uint32), position, has_gauss, cached))
    version, internal, gauss = state["python"]
    random.setstate((version, tuple(internal), gauss))
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(_bytes(state["cuda"]), device)


def seed_all(*parts: object) -> None:
    """Seed all of them from anything that can be written down."""
    seed = int.from_bytes(hashlib.sha256("/".join(map(str, parts)).encode()).digest()[:7], "big")
    torch.manual_seed(seed)  # CUDA too
    np.random.seed(seed % 2**32)
    random.seed(seed)


@contextmanager
def forked(device: torch.device, *parts: object) -> Iterator[None]:
    """Run with generators seeded from `parts`, and leave the global ones as they were.

    >>> before = capture()
    >>> with forked(torch.device("cpu"), 7, "evaluate"):
    ...     _ = torch.rand(3)
    >>> capture() == before
    True
    """
    state = capture(device)
    try:
        seed_all(*parts)
        yield
    finally:
        restore(state, device)


def _text(state: Tensor) -> str:
    return base64.b64encode(state.numpy().tobytes()).decode()


def _bytes(text: str) -> Tensor:
    return torch.frombuffer(bytearray(base64.b64decode(text)), dtype=torch.uint8)
