"""Where a run computes: device, precision and processes. The only file that knows Accelerate."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import torch.distributed as dist

from tokengan.errors import UserError
from tokengan.methods.world import World

__all__ = ["Hardware", "differences"]


@dataclass(frozen=True)
class Hardware:
    """A device, a precision, and this process among all.

    Args:
        device: Where the networks are.
        world: This process among all.
        bf16: Whether rounds run under bfloat16 autocast; weights stay in float32.
    """

    device: torch.device
    world: World = field(default_factory=World)
    bf16: bool = False

    @classmethod
    def find(cls, device: str = "auto", precision: str = "fp32") -> Hardware:
        """Return what was asked for. Raises UserError where it is not there.

        >>> Hardware.find("cpu").device, Hardware.find("cpu").world.size
        (device(type='cpu'), 1)
        >>> Hardware.find("cpu", "fp16")
        Traceback (most recent call last):
        ...
        tokengan.errors.UserError: precision fp16 is refused: its range is too small for log-probabilities and \
gradient penalties, and a loss scaler would skip updates of one player only. Use bf16 or fp32.
        """
        if precision == "fp16":
            raise UserError(
                "precision fp16 is refused: its range is too small for log-probabilities and gradient penalties, and a "
                "loss scaler would skip updates of one player only. Use bf16 or fp32."
            )
        if precision not in ("fp32", "bf16"):
            raise UserError(f"precision '{precision}' is unknown: use fp32 or bf16")
        if device.startswith("cuda") and not torch.cuda.is_available():
            raise UserError(f"device {device} was asked for, but torch sees no CUDA device: use --device cpu or auto")
        if not dist.is_initialized() and int(os.environ.get("WORLD_SIZE", "1")) == 1 and device != "auto":
            return cls(torch.device(device), bf16=precision == "bf16")
        from accelerate import PartialState  # takes a second to import, and is needed nowhere else

        state = PartialState(cpu=device == "cpu")
        world = World(state.process_index, state.num_processes)
        found = state.device if world.size > 1 else state.default_device
        assert found is not None
        return cls(found, world, precision == "bf16")

    @property
    def leads(self) -> bool:
        """Whether this process writes the run folder."""
        return self.world.rank == 0

    @contextmanager
    def rounds(self) -> Iterator[None]:
        """Run rounds in the chosen precision.

        Without autocast's cache: it keeps the cast weights until its end, and a round holds many updates of them.
        """
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.bf16, cache_enabled=False):
            yield

    def wait(self) -> None:
        """Wait for the other processes."""
        if self.world.size > 1:
            dist.barrier()

    def everybodys(self, value: Any) -> list[Any]:
        """Return every process's value, in the order of their ranks."""
        if self.world.size == 1:
            return [value]
        values: list[Any] = [None] * self.world.size
        dist.all_gather_object(values, value)
        return values

    def describe(self) -> dict[str, Any]:
        """Return what the bits of a run depend on."""
        return {
            "device": torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else self.device.type,
            "precision": "bf16" if self.bf16 else "fp32",
            "processes": self.world.size,
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
            "machine": platform.machine(),
        }


def differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Return in words what has changed since a checkpoint was written.

    >>> differences({"threads": 2, "torch": "2.13.0"}, {"threads": 1, "torch": "2.13.0"})
    ['threads was 2, is 1']
    """
    return [f"{name} was {before[name]}, is {now.get(name)}" for name in before if before[name] != now.get(name)]
