"""Properties of a molecule as RDKit computes them, before any mapping to a reward."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr
from functools import cache
from importlib import util
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokengan.chem.molecules import chem, parse
from tokengan.chem.pool import mapped
from tokengan.errors import UserError, nearest

if TYPE_CHECKING:
    from rdkit.Chem import Mol

__all__ = ["PROPERTIES", "logp", "natural", "properties", "qed", "sa", "weight"]


def logp(molecule: Mol) -> float:
    """Return the octanol-water partition coefficient, Crippen's estimate (Wildman and Crippen 1999).

    >>> round(logp(parse("c1ccccc1")), 3)
    1.687
    """
    return float(chem("rdkit.Chem.Crippen").MolLogP(molecule))


def sa(molecule: Mol) -> float:
    """Return the synthetic accessibility score, 1 (easy) to 10 (hard) (Ertl and Schuffenhauer 2009).

    >>> round(sa(parse("CC(=O)Oc1ccccc1C(=O)O")), 2)
    1.58
    """
    return float(_contributed("SA_Score/sascorer.py").calculateScore(molecule))


def qed(molecule: Mol) -> float:
    """Return the quantitative estimate of drug-likeness with mean weights, 0 to 1 (Bickerton et al. 2012).

    >>> round(qed(parse("CC(=O)Oc1ccccc1C(=O)O")), 3)
    0.55
    """
    return float(chem("rdkit.Chem.QED").qed(molecule))


def weight(molecule: Mol) -> float:
    """Return the average molecular weight, in dalton.

    >>> round(weight(parse("CCO")), 2)
    46.07
    """
    return float(chem("rdkit.Chem.Descriptors").MolWt(molecule))


def natural(molecule: Mol) -> float:
    """Return the natural-product likeness, about -5 to 5 (Ertl, Roggo and Schuffenhauer 2008)."""
    return float(_contributed("NP_Score/npscorer.py").scoreMol(molecule, _natural_model()))


PROPERTIES: dict[str, Callable[[Mol], float]] = {"logP": logp, "SA": sa, "QED": qed, "weight": weight}


def properties(texts: Sequence[str], name: str, workers: int | None = None) -> list[float]:
    """Return one property of each text, by its name in `PROPERTIES`; not a number for an invalid text.

    >>> [round(value, 2) for value in properties(["CCO", "C(", "c1ccccc1"], "weight")]
    [46.07, nan, 78.11]
    """
    if name not in PROPERTIES:
        raise UserError(f"property {name} is not there{nearest(name, PROPERTIES)}: {', '.join(PROPERTIES)}")
    return mapped(_property, texts, workers, name=name)


def _property(text: str, name: str) -> float:
    molecule = parse(text)
    return math.nan if molecule is None else PROPERTIES[name](molecule)


@cache
def _contributed(path: str) -> Any:
    """Return a module that RDKit ships outside its package, with the table that the module reads beside itself."""
    file = Path(chem("rdkit.RDConfig").RDContribDir, path)
    spec = util.spec_from_file_location(f"tokengan_rdkit_{file.stem}", file) if file.is_file() else None
    if spec is None or spec.loader is None:
        raise UserError(f"this RDKit has no {file}: install the one on PyPI, pip install 'tokengan[chem]'")
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def _natural_model() -> Any:
    with redirect_stderr(StringIO()):  # it says that it is reading
        return _contributed("NP_Score/npscorer.py").readNPModel()
