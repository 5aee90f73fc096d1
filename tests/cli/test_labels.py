"""`generate --label`: for the label asked for, for each in turn, and what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tokengan.cli import main

FLAGS = ["--task", "labelled", "--trainer.quiet", "--preset", "none", "--epochs", "3"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a generator for each label, one of a generator that reads none, and no data any more."""
    folder = tmp_path_factory.mktemp("labels")
    data = folder / "reviews"
    data.mkdir()
    for label in ("good", "bad"):
        (data / f"{label}.txt").write_text("\n".join(f"{label} film number {i % 10} {i}" for i in range(60)))
    for generator in ("per_label", "lstm"):
        words = ["train", "mle", str(data), "--out", str(folder / generator), "--generator", generator, *FLAGS]
        assert main([*words, "--batch_size", "8"]) == 0
    shutil.rmtree(data)
    return folder


def test_texts_of_the_label_asked_for(runs: Path, tg) -> None:
    good = tg("generate", runs / "per_label", "-n", 20, "--label", "good", "--greedy")
    assert good.code == 0
    assert all("good" in line and "\t" not in line for line in good.out.splitlines())
    each = tg("generate", runs / "per_label", "-n", 4, "--greedy").out.splitlines()
    assert [line.partition("\t")[0] for line in each] == ["bad", "good", "bad", "good"]


def test_what_cannot_be_asked_for(runs: Path, tg) -> None:
    wrong = tg("generate", runs / "per_label", "--label", "god")
    assert wrong.code == 2
    assert "there is no label 'god'; did you mean 'good'? The labels: 'bad', 'good'" in wrong.err
    blind = tg("generate", runs / "lstm", "--label", "good")
    assert blind.code == 2
    assert "(LSTM) reads no label: train with one that does" in blind.err
    assert "\t" not in tg("generate", runs / "lstm", "-n", 2).out
