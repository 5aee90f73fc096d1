"""Built-in data set `smiles`: the molecules of the National Cancer Institute's set that the rdkit package ships."""

from __future__ import annotations

from pathlib import Path

from tokengan.chem import molecules
from tokengan.errors import UserError

__all__ = ["builtin_smiles"]


def builtin_smiles(canonical: bool = True) -> list[str]:
    """Return some 5,000 molecules that need no download, in the order of the file.

    Args:
        canonical: Bring them to the canonical form, each molecule once, and leave out those that RDKit cannot read and
            single atoms; otherwise as they stand in the file, with single and double bonds in aromatic rings.

    >>> builtin_smiles()[:3]
    ['CC1=CC(=O)C=CC1=O', 'c1ccc2sc(SSc3nc4ccccc4s3)nc2c1', 'O=[N+]([O-])c1cc(Cl)c(O)c([N+](=O)[O-])c1']
    """
    path = Path(molecules.chem("rdkit.RDConfig").RDDataDir, "NCI", "first_5K.smi")
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except OSError as error:
        raise UserError(f"this RDKit ships no molecules at {path} ({error.strerror}): give a file of SMILES") from None
    texts = [line.split()[0] for line in lines if line.strip()]
    if not canonical:
        return texts
    forms = dict.fromkeys(molecules.canonical(text) for text in texts)
    return [form for form in forms if form is not None and molecules.is_valid(form)]
