"""What there is to say of generated molecules beside real ones: the MOSES metrics and mean properties, of both.

Axes: N molecules.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from statistics import fmean
from typing import Any, Literal

from tokengan.chem.described import Described
from tokengan.chem.molecules import rdkit_version
from tokengan.chem.moses import moses, unique_at
from tokengan.chem.properties import PROPERTIES
from tokengan.figure import Figure

__all__ = ["figures", "quick_figures"]

KS = (1_000, 10_000)
# Without being asked. Fragments, scaffolds, QED and the filters take some 18 milliseconds a molecule on one core and
# ChemNet another 7, and as many real molecules are read as samples.
LOOKED_AT = 2_000
FCD_LOOKED_AT = 1_000
REAL = " (train lines)"


def quick_figures(texts: Sequence[str]) -> list[Figure]:
    """Return Valid and Unique@k, k the number of texts: what 1,000 samples tell in a fraction of a second.

    >>> [(figure.name, figure.value) for figure in quick_figures(["CCO", "OCC", "C(", "CCN"])]
    [('Valid', 0.75), ('Unique@4', 0.6666666666666666)]
    """
    made, k = Described(texts), len(texts)
    signature = f"samples={k}|rdkit={rdkit_version()}"
    values = {"Valid": made.valid, f"Unique@{k}": unique_at(made.forms, k)}
    return [Figure(name, value, "higher", "samples", f"{name}|{signature}") for name, value in values.items()]


def figures(
    texts: Sequence[str],
    *,
    train: Sequence[str],
    heldout: Sequence[str],
    split: Literal["valid", "test"] = "test",
    slow: bool = False,
) -> list[Figure]:
    """Return the MOSES metrics of generated texts, their mean properties, and the same of as many training molecules.

    SNN, Frag, Scaf and FCD move with the number of molecules on either side, so what real ones score in the samples'
    place is their ceiling (for distances: their floor). Figures of real molecules have the same name with `(train
    lines)` behind, and the same signature where there are as many training molecules as samples.

    Args:
        texts: Generated texts, valid or not.
        train: The training texts.
        heldout: Held-out texts; as many of them are read as samples, the first ones.
        split: Which split those are.
        slow: Read all samples and all held-out texts, as the published protocol does, and compute FCD. Otherwise the
            first 2,000 samples are read, a matter of two minutes on one core, and FCD is left out for more than 1,000.

    >>> few = figures(["OCC", "C(", "CCO"], train=["CCN", "CCO"], heldout=["CCCO", "CCCN"])
    >>> [(figure.name, round(figure.value, 2)) for figure in few if figure.name in ("Valid", "Novelty", "mean weight")]
    [('Valid', 0.67), ('Novelty', 0.0), ('mean weight', 46.07)]
    """
    texts = texts if slow else texts[:LOOKED_AT]
    held = Described(heldout if slow else heldout[: len(texts)])
    real = random.Random(0).sample(list(train), min(len(texts), len(train)))
    settings: dict[str, Any] = {
        split: held,
        "unique": tuple(k for k in KS if k <= len(texts)) or (len(texts),),
        "fcd": slow or len(texts) <= FCD_LOOKED_AT,
    }
    made, same = Described(texts), Described(real)
    return [
        *moses(made, train=train, **settings),
        *_means(made),
        *(figure.replace(name=f"{figure.name}{REAL}") for figure in [*moses(same, **settings), *_means(same)]),
    ]


def _means(made: Described) -> list[Figure]:
    """Return the mean of each property over the valid molecules; higher is not better: that is for the user to say."""
    signature = f"samples={len(made.texts)}|rdkit={rdkit_version()}"
    means = {name: fmean(made.property(name)) if len(made) else math.nan for name in PROPERTIES}
    note = "" if len(made) else "no sample is valid"
    return [
        Figure(f"mean {name}", mean, "none", "samples", f"mean {name}|{signature}", note)
        for name, mean in means.items()
    ]
