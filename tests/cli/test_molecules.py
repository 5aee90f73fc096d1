"""A run of molecules: its figures in the report and in the log, and pictures."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

pytest.importorskip("rdkit", reason="molecules need RDKit: the extra chem")

from tokengan.cli import main
from tokengan.errors import UserError

TINY = ["--epochs", "1", "--generator.hidden", "8", "--generator.embedding", "8", "--trainer.device", "cpu"]


@pytest.fixture(scope="module")
def molecules_run(tmp_path_factory) -> Path:
    """Return a run on 200 short molecules."""
    from tokengan.chem.data import builtin_smiles

    folder = tmp_path_factory.mktemp("molecules")
    short = random.Random(0).sample([form for form in builtin_smiles(canonical=False) if 4 < len(form) < 16], 200)
    (folder / "my.smi").write_text("\n".join(short) + "\n")
    words = ["train", "mle", str(folder / "my.smi"), "--task", "smiles", "--out", str(folder / "run"), *TINY]
    assert main([*words, "--trainer.quiet"]) == 0
    return folder / "run"


def test_the_report_and_the_log_speak_of_molecules(tg, molecules_run):
    told = json.loads((molecules_run / "final.json").read_text())["report"]["figures"]
    evaluated = tg("evaluate", molecules_run, "--json").json()["figures"]
    assert evaluated == told
    names = {figure["name"] for figure in told}
    assert {
        "Valid",
        "IntDiv",
        "SNN/Test",
        "Scaf/Test",
        "logP",
        "mean QED",
        "NLL-test",
        "SNN/Test (train lines)",
    } <= names
    table = tg("evaluate", molecules_run).out.splitlines()
    valid = next(line for line in table if line.startswith("Valid "))
    assert valid.split()[2] == "1.0000"  # real text beside it
    last = json.loads((molecules_run / "metrics.jsonl").read_text().splitlines()[-1])
    assert "Valid" in json.dumps(last)


def test_a_text_run_has_no_figures_of_molecules(tg, trained):
    assert "Valid" not in (trained / "metrics.jsonl").read_text()


def test_pictures(tg, molecules_run, tmp_path, monkeypatch):
    from tokengan.api import Model

    monkeypatch.setattr(Model, "_stream", lambda self, n, *rest: iter(["CCO", "c1ccccc1", "C(("][:n]))
    drawn = tg("generate", molecules_run, "-n", 3, "--picture", tmp_path / "few.svg")
    assert drawn.out.splitlines() == ["CCO", "c1ccccc1", "C(("]
    assert (tmp_path / "few.svg").read_text().startswith("<?xml")
    drawn = tg("generate", molecules_run, "-n", 3, "--picture", tmp_path / "few.png", "--out", tmp_path / "few.txt")
    assert (drawn.code, drawn.out) == (0, "")
    assert (tmp_path / "few.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "few.txt").read_text().split() == ["CCO", "c1ccccc1", "C(("]


def test_pictures_that_cannot_be(tg, molecules_run, trained, tmp_path, monkeypatch):
    from tokengan.api import Model

    def refused(run, path):
        ended = tg("generate", run, "-n", 2, "--picture", path)
        assert ended.code == 2
        assert len(ended.out.splitlines()) == 2, "the texts are not lost"
        return ended.err

    assert "TextTask has no pictures" in refused(trained, tmp_path / "few.svg")
    monkeypatch.setattr(Model, "_stream", lambda self, n, *rest: iter(["C((", "N)"]))
    assert "none of the 2 texts is a molecule" in refused(molecules_run, tmp_path / "few.svg")
    monkeypatch.setattr(Model, "_stream", lambda self, n, *rest: iter(["CC", "N)"]))
    assert "neither .png nor .svg" in refused(molecules_run, tmp_path / "few.pdf")
    assert "cannot be written" in refused(molecules_run, tmp_path / "nowhere" / "few.svg")

    def without(module="rdkit.Chem"):
        raise UserError("pip install 'tokengan[chem]'")

    for module in ("molecules", "grid"):
        monkeypatch.setattr(f"tokengan.chem.{module}.chem", without)
    assert "tokengan[chem]" in refused(molecules_run, tmp_path / "few.svg")
    assert list(tmp_path.iterdir()) == []
