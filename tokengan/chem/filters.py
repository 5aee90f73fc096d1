"""The structural filters of MOSES: what a medicinal chemist would throw away at once.

A molecule passes that has no charged atom, no element but C, N, S, O, F, Cl, Br and H, no ring of eight or more, and
none of the substructures of two lists: PAINS (Baell and Holloway 2010), which RDKit ships, and MOSES's own medicinal
chemistry filters, MCF, which it does not. MCF is read from a file: `mcf.csv` of the package molsets where that is
installed (`pip install --no-deps molsets`), or one's own. Without it the figure has another name.
"""

from __future__ import annotations

import csv
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tokengan.chem.molecules import chem, parse
from tokengan.errors import UserError

__all__ = ["mcf_file", "passes"]

ELEMENTS = frozenset({"C", "N", "S", "O", "F", "Cl", "Br", "H"})
LARGEST_RING = 7


def mcf_file() -> str | None:
    """Return where the package molsets keeps its list of medicinal chemistry filters, None where it is not there."""
    found = find_spec("moses")
    for folder in (found.submodule_search_locations or []) if found else []:
        path = Path(folder, "metrics", "mcf.csv")
        if path.is_file():
            return str(path)
    return None


def passes(text: str, mcf: str | None = None) -> bool:
    """Return whether a valid SMILES passes the filters; without `mcf`, a file of SMARTS, those of PAINS alone.

    >>> passes("CC(=O)Oc1ccccc1C(=O)O"), passes("CC[NH3+]"), passes("C1CCCCCCC1"), passes("CCI")
    (True, False, False, False)
    """
    molecule = parse(text)
    if molecule is None or any(len(ring) > LARGEST_RING for ring in molecule.GetRingInfo().AtomRings()):
        return False
    if any(atom.GetFormalCharge() or atom.GetSymbol() not in ELEMENTS for atom in molecule.GetAtoms()):
        return False
    # Both lists speak of hydrogens as atoms.
    full = chem().AddHs(molecule)
    return not (_pains().HasMatch(full) or (mcf is not None and _mcf(mcf).HasMatch(full)))


@cache
def _pains() -> Any:
    path = Path(chem("rdkit.RDConfig").RDDataDir, "Pains", "wehi_pains.csv")
    with path.open(encoding="utf-8", newline="") as file:
        return _catalogue(str(path), [row[0] for row in csv.reader(file) if row])


@cache
def _mcf(path: str) -> Any:
    try:
        with Path(path).open(encoding="utf-8", newline="") as file:
            return _catalogue(path, [row["smarts"] for row in csv.DictReader(file)])
    except (OSError, KeyError) as error:
        raise UserError(f"{path} cannot be read ({error}): give a .csv file with a column smarts") from None


def _catalogue(path: str, patterns: list[str]) -> Any:
    """Return what finds any of these SMARTS in one call, which is far quicker than one call each."""
    catalogs = chem("rdkit.Chem.FilterCatalog")
    made = catalogs.FilterCatalog()
    for smarts in patterns:
        pattern = chem().MolFromSmarts(smarts)
        if pattern is None:
            raise UserError(f"{path}: '{smarts}' is no SMARTS that RDKit reads: mend it")
        made.AddEntry(catalogs.FilterCatalogEntry(smarts, catalogs.SmartsMatcher(pattern)))
    return made
