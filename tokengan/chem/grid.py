"""A picture of molecules with their scores beneath, to see at a glance what a generator writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tokengan.chem.molecules import chem, parse
from tokengan.errors import UserError

__all__ = ["grid"]

WIDTH, HEIGHT = 240, 200
# So much of a text that is no molecule is written in its place.
SHOWN = 28


def grid(
    texts: Sequence[str],
    path: Path | str,
    scores: Mapping[str, Sequence[float]] | None = None,
    columns: int = 5,
    most: int = 50,
) -> Path:
    """Draw the first `most` texts, row by row, and write the picture; an invalid text stands there as text.

    Args:
        texts: SMILES.
        path: File to write; its ending, `.png` or `.svg`, says which.
        scores: Numbers to write beneath each molecule, by name; as many as there are texts.
        columns: Molecules in a row.
        most: How many are drawn.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     grid(["CCO", "c1ccccc1", "C("], Path(folder, "few.svg"), {"QED": [0.41, 0.44, 0]}).name
    'few.svg'
    """
    path = Path(path)
    draw = chem("rdkit.Chem.Draw.rdMolDraw2D")
    kinds = {".png": draw.MolDraw2DCairo, ".svg": draw.MolDraw2DSVG}
    if path.suffix not in kinds:
        raise UserError(f"{path.name} says neither .png nor .svg: end the name of the picture with one of them")
    if not texts or columns < 1 or most < 1:
        raise UserError("there is nothing to draw: give at least one text, columns and most of at least 1")
    for name, values in (scores or {}).items():
        if len(values) != len(texts):
            raise UserError(f"{len(texts)} texts have {len(values)} scores {name}: give one for each")

    shown = list(texts[:most])
    columns = min(columns, len(shown))
    rows = -(-len(shown) // columns)
    picture = kinds[path.suffix](columns * WIDTH, rows * HEIGHT, WIDTH, HEIGHT)
    options = picture.drawOptions()
    options.legendFraction, options.legendFontSize, options.padding = 0.14, 16, 0.05
    # One scale for all would make most of them tiny beside the largest.
    options.drawMolsSameScale = False
    read = [parse(text) for text in shown]
    molecules = [molecule or _sign("invalid") for molecule in read]
    legends = [_scores(scores, i) if molecule else _short(shown[i]) for i, molecule in enumerate(read)]
    with chem("rdkit.rdBase").BlockLogs():
        picture.DrawMolecules(molecules, legends=legends)
    picture.FinishDrawing()
    drawn = picture.GetDrawingText()
    try:
        path.write_bytes(drawn if isinstance(drawn, bytes) else drawn.encode())
    except OSError as error:
        raise UserError(f"{path} cannot be written ({error.strerror}): give a file in a folder that is there") from None
    return path


def _short(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."


def _sign(text: str) -> Any:
    """Return a molecule of one atom that is drawn as a word."""
    sign = chem().MolFromSmiles("*")
    sign.GetAtomWithIdx(0).SetProp("_displayLabel", text)
    return sign


def _scores(scores: Mapping[str, Sequence[float]] | None, i: int) -> str:
    return "  ".join(f"{name} {values[i]:.2f}" for name, values in (scores or {}).items())
