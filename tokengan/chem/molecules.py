"""SMILES to molecules: parsing, the canonical form, and the one place where RDKit is imported."""

from __future__ import annotations

from functools import cache, lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from tokengan.errors import UserError

if TYPE_CHECKING:
    from rdkit.Chem import Mol

__all__ = ["CACHE", "canonical", "chem", "is_valid", "parse", "rdkit_version"]

# Texts remembered by each function of texts: a text and its number take about 150 bytes.
CACHE = 2**17


@cache
def chem(module: str = "rdkit.Chem") -> Any:
    """Return a module of RDKit. Raises UserError naming the extra where RDKit is not installed."""
    try:
        return import_module(module)
    except ImportError as error:
        raise UserError(f"molecules need RDKit, which is not there ({error}): pip install 'tokengan[chem]'") from None


def rdkit_version() -> str:
    """Return RDKit's version: SA, QED and canonical forms move with it in the third digit, so figures name it."""
    return str(chem("rdkit").__version__)


def parse(text: str) -> Mol | None:
    """Return the molecule of a SMILES, None where it is not one; RDKit's complaints are not printed.

    RDKit reads what follows a blank as the molecule's name, and an empty text as a molecule of no atoms: a generator
    that writes either has written no SMILES, so both are refused here.

    >>> parse("CCO").GetNumAtoms()
    3
    >>> parse("CC(C"), parse("CCO and more"), parse("")
    (None, None, None)
    """
    if not text.isascii() or not text.isprintable() or " " in text or not text:
        return None
    read = chem()
    with chem("rdkit.rdBase").BlockLogs():
        molecule = read.MolFromSmiles(text)
    return molecule if molecule is not None and molecule.GetNumAtoms() else None


@lru_cache(CACHE)
def canonical(text: str) -> str | None:
    """Return RDKit's canonical SMILES, equal for all ways to write one molecule; None for an invalid text.

    >>> canonical("OCC"), canonical("C(C)O"), canonical("c1ccccc")
    ('CCO', 'CCO', None)
    """
    molecule = parse(text)
    return None if molecule is None else chem().MolToSmiles(molecule)


def is_valid(text: str) -> bool:
    """Return ORGAN's validity: RDKit parses the text, and it has more than one atom (hydrogens not counted).

    >>> is_valid("CO"), is_valid("C"), is_valid("C1CC")
    (True, False, False)
    """
    molecule = parse(text)
    return molecule is not None and molecule.GetNumAtoms() > 1
