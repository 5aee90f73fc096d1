"""A set of molecules as the MOSES metrics read it: canonical forms and, of each, everything that is compared.

Axes: N valid molecules, F bits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from tokengan.chem.fingerprints import Bits, fingerprint_of, unpack
from tokengan.chem.molecules import canonical, parse
from tokengan.chem.parts import fragments, scaffold
from tokengan.chem.pool import SMALL_IF_SLOW, mapped
from tokengan.chem.properties import PROPERTIES

__all__ = ["Described", "describe"]


def describe(text: str) -> dict[str, Any]:
    """Return properties, fragments, scaffold and fingerprint of a canonical SMILES, in what JSON can hold.

    >>> sorted(describe("CCO"))
    ['QED', 'SA', 'bits', 'fragments', 'logP', 'scaffold', 'weight']
    """
    molecule = cast("Any", parse(text))
    return {name: read(molecule) for name, read in PROPERTIES.items()} | {
        "fragments": fragments(molecule),
        "scaffold": scaffold(molecule),
        "bits": fingerprint_of(molecule),
    }


@dataclass(frozen=True, eq=False)
class Described:
    """Texts, their canonical forms without the invalid ones, and what is known of each; computed once, when asked for.

    Args:
        texts: SMILES, valid or not.
        workers: Processes; None: one a core.
        device: Where ChemNet runs.

    >>> few = Described(["OCC", "CC(", "CCO"])
    >>> few.forms, few.valid, few.scaffolds, few.property("weight").round(1).tolist()
    (['CCO', 'CCO'], 0.6666666666666666, Counter(), [46.1, 46.1])
    """

    texts: Sequence[str]
    workers: int | None = None
    device: str = "cpu"

    def __len__(self) -> int:
        return len(self.forms)

    @cached_property
    def forms(self) -> list[str]:
        """Canonical forms of the valid texts, in their order, repeats kept."""
        return [form for form in mapped(canonical, self.texts, self.workers) if form is not None]

    @property
    def valid(self) -> float:
        """Share of the texts that RDKit reads as a molecule."""
        return len(self.forms) / len(self.texts)

    @cached_property
    def _each(self) -> list[dict[str, Any]]:
        return mapped(describe, self.forms, self.workers, SMALL_IF_SLOW)

    @cached_property
    def fragments(self) -> Counter[str]:
        """How often each BRICS fragment occurs."""
        return Counter(fragment for one in self._each for fragment in one["fragments"])

    @cached_property
    def scaffolds(self) -> Counter[str]:
        """How many molecules have each scaffold of at least two rings."""
        return Counter(one["scaffold"] for one in self._each if one["scaffold"] is not None)

    def property(self, name: str) -> NDArray[np.float64]:
        """Return one property of each molecule [N]."""
        return np.array([one[name] for one in self._each], np.float64)

    @cached_property
    def bits(self) -> Bits:
        """Morgan fingerprints [N,F], radius 2, 1,024 bits, as zeros and ones."""
        return unpack([one["bits"] for one in self._each])

    @cached_property
    def gaussian(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and covariance of ChemNet's activations."""
        from tokengan.chem.chemnet import activations
        from tokengan.chem.distances import gaussian

        return gaussian(activations(self.forms, self.device))
