"""The structural filters of MOSES: what a medicinal chemist would throw away at once.

A molecule passes that has no charged atom, no element but C, N, S, O, F, Cl, Br and H, no ring of eight or more, and
none of the substructures of two lists: PAINS (Baell and Holloway 2010) and MOSES's own medicinal chemistry filters,
MCF. Both are files of the package molsets, which are read where that is installed (`pip install --no-deps molsets`),
or of one's own. Without them PAINS is RDKit's list, in which 17 of the 480 patterns are written otherwise, and there is
no MCF: the figure then has another name.
"""

from __future__ import annotations

import csv
from functools import cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tokengan.chem.molecules import chem, parse
from tokengan.errors import UserError

__all__ = ["digest", "mcf_file", "pains_file", "passes", "patterns"]

ELEMENTS = frozenset({"C", "N", "S", "O", "F", "Cl", "Br", "H"})
LARGEST_RING = 7


def mcf_file() -> str | None:
    """Return where the package molsets keeps its list of medicinal chemistry filters, None where it is not there."""
    return _of_molsets("mcf.csv")


def pains_file() -> str:
    """Return the list of PAINS: that of the package molsets where it is installed, else RDKit's."""
    return _of_molsets("wehi_pains.csv") or str(Path(chem("rdkit.RDConfig").RDDataDir, "Pains", "wehi_pains.csv"))


def _of_molsets(name: str) -> str | None:
    found = find_spec("moses")
    for folder in (found.submodule_search_locations or []) if found else []:
        path = Path(folder, "metrics", name)
        if path.is_file():
            return str(path)
    return None


def passes(text: str, mcf: str | None = None, pains: str | None = None) -> bool:
    """Return whether a valid SMILES passes the filters.

    Args:
        text: SMILES.
        mcf: File of the medicinal chemistry filters, a .csv with a column `smarts`; None leaves them out.
        pains: File of PAINS, a .csv without a header whose first column is the SMARTS; None: `pains_file()`.

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
    files = [pains or _default_pains(), *filter(None, [mcf])]
    return not any(_catalogue(file).HasMatch(full) for file in files)


@cache
def _default_pains() -> str:  # asked for once a molecule
    return pains_file()


@cache
def patterns(path: str) -> tuple[str, ...]:
    """Return the SMARTS of a file: those of its column `smarts`, or its first column where no header says so.

    Raises UserError for a file that cannot be read.
    """
    try:
        with Path(path).open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.reader(file) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} cannot be read ({error}): give a .csv file with a column smarts") from None
    if not rows:
        raise UserError(f"{path} is empty: give a .csv file with a column smarts")
    named = "smarts" in rows[0]
    column = rows[0].index("smarts") if named else 0
    if short := [i for i, row in enumerate(rows, 1) if len(row) <= column]:
        raise UserError(f"{path}: row {short[0]} has no column {column + 1}, where the smarts are")
    return tuple(row[column].strip() for row in rows[named:])


@cache
def digest(path: str) -> str:
    """Return eight digits that are the same for the same patterns, for the signature of a figure."""
    return sha256("\n".join(patterns(path)).encode()).hexdigest()[:8]


@cache
def _catalogue(path: str) -> Any:
    """Return what finds any of a file's SMARTS in one call, which is far quicker than one call each."""
    catalogs = chem("rdkit.Chem.FilterCatalog")
    made = catalogs.FilterCatalog()
    for smarts in patterns(path):
        with chem("rdkit.rdBase").BlockLogs():
            pattern = chem().MolFromSmarts(smarts)
        if pattern is None:
            raise UserError(f"{path}: '{smarts}' is no SMARTS that RDKit reads: give a .csv file with a column smarts")
        made.AddEntry(catalogs.FilterCatalogEntry(smarts, catalogs.SmartsMatcher(pattern)))
    return made
