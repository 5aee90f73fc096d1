"""The metrics of MOSES (Polykovskiy et al. 2020): how like the data a set of generated molecules is, and how varied.

Protocol: 30,000 samples, invalid ones dropped and the rest brought to canonical form before everything but Valid.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import fmean

from tokengan.chem.chemnet import available
from tokengan.chem.described import Described
from tokengan.chem.distances import frechet, wasserstein
from tokengan.chem.filters import digest, mcf_file, pains_file, passes
from tokengan.chem.molecules import rdkit_version
from tokengan.chem.parts import cosine
from tokengan.chem.pool import SMALL_IF_SLOW, mapped
from tokengan.chem.properties import PROPERTIES
from tokengan.chem.similarity import internal_diversity, nearest
from tokengan.errors import UserError
from tokengan.figure import Direction, Figure

__all__ = ["SAMPLES", "moses", "novelty", "unique_at"]

SAMPLES = 30_000
Molecules = Sequence[str] | Described


def unique_at(forms: Sequence[str], k: int) -> float:
    """Return the share of different ones among the first k canonical forms, or among all where there are fewer.

    >>> unique_at(["C", "C", "N", "O"], 2), unique_at(["C", "C", "N", "O"], 10)
    (0.5, 0.75)
    """
    return len(set(forms[:k])) / len(forms[:k]) if forms else math.nan


def novelty(forms: Sequence[str], train: Sequence[str]) -> float:
    """Return the share of the different generated forms that are not among the training ones.

    >>> novelty(["C", "N", "N"], ["C"])
    0.5
    """
    generated = set(forms)
    return len(generated - set(train)) / len(generated) if generated else math.nan


def moses(
    samples: Molecules,
    *,
    train: Molecules | None = None,
    valid: Molecules | None = None,
    test: Molecules | None = None,
    test_scaffolds: Molecules | None = None,
    unique: Sequence[int] = (1_000, 10_000),
    fcd: bool = True,
    mcf: str | None = None,
    pains: str | None = None,
    workers: int | None = None,
    device: str = "cpu",
) -> list[Figure]:
    """Return the metrics that can be had from what is given, under their names in the published tables.

    Args:
        samples: Generated texts, valid or not; 30,000 in the published protocol.
        train: The training texts, for Novelty. They are brought to canonical form too, or another version of RDKit
            than the one that wrote them would call known molecules new.
        valid: Held-out texts that checkpoints are chosen by; the same figures as of `test`, named `SNN/Valid` ...
        test: Held-out texts, for FCD, SNN, Frag, Scaf and the distances between properties. To judge several sets of
            samples against the same texts, give a `Described`, which remembers what was computed.
        test_scaffolds: Texts whose scaffolds were kept out of training, for the same but for the properties.
        unique: The k of Unique@k.
        fcd: Whether to compute FCD, by far the slowest: about 140 molecules a second on one core.
        mcf: File of medicinal chemistry filters, a .csv with a column `smarts`; None: that of molsets if installed.
        pains: The same of PAINS; None: that of molsets if installed, else RDKit's.
        workers: Processes; None: one a core.
        device: Where ChemNet and the similarities are computed.

    >>> for figure in moses(["OCC", "CCO", "CCN", "C("], train=["CCN"], fcd=False, unique=(2,))[:3]:
    ...     print(figure.name, figure.value)
    Valid 0.75
    Unique@2 0.5
    Novelty 0.5
    """
    made = _described(samples, workers, device)
    if not len(made.texts):
        raise UserError("there are no samples to judge: give some texts")
    base = f"samples={len(made.texts)}|rdkit={rdkit_version()}"
    few = "" if len(made.texts) == SAMPLES else f"of {len(made.texts):,} samples; the protocol has {SAMPLES:,}"
    none = "" if made.forms else "no sample is valid"

    def figure(name: str, value: float, direction: Direction, split: str, *parts: str, note: str = "") -> Figure:
        remark = "; ".join(filter(None, [none if math.isnan(value) else "", note, few]))
        return Figure(name, value, direction, split, "|".join([name, base, *parts]), remark)

    def results() -> Iterator[Figure]:
        yield figure("Valid", made.valid, "higher", "samples")
        for k in unique:
            short = f"only {len(made):,} valid samples, fewer than {k:,}: too high" if len(made) < k else ""
            yield figure(f"Unique@{k}", unique_at(made.forms, k), "higher", "samples", note=short)
        if train is not None:
            known = _described(train, workers, device)
            yield figure("Novelty", novelty(made.forms, known.forms), "higher", "train", f"train={len(known.texts)}")
        one, two = internal_diversity(made.bits, (1, 2), device)
        yield figure("IntDiv", one, "higher", "samples")
        yield figure("IntDiv2", two, "higher", "samples")
        yield filtered()
        references = {"valid": ("Valid", valid), "test": ("Test", test), "test_scaffolds": ("TestSF", test_scaffolds)}
        for split, (label, texts) in references.items():
            if texts is not None:
                yield from against(_described(texts, workers, device), split, label)

    def filtered() -> Figure:
        lists = {"mcf": mcf or mcf_file(), "pains": pains or pains_file()}
        passed = mapped(passes, made.forms, workers, SMALL_IF_SLOW, **lists)
        return figure(
            "Filters" if lists["mcf"] else "Filters without MCF",
            fmean(passed) if passed else math.nan,
            "higher",
            "samples",
            *(f"{name}={digest(path) if path else 'no'}" for name, path in lists.items()),
            note="" if lists["mcf"] else "no medicinal chemistry filters: pip install --no-deps molsets, or give mcf",
        )

    def against(reference: Described, split: str, label: str) -> Iterator[Figure]:
        size = f"{split}={len(reference.texts)}"
        empty = "" if reference.forms else f"none of the {split} texts is a molecule"
        if fcd:
            missing = "" if available() else "ChemNet is not installed: pip install fcd-torch"
            missing = missing or (
                "it needs two valid molecules on each side" if min(len(made), len(reference)) < 2 else ""
            )
            value = math.nan if missing else frechet(made.gaussian, reference.gaussian)
            yield figure(f"FCD/{label}", value, "lower", split, size, note=missing)
        snn, frag = nearest(made.bits, reference.bits, device), cosine(made.fragments, reference.fragments)
        yield figure(f"SNN/{label}", snn, "higher", split, size, note=empty)
        yield figure(f"Frag/{label}", frag, "higher", split, size, note=empty)
        rings = "" if made.scaffolds or none else "no sample has a scaffold of two rings"
        rings = rings or empty or ("" if reference.scaffolds else f"no {split} molecule has a scaffold of two rings")
        yield figure(f"Scaf/{label}", cosine(made.scaffolds, reference.scaffolds), "higher", split, size, note=rings)
        if split != "test_scaffolds":
            for name in PROPERTIES:
                distance = wasserstein(made.property(name), reference.property(name))
                # The published tables have these for the test set alone, and without a label.
                yield figure(name if split == "test" else f"{name}/{label}", distance, "lower", split, size, note=empty)

    return list(results())


def _described(molecules: Molecules, workers: int | None, device: str) -> Described:
    return molecules if isinstance(molecules, Described) else Described(molecules, workers, device)
