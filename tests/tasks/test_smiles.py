"""The task of molecules: its tokens, its report, and texts back from ids."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

pytest.importorskip("rdkit", reason="molecules need RDKit: the extra chem")

from tokengan.chem.data import builtin_smiles
from tokengan.data.codec import TextCodec
from tokengan.tasks.smiles import SmilesTask


@pytest.fixture
def file(tmp_path) -> Path:
    """200 short molecules that RDKit ships, one that is written otherwise and two texts that are none."""
    short = random.Random(0).sample([form for form in builtin_smiles() if 4 < len(form) < 25], 200)
    path = tmp_path / "my.smi"
    path.write_text("\n".join([*short, "C1=CC=CC=C1CCCCO", "C(((CC", "c1cccCl"]) + "\n")
    return path


def test_tokens_are_atoms_and_texts_come_back(file):
    task = SmilesTask(str(file))
    assert "Cl" in task.tokenizer.vocabulary
    assert task.tokens == task.report["level"] == "smiles"
    texts = task.decode(task.train)
    assert set(texts) <= set(file.read_text().splitlines())
    assert task.decode(task.encode(texts)) == texts
    assert task.cut("C(Cl)[NH3+]") == ["C", "(", "Cl", ")", "[NH3+]"]


def test_the_report_counts_molecules_and_can_be_written(file):
    task = SmilesTask(str(file), valid=0.2, test=0.2)
    counts = task.report["molecules"]["splits"]
    assert sum(split["read"] for split in counts.values()) == 203
    assert sum(split["invalid"] for split in counts.values()) == 2
    assert sum(split["other than canonical"] for split in counts.values()) == 1
    assert json.loads(json.dumps(task.report))["molecules"]["rdkit"].startswith("20")
    assert any("not molecules" in note for note in task.report["notes"])


def test_canonical_forms_of_a_batch(file):
    task = SmilesTask(str(file), level="char")
    assert task.canonical(task.encode(["OCC", "C(((", "C"])) == ["CCO", None, None]


def test_what_is_saved_decodes_without_the_data(file, tmp_path):
    task = SmilesTask(str(file))
    task.save(tmp_path)
    assert TextCodec.load(tmp_path).decode(task.valid) == task.decode(task.valid)


def test_the_built_in_molecules_are_there_by_name() -> None:
    from tokengan.config import configure

    pytest.importorskip("rdkit")
    config = configure("mle", "smiles", settings={"data.max_length": 12})
    task = config.build_task()
    assert task.name == "smiles"
    assert len(task.train) > 100
    assert task.report["molecules"]["splits"]["train"]["invalid"] == 0


def test_a_method_without_a_preset_for_molecules_takes_that_for_text():
    from tokengan.config import configure

    assert configure("mle", "smiles").preset == configure("mle", "emoji").preset == "tuned"
    assert configure("seqgan", "smiles").preset == "text"
