"""Parsing and the canonical form, the workers, the built-in molecules and the picture."""

from __future__ import annotations

import builtins
import os
import subprocess
import sys

import pytest

pytest.importorskip("rdkit", reason="molecules need RDKit: the extra chem")

from tokengan.chem import molecules as reading
from tokengan.chem import pool
from tokengan.chem.data import builtin_smiles
from tokengan.chem.described import describe
from tokengan.chem.grid import grid
from tokengan.chem.molecules import canonical, is_valid, parse
from tokengan.chem.pool import mapped
from tokengan.errors import UserError


def test_trap_5_ways_to_write_one_molecule_have_one_form():
    assert canonical("OCC") == canonical("C(O)C") == canonical("[CH3][CH2][OH]") == "CCO"
    assert canonical("C1=CC=CC=C1") == canonical("c1ccccc1")


@pytest.mark.parametrize(
    "text", ["", " ", "C(", "c1ccccc", "CCO x", " CCO", "CCO\n", "CCO |$;;$|", "é", "\ud800", "C\0C", "F(C)C"]
)
def test_what_is_no_smiles_is_refused_and_nothing_is_printed(text, capfd):
    assert parse(text) is None
    assert canonical(text) is None
    assert not is_valid(text)
    assert capfd.readouterr() == ("", "")


def test_one_atom_is_a_molecule_but_not_a_valid_sample():
    assert canonical("C") == "C"
    assert not is_valid("C")
    assert is_valid("CC")


def test_without_rdkit_the_extra_is_named(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("rdkit"):
            raise ImportError(f"No module named {name!r}")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(reading, "import_module", without)
    reading.chem.cache_clear()
    try:
        with pytest.raises(UserError, match=r"tokengan\[chem\]"):
            reading.parse("CC")
    finally:
        reading.chem.cache_clear()


def test_importing_the_room_imports_neither_rdkit_nor_torch():
    code = (
        "import sys, tokengan.chem.objectives, tokengan.chem.described, tokengan.chem.filters, tokengan.chem.worker;"
        "print([name for name in ('rdkit', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_workers_answer_as_this_process_does_whatever_the_order(molecules):
    here = mapped(describe, molecules, 1)
    assert mapped(describe, molecules, 2, small=1) == here
    assert mapped(describe, molecules[::-1], 2, small=1) == here[::-1]
    texts = ["C(", *molecules, "", "C"]
    assert mapped(canonical, texts, 2, small=1) == [canonical(text) for text in texts]


def refuse(text: str, word: str) -> int:
    print("a stray line on standard output")
    if text == word:
        raise ValueError("no such thing")
    return len(text)


def end(text: str) -> None:
    del text
    os._exit(7)


def test_a_worker_that_fails_names_the_text_and_one_that_ends_is_reported(monkeypatch):
    monkeypatch.setattr(pool, "CHUNK", 2)
    # pytest's importlib mode gives this module a name that is on no path.
    for function in (refuse, end):
        monkeypatch.setattr(function, "__module__", "test_molecules")
    monkeypatch.syspath_prepend(os.path.dirname(__file__))
    pool._crew.cache_clear()
    assert mapped(refuse, ["a", "bb", "ccc"], 2, small=1, word="d") == [1, 2, 3]
    with pytest.raises(RuntimeError, match="test_molecules:refuse failed on 'bb': ValueError: no such thing"):
        mapped(refuse, ["a", "bb", "ccc"], 2, small=1, word="bb")
    assert mapped(refuse, ["a", "bb", "ccc"], 2, small=1, word="d") == [1, 2, 3]
    with pytest.raises(RuntimeError, match=r"exit status 7.*test_molecules:end.*'a'"):
        mapped(end, ["a"], 2, small=1)
    assert mapped(refuse, ["a"], 2, small=1, word="d") == [1]  # new workers


def test_each_different_text_is_asked_for_once():
    asked = []
    assert mapped(lambda text: asked.append(text) or len(text), ["a", "bb", "a"]) == [1, 2, 1]
    assert asked == ["a", "bb"]


def test_the_built_in_molecules():
    raw, forms = builtin_smiles(canonical=False), builtin_smiles()
    assert len(raw) == 4999
    assert 4800 < len(forms) == len(set(forms)) < 5000
    assert all(canonical(form) is not None for form in forms[:200])


@pytest.mark.parametrize(("name", "start"), [("few.png", b"\x89PNG"), ("few.svg", b"<?xml")])
def test_a_picture_shows_molecules_scores_and_what_is_invalid(tmp_path, name, start):
    path = grid(["CCO", "c1ccccc1", "C(((" * 20, ""], tmp_path / name, {"QED": [0.41, 0.44, 0, 0]}, columns=3)
    assert path.read_bytes().startswith(start)
    if name.endswith("svg"):
        assert path.read_text().count("class='bond") + path.read_text().count('class="bond') >= 8


def test_a_picture_that_cannot_be_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"\.png"):
        grid(["CC"], tmp_path / "few.gif")
    with pytest.raises(UserError, match="2 texts have 1 scores QED"):
        grid(["CC", "CN"], tmp_path / "few.png", {"QED": [1.0]})
    with pytest.raises(UserError, match="nothing to draw"):
        grid([], tmp_path / "few.png")
