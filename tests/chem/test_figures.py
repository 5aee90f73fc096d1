"""What a molecule task says of generated texts: names, sizes, the real ones beside them, and what it leaves out."""

from __future__ import annotations

import math

import pytest

pytest.importorskip("rdkit", reason="molecules need RDKit: the extra chem")

from tokengan.chem import figures as module
from tokengan.chem.figures import figures, quick_figures
from tokengan.chem.moses import moses
from tokengan.chem.properties import properties

REAL = " (train lines)"


def by_name(found):
    assert len({figure.name for figure in found}) == len(found)
    return {figure.name: figure for figure in found}


def test_samples_and_real_molecules_have_the_same_figures_but_for_novelty(molecules, monkeypatch):
    monkeypatch.setattr(module, "FCD_LOOKED_AT", 0)
    samples, train, heldout = ["C(", *molecules[:29]], molecules[20:80], molecules[80:]
    found = by_name(figures(samples, train=train, heldout=heldout))
    ours = {name for name in found if not name.endswith(REAL)}
    assert {name.removesuffix(REAL) for name in found if name not in ours} == ours - {"Novelty"}
    for name in ours - {"Novelty"}:
        assert found[name].signature == found[name + REAL].signature
    assert found["Valid"].value == 29 / 30
    assert found["Valid" + REAL].value == 1
    assert found["Novelty"].value == 20 / 29
    assert "test=30|" in found["SNN/Test"].signature + "|"
    plain = {one.name: one.value for one in moses(samples, train=train, test=heldout[:30], fcd=False, unique=(30,))}
    assert {name: found[name].value for name in plain} == plain
    mean = sum(properties(samples[1:], "QED")) / 29
    assert found["mean QED"].value == pytest.approx(mean)
    assert found["mean QED"].direction == "none"


def test_slow_reads_everything_and_usual_the_first_molecules(molecules, monkeypatch):
    monkeypatch.setattr(module, "LOOKED_AT", 10)
    monkeypatch.setattr(module, "FCD_LOOKED_AT", 9)
    monkeypatch.setattr("tokengan.chem.moses.available", lambda: False)
    given = {"train": molecules[:40], "heldout": molecules[40:], "split": "valid"}
    usual, slow = (by_name(figures(molecules[:30], **given, slow=slow)) for slow in (False, True))
    assert (
        usual["SNN/Valid"].signature.partition("|")[2][:11],
        usual["SNN/Valid"].signature.rpartition("|")[2],
    ) == ("samples=10|", "valid=10")
    assert "samples=30|" in slow["SNN/Valid"].signature
    assert slow["SNN/Valid"].signature.endswith("valid=80")
    assert "FCD/Valid" in slow
    assert "FCD/Valid" not in usual
    assert slow["SNN/Valid"].split == slow["logP/Valid"].split == "valid"


def test_means_of_no_valid_sample_are_not_a_number_and_say_why(molecules):
    found = by_name(figures(["C(", "N)"], train=molecules[:3], heldout=molecules[3:6]))
    assert found["Valid"].value == 0
    assert math.isnan(found["mean QED"].value)
    assert found["mean QED"].note == "no sample is valid"
    assert math.isfinite(found["mean QED" + REAL].value)


def test_the_quick_ones_are_those_of_the_long_report(molecules):
    samples = ["C(", "OCC", "CCO", *molecules[:20]]
    quick = by_name(quick_figures(samples))
    whole = by_name(figures(samples, train=molecules, heldout=molecules))
    assert list(quick) == ["Valid", "Unique@23"]
    for name, figure in quick.items():
        assert (figure.value, figure.signature) == (whole[name].value, whole[name].signature)
