"""Tanimoto similarity between sets of fingerprints, by matrix products in chunks that fit into a cache.

Axes: N, M molecules, F bits.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from tokengan.chem.fingerprints import Bits

__all__ = ["internal_diversity", "nearest", "similarities"]

ROWS, COLUMNS = 1024, 4096


def similarities(a: Bits, b: Bits, device: str = "cpu") -> Iterator[tuple[int, Tensor]]:
    """Yield the first row's number and Tanimoto similarities |x and y| / |x or y| of chunks of [N,M].

    Two molecules without a bit set are alike.
    """
    right = torch.from_numpy(b).to(device)
    many = right.sum(1)
    for start in range(0, len(a), ROWS):
        left = torch.from_numpy(a[start : start + ROWS]).to(device)
        few = left.sum(1, keepdim=True)
        for column in range(0, len(b), COLUMNS):
            part = slice(column, column + COLUMNS)
            shared = left @ right[part].T
            either = (few + many[part]).sub_(shared)
            # 0/0, of molecules without bits, is 1.
            yield start, shared.div_(either).nan_to_num_(nan=1.0)


def nearest(generated: Bits, reference: Bits, device: str = "cpu") -> float:
    """Return SNN: the mean over generated molecules of the similarity to the nearest one of the reference."""
    if not len(generated) or not len(reference):
        return math.nan
    best = torch.zeros(len(generated), device=device)
    for start, block in similarities(generated, reference, device):
        part = best[start : start + len(block)]
        torch.maximum(part, block.amax(1), out=part)
    return float(best.double().mean())


def internal_diversity(bits: Bits, powers: tuple[int, ...] = (1, 2), device: str = "cpu") -> list[float]:
    """Return IntDiv_p = 1 - mean_x (mean_y T(x,y)^p)^(1/p) for each power p; y runs over x itself too."""
    if not len(bits):
        return [math.nan for _ in powers]
    sums = torch.zeros(len(powers), len(bits), dtype=torch.float64, device=device)
    for start, block in similarities(bits, bits, device):
        for total, power in zip(sums, powers, strict=True):
            total[start : start + len(block)] += (block if power == 1 else block**power).sum(1)
    means = (sums / len(bits)).cpu()
    return [float(1 - (mean ** (1 / power)).mean()) for mean, power in zip(means, powers, strict=True)]
