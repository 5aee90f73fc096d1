"""Molecules as SMILES: a text task whose tokens are atoms, bonds and rings, and that knows what a molecule is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from tokengan.chem.grid import grid
from tokengan.chem.molecules import canonical, is_valid, parse, rdkit_version
from tokengan.chem.pool import mapped
from tokengan.chem.properties import properties
from tokengan.data.levels import Level
from tokengan.errors import UserError
from tokengan.figure import Figure
from tokengan.sequences import Sequences
from tokengan.tasks.base import Effort
from tokengan.tasks.text import TextTask

__all__ = ["SmilesTask"]


class SmilesTask(TextTask):
    """SMILES of a file, a folder, a built-in name or a hub id; the report says how many are molecules.

    Args:
        source: What `TextTask` reads, one SMILES a line; `smiles` are the 4,900 molecules that the rdkit package ships.
        level: What a token is: `smiles` (atoms, bonds, brackets), or `char`.
        settings: Those of `TextTask`.
    """

    def __init__(self, source: str = "smiles", *, level: Level = "smiles", **settings: Any) -> None:
        rdkit_version()  # told before a large file is read
        super().__init__(source, level=level, **settings)
        self.report["molecules"] = {
            "rdkit": rdkit_version(),
            "splits": {name: _counts(self.decode(getattr(self, name))) for name in self.report["splits"]},
        }
        for name, counts in self.report["molecules"]["splits"].items():
            if counts["invalid"]:
                share = counts["invalid"] / counts["read"]
                self.report["notes"].append(f"{share:.1%} of the {name} SMILES are not molecules that RDKit reads")

    def canonical(self, x: Sequences) -> list[str | None]:
        """Return each row as RDKit's canonical SMILES, None where it is not a molecule of more than one atom."""
        return [form if form is not None and is_valid(form) else None for form in mapped(canonical, self.decode(x))]

    def figures(
        self, texts: Sequence[str], split: Literal["valid", "test"] = "test", effort: Effort = "usual"
    ) -> list[Figure]:
        """Return the MOSES metrics and mean properties, those of as many training molecules too; quick: Valid, Unique.

        Slow adds FCD, and compares with the whole held-out split (`tokengan.chem.figures`).
        """
        from tokengan.chem.figures import figures, quick_figures

        if effort == "quick":
            return quick_figures(texts)
        train, heldout = self.decode(self.train), self.decode(getattr(self, split))
        return figures(texts, train=train, heldout=heldout, split=split, slow=effort == "slow")

    @classmethod
    def picture(cls, texts: Sequence[str], path: Path | str) -> Path:
        """Draw molecules, at most 50, with QED, SA and logP beneath; what is no molecule is written in its place."""
        if not any(parse(text) for text in texts):
            raise UserError(
                f"none of the {len(texts)} texts is a molecule that RDKit reads, so there is nothing to draw: ask for "
                "more with -n, lower the temperature or train longer"
            )
        return grid(texts, path, {name: properties(texts, name) for name in ("QED", "SA", "logP")})


def _counts(texts: list[str]) -> dict[str, int]:
    forms = mapped(canonical, texts)
    return {
        "read": len(texts),
        "invalid": forms.count(None),
        "other than canonical": sum(form not in (None, text) for form, text in zip(forms, texts, strict=True)),
        "different molecules": len(set(forms) - {None}),
    }
