"""ChemNet's activations, whose Frechet distance between two sets of molecules is FCD (Preuer et al. 2018).

Network and weights are those of the package fcd_torch (MIT licence), which ships them: nothing is downloaded.

Axes: N molecules, H activations (512).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from tokengan.errors import UserError

__all__ = ["activations", "available", "symbols"]

# The symbols in the order of ChemNet's input channels; X is everything else, the point ends a SMILES.
SYMBOLS = (*"CNOHF", "Cl", *"PB", "Br", *"SI", "Si", *"#()+-12345678=[]@cnosX.")
UNKNOWN, END = SYMBOLS.index("X"), SYMBOLS.index(".")
PIECE = re.compile(r"Cl|Br|Si|.", re.DOTALL)
LENGTH = 350
BATCH = 512


def available() -> bool:
    """Return whether the package with ChemNet is installed."""
    return find_spec("fcd_torch") is not None


@cache
def _network() -> nn.Module:
    try:
        from fcd_torch import FCD
    except ImportError as error:
        raise UserError(f"FCD needs ChemNet, which is not there ({error}): pip install 'tokengan[chem]'") from None
    return FCD(canonize=False).model


def symbols(text: str) -> list[int]:
    """Return the numbers of a SMILES's symbols, the end among them, cut after 350.

    >>> [SYMBOLS[i] for i in symbols("CCl/C")]
    ['C', 'Cl', 'X', 'C', '.']
    """
    known = {symbol: i for i, symbol in enumerate(SYMBOLS)}
    return [*(known.get(piece, UNKNOWN) for piece in PIECE.findall(text)[: LENGTH - 1]), END]


@torch.inference_mode()
def activations(forms: Sequence[str], device: str = "cpu") -> NDArray[np.float32]:
    """Return ChemNet's activations [N,H] of canonical SMILES."""
    net = _network().to(device)
    parts = [np.zeros((0, 512), np.float32)]
    for start in range(0, len(forms), BATCH):
        # The one symbol of a place counts 1/35, as in the published code; behind the end all is 0.
        x = torch.zeros(len(forms[start : start + BATCH]), len(SYMBOLS), LENGTH)
        for row, form in zip(x, forms[start:], strict=False):
            numbers = symbols(form)
            row[numbers, torch.arange(len(numbers))] = 1 / len(SYMBOLS)
        parts.append(net(x.to(device)).cpu().numpy())
    return np.concatenate(parts)
