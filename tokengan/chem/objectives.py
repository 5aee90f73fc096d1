"""Scores of molecules in [0, 1]: the objectives of ORGAN (Guimaraes et al. 2017) and ORGANIC (Sanchez-Lengeling 2017).

Each is a function from texts to numbers, so it can be a reward: `--reward objective --reward.function
tokengan.chem.objectives:qed`. Invalid texts score 0. `Novelty` and `Diversity` are classes: they are made with the
training texts, and what is made is such a function.

All of them can be gamed: a long chain of carbons has a high logP, a small ring a high SA. Read them beside validity,
uniqueness, internal diversity and the distance to the data (`tokengan.chem.moses`).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, wraps
from typing import TYPE_CHECKING, Protocol, cast

from tokengan.chem import properties
from tokengan.chem.fingerprints import fingerprint, unpack
from tokengan.chem.molecules import CACHE, canonical, chem, is_valid, parse
from tokengan.chem.pool import mapped
from tokengan.errors import UserError

if TYPE_CHECKING:
    from rdkit.Chem import Mol

__all__ = [
    "Diversity",
    "Novelty",
    "conciseness",
    "lipinski",
    "logp",
    "naturalness",
    "qed",
    "sa",
    "validity",
]


class Scores(Protocol):
    """A function from texts to a number each."""

    def __call__(self, texts: Sequence[str]) -> list[float]:
        """Return the score of each text."""
        ...


def between(value: float, low: float, high: float) -> float:
    """Return where a value stands from `low` (0) to `high` (1), clipped; `low` may be the larger one.

    >>> between(5.0, 0.0, 10.0), between(4.0, 5.0, 1.5), between(9.0, 5.0, 1.5)
    (0.5, 0.2857142857142857, 0.0)
    """
    return min(max((value - low) / (high - low), 0.0), 1.0)


def _objective(judge: Callable[[Mol], float]) -> Scores:
    """Make a function of texts of a function of molecules: 0 where invalid, each molecule once, workers for many."""

    @lru_cache(CACHE)
    def of_form(form: str) -> float:
        # Read again from the canonical form, so that a molecule's score does not depend on how it was written.
        molecule = parse(form)
        return judge(molecule) if molecule is not None and molecule.GetNumAtoms() > 1 else 0.0

    def one(text: str) -> float:
        form = canonical(text)
        return of_form(form) if form is not None else 0.0

    one.__module__, one.__qualname__ = judge.__module__, f"{judge.__qualname__}.one"
    known: dict[str, float] = {}

    @wraps(judge)
    def scores(texts: Sequence[str]) -> list[float]:
        new = [text for text in dict.fromkeys(texts) if text not in known]
        if len(known) + len(new) > CACHE:
            known.clear()
            new = list(dict.fromkeys(texts))
        known.update(zip(new, mapped(one, new), strict=True))
        return [known[text] for text in texts]

    scores.one = one  # pyright: ignore[reportAttributeAccessIssue]  # found there by the worker processes
    return cast("Scores", scores)


@_objective
def validity(molecule: Mol) -> float:
    """Return 1 for a text that RDKit parses and that has more than one atom.

    >>> validity(["CCO", "C", "C(", ""])
    [1.0, 0.0, 0.0, 0.0]
    """
    del molecule
    return 1.0


@_objective
def logp(molecule: Mol) -> float:
    """Return ORGAN's "solubility", (logP + 2.122) / (6.043 + 2.122), clipped: higher is *less* soluble in water.

    >>> [round(score, 2) for score in logp(["CCO", "CCCCCCCC"])]     # a longer chain is all that it takes
    [0.26, 0.67]
    """
    return between(properties.logp(molecule), -2.12178879609, 6.0429063424)


@_objective
def sa(molecule: Mol) -> float:
    """Return ORGAN's synthesizability, (SA - 5) / (1.5 - 5), clipped: 1 for SA of 1.5 and less, 0 from 5 on.

    >>> [round(score, 3) for score in sa(["CC(=O)Oc1ccccc1C(=O)O", "Cn1cnc2c1c(=O)n(C)c(=O)n2C"])]
    [0.977, 0.772]
    """
    return between(properties.sa(molecule), 5.0, 1.5)


@_objective
def qed(molecule: Mol) -> float:
    """Return the estimate of drug-likeness, which is in [0, 1] as it stands.

    >>> [round(score, 3) for score in qed(["CC(=O)Oc1ccccc1C(=O)O", "C("])]
    [0.55, 0.0]
    """
    return properties.qed(molecule)


@_objective
def naturalness(molecule: Mol) -> float:
    """Return the natural-product likeness from -3 (0) to 1 (1), clipped."""
    return between(properties.natural(molecule), -3.0, 1.0)


@_objective
def lipinski(molecule: Mol) -> float:
    """Return the share kept of Lipinski's four rules: weight <= 500, logP <= 5, donors <= 5, acceptors <= 10.

    >>> lipinski(["CC(=O)Oc1ccccc1C(=O)O", "CCCCCCCCCCCCCCCC"])
    [1.0, 0.75]
    """
    count = chem("rdkit.Chem.Lipinski")
    rules = (
        properties.weight(molecule) <= 500,
        properties.logp(molecule) <= 5,
        count.NumHDonors(molecule) <= 5,
        count.NumHAcceptors(molecule) <= 10,
    )
    return sum(rules) / len(rules)


def conciseness(texts: Sequence[str]) -> list[float]:
    """Return 1 - (length - length of the canonical form) / 20, clipped.

    >>> conciseness(["CCO", "C(C)(O)", "C1CC"])
    [1.0, 0.8, 0.0]
    """
    return mapped(_concise, texts)


def _concise(text: str) -> float:
    form = canonical(text)
    return between(len(text) - len(form), 20.0, 0.0) if form is not None and is_valid(form) else 0.0


def _forms(texts: Iterable[str]) -> list[str]:
    """Return the different canonical forms of texts, in order of appearance, without the invalid ones."""
    forms = dict.fromkeys(form for form in mapped(canonical, list(texts)) if form is not None)
    if not forms:
        raise UserError("no training text is a molecule that RDKit reads: this objective compares with them")
    return list(forms)


class Novelty:
    """1 for a molecule that is not among the training ones, `known` for one that is, however it is written.

    Args:
        train: The training texts.
        known: Score of a known molecule; ORGAN's soft variant gives 0.3.

    >>> Novelty(["CCO"])(["OCC", "CCN", "C("])
    [0.0, 1.0, 0.0]
    """

    def __init__(self, train: Iterable[str], known: float = 0.0) -> None:
        self.train = frozenset(_forms(train))
        self.known = known

    def __call__(self, texts: Sequence[str]) -> list[float]:
        """Return the score of each text."""
        new = [(form is not None and is_valid(form), form not in self.train) for form in mapped(canonical, texts)]
        return [float(valid) * (1.0 if fresh else self.known) for valid, fresh in new]


class Diversity:
    """Mean Tanimoto distance to molecules drawn from the training ones, from 0.9 (0) to 0.945 (1), clipped.

    Fingerprints are Morgan's, radius 4, 2,048 bits.

    Args:
        train: The training texts.
        reference: How many molecules are drawn, once.
        seed: Seed of the draw.

    >>> Diversity(["CCO", "CCN"])(["CCO", "c1ccccc1", "C("])
    [0.0, 1.0, 0.0]
    """

    def __init__(self, train: Iterable[str], reference: int = 100, seed: int = 0) -> None:
        forms = sorted(_forms(train))
        drawn = random.Random(seed).sample(forms, min(reference, len(forms)))
        self.bits = unpack([fingerprint(form, radius=4, size=2048) for form in drawn])
        self.ones = self.bits.sum(1)

    def __call__(self, texts: Sequence[str]) -> list[float]:
        """Return the score of each text."""
        forms = [form if form is not None and is_valid(form) else "" for form in mapped(canonical, texts)]
        valid = [form for form in dict.fromkeys(forms) if form]
        bits = dict(zip(valid, mapped(fingerprint, valid, radius=4, size=2048), strict=True))
        scores = {form: between(self._distance(text), 0.9, 0.945) for form, text in bits.items()}
        return [scores.get(form, 0.0) for form in forms]

    def _distance(self, bits: str) -> float:
        one = unpack([bits])[0]
        shared = self.bits @ one
        return float((1 - shared / (self.ones + one.sum() - shared)).mean())
