"""Morgan fingerprints as bits, and Tanimoto similarity of whole sets as matrix products.

Axes: N molecules, F bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tokengan.chem.molecules import chem, parse
from tokengan.errors import UserError

__all__ = ["fingerprint", "unpack"]

Bits = NDArray[np.float32]


@cache
def _generator(radius: int, size: int) -> Any:
    return chem("rdkit.Chem.rdFingerprintGenerator").GetMorganGenerator(radius=radius, fpSize=size)


def fingerprint(text: str, radius: int = 2, size: int = 1024) -> str:
    """Return the Morgan fingerprint (Rogers and Hahn 2010) of a valid SMILES as hexadecimal digits.

    >>> unpack([fingerprint("CCO")]).sum()
    np.float32(6.0)
    """
    molecule = parse(text)
    if molecule is None:
        raise UserError(f"'{text}' is no molecule that RDKit reads: it has no fingerprint")
    return fingerprint_of(molecule, radius, size)


def fingerprint_of(molecule: Any, radius: int = 2, size: int = 1024) -> str:
    """Return the Morgan fingerprint of a molecule as hexadecimal digits."""
    return chem("rdkit.DataStructs").BitVectToFPSText(_generator(radius, size).GetFingerprint(molecule))


def unpack(digits: Sequence[str]) -> Bits:
    """Return fingerprints as zeros and ones [N,F], in which a dot product counts shared bits exactly."""
    width = len(digits[0]) // 2 if digits else 1
    packed = np.frombuffer(bytes.fromhex("".join(digits)), np.uint8).reshape(-1, width)
    return np.unpackbits(packed, axis=1, bitorder="little").astype(np.float32)
