"""What molecules are made of: BRICS fragments and Bemis-Murcko scaffolds, and how alike two sets of counts are."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

from tokengan.chem.molecules import chem

if TYPE_CHECKING:
    from rdkit.Chem import Mol

__all__ = ["cosine", "fragments", "scaffold"]

# Of fewer rings a scaffold says little: half of all molecules would share benzene.
MIN_RINGS = 2


def fragments(molecule: Mol) -> list[str]:
    """Return the pieces left when every bond that BRICS breaks (Degen et al. 2008) is broken, cut ends marked.

    >>> from tokengan.chem.molecules import parse
    >>> sorted(fragments(parse("CCOC(C)=O")))
    ['[1*]C(C)=O', '[3*]O[3*]', '[4*]CC']
    """
    broken = chem("rdkit.Chem.BRICS").BreakBRICSBonds(molecule)
    return chem().MolToSmiles(broken).split(".")


def scaffold(molecule: Mol) -> str | None:
    """Return the rings and what links them (Bemis and Murcko 1996), None where that has fewer than two rings.

    >>> from tokengan.chem.molecules import parse
    >>> scaffold(parse("CCc1ccc(Cc2ccncc2)cc1")), scaffold(parse("CCc1ccccc1"))
    ('c1ccc(Cc2ccncc2)cc1', None)
    """
    try:
        found = chem("rdkit.Chem.Scaffolds.MurckoScaffold").GetScaffoldForMol(molecule)
    except (ValueError, RuntimeError):  # RDKit cannot strip some rare molecules, and then they have no scaffold
        return None
    return chem().MolToSmiles(found) if found.GetRingInfo().NumRings() >= MIN_RINGS else None


def cosine(a: Counter[str], b: Counter[str]) -> float:
    """Return the cosine of two sets of counts, not a number where one is empty.

    >>> cosine(Counter("aab"), Counter("aab")), cosine(Counter("a"), Counter("b")), cosine(Counter("a"), Counter())
    (1.0, 0.0, nan)
    """
    if not a or not b:
        return math.nan
    # Integers until the last step, so that equal counts give exactly 1.
    shared = sum(count * b[key] for key, count in a.items() if key in b)
    squares = sum(count**2 for count in a.values()) * sum(count**2 for count in b.values())
    return shared / math.sqrt(squares)
