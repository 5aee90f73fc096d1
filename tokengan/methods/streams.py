"""Named streams of random numbers: one purpose, one stream, all of them in the checkpoint."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["Streams"]


class Streams(nn.Module):
    """Random generators by name, each seeded from the run's seed and its name.

    Separate streams keep a draw from depending on what other parts of the run happened to draw: evaluating more often
    changes no batch. The states are part of `state_dict`, so a resumed run goes on with the same numbers.

    >>> a, b = Streams(7), Streams(7)
    >>> _ = torch.rand(3, generator=a["write"])
    >>> b.load_state_dict(a.state_dict())
    <All keys matched successfully>
    >>> torch.equal(torch.rand(3, generator=a["write"]), torch.rand(3, generator=b["write"]))
    True
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.seed = seed
        self._streams: dict[str, torch.Generator] = {}
        self._waiting: dict[str, Tensor] = {}

    def _seed(self, name: str) -> int:
        return int.from_bytes(hashlib.sha256(f"{self.seed}/{name}".encode()).digest()[:7], "big")

    def __getitem__(self, key: str | tuple[str, torch.device]) -> torch.Generator:
        """Return the stream of a name, on the CPU or on a device."""
        name, device = key if isinstance(key, tuple) else (key, torch.device("cpu"))
        name = name if device.type == "cpu" else f"{name}@{device.type}"
        if name not in self._streams:
            self._streams[name] = torch.Generator(device).manual_seed(self._seed(name))
            if name in self._waiting:
                self._streams[name].set_state(self._waiting.pop(name))
        return self._streams[name]

    @contextmanager
    def building(self, name: str = "weights") -> Iterator[None]:
        """Draw initial weights (torch's global generator) from a seed by name, and leave the global one alone."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._seed(name))
            yield

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        del keep_vars
        states = {name: stream.get_state() for name, stream in self._streams.items()} | self._waiting
        for name in sorted(states):
            destination[prefix + name] = states[name]

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *rest: Any, **more: Any) -> None:
        del rest, more
        self._streams.clear()
        found = [key for key in state_dict if key.startswith(prefix)]
        self._waiting = {key[len(prefix) :]: state_dict[key].cpu() for key in found}
        for name in list(self._waiting):
            if "@" not in name:
                _ = self[name]
