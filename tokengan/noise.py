"""Uniform numbers for the draws, made before any loop starts.

Axes: N copies, B batch, T time.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Noise", "seeded"]


def seeded(purpose: str, seed: int, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a random generator whose numbers depend on what they are for.

    With inverse CDF, equal uniforms give equal tokens: were samples drawn with the uniforms that made the training
    data, a trained generator would write its training rows again.

    >>> a, b = (torch.rand(2, generator=seeded(purpose, 0)) for purpose in ("train", "evaluate"))
    >>> torch.equal(a, b)
    False
    """
    number = int.from_bytes(hashlib.sha256(f"{purpose}/{seed}".encode()).digest()[:7], "big")
    return torch.Generator(device).manual_seed(number)


@dataclass(frozen=True)
class Noise:
    """A source of uniforms in [0, 1): row by row the same, whatever the chunk size or the number of processes.

    Args:
        rng: Random generator; its device is where the numbers are made.
        first: First row of this process in the global batch.
        total: Rows of the global batch; None means the rows asked for.

    >>> whole = Noise(torch.Generator().manual_seed(1)).uniforms(4, 3)
    >>> second = Noise(torch.Generator().manual_seed(1), first=2, total=4).uniforms(2, 3)
    >>> torch.equal(whole[2:], second)
    True
    """

    rng: torch.Generator
    first: int = 0
    total: int | None = None

    def uniforms(self, rows: int, length: int, copies: int | None = None) -> Tensor:
        """Return [rows, length], or [copies, rows, length]."""
        total = rows if self.total is None else self.total
        shape = (total, length) if copies is None else (copies, total, length)
        drawn = torch.rand(shape, generator=self.rng, device=self.rng.device)
        return drawn.narrow(-2, self.first, rows)

    def normals(self, rows: int, length: int, copies: int | None = None) -> Tensor:
        """Return standard normal numbers of the same shape, by inverse CDF: a row's depend on its uniforms alone."""
        # A uniform in single precision is a multiple of 2**-24, 0 among them: the middle of its interval is finite.
        middle = self.uniforms(rows, length, copies).double() + 2**-25
        return torch.special.ndtri(middle).float()
