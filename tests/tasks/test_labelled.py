"""Labelled text: what is read, how it is split, what a user may ask for, and what is refused in a sentence."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
import torch

from tokengan.api.saved import saved_task
from tokengan.data.render import render_report
from tokengan.errors import UserError
from tokengan.noise import Noise
from tokengan.tasks.labelled import LabelledTask

COUNTS = {"good": 40, "bad": 20}


def sentences(label: str, count: int) -> list[str]:
    return [f"a {label} film number {i}" for i in range(count)]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with a file for each label, and what is no data file."""
    folder = tmp_path / "reviews"
    folder.mkdir()
    (folder / "good.txt").write_text("\n".join(sentences("good", COUNTS["good"])))
    with gzip.open(folder / "bad.txt.gz", "wt") as file:
        file.write("\n".join(sentences("bad", COUNTS["bad"])))
    (folder / "README.md").write_text("not data")
    return folder


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "my.csv"
    rows = [f"{i},{label},{text}" for label, n in COUNTS.items() for i, text in enumerate(sentences(label, n))]
    path.write_text("\n".join(["id,mood,text", *rows]) + "\n")
    return path


def noise(seed: int = 0, **share: int) -> Noise:
    return Noise(torch.Generator().manual_seed(seed), **share)


def contents(task: LabelledTask) -> dict[str, list[str]]:
    return {split: sorted(task.shown(getattr(task, split))) for split in ("train", "valid", "test")}


def test_a_file_for_each_label_and_a_column_of_labels_are_the_same_data(files: Path, table: Path) -> None:
    by_files = LabelledTask(str(files))
    listed = LabelledTask(f"{files / 'good.txt'},{files / 'bad.txt.gz'}")
    by_column = LabelledTask(str(table), column="text", label="mood")
    assert by_files.labels == ["bad", "good"]
    assert by_files.spec.labels == 2
    assert contents(by_files) == contents(by_column) == contents(listed)
    # The label of a row is that of its text, in each split.
    for split in ("train", "valid", "test"):
        x = getattr(by_column, split)
        for text, k in zip(by_column.decode(x), x.condition["label"].tolist(), strict=True):
            assert f"a {by_column.labels[k]} film" in text or "<unk>" in text


def test_every_label_has_its_share_of_every_split_and_the_report_says_so(files: Path) -> None:
    task = LabelledTask(str(files), valid=0.1, test=0.2)
    assert task.report["labels"] == {
        "bad": {"train": 14, "valid": 2, "test": 4},
        "good": {"train": 28, "valid": 4, "test": 8},
    }
    assert any("label bad" in line and "14" in line for line in render_report(task.report).splitlines())
    few = LabelledTask(str(files), valid=3, test=0.01)
    assert {name: (n["valid"], n["test"]) for name, n in few.report["labels"].items()} == {
        "bad": (1, 1),
        "good": (2, 1),
    }


def test_a_text_under_two_labels_is_in_one_split(tmp_path: Path) -> None:
    path = tmp_path / "my.tsv"
    both = [f"{label}\tfilm number {i} of them" for label in ("x", "y") for i in range(30)]
    both += [f"y\tplay number {i}" for i in range(10)]
    path.write_text("\n".join(both) + "\n")
    task = LabelledTask(str(path), column=2, label=1)
    assert all(count == 0 for count in task.report["shared_texts"].values())


def test_fortunes_have_categories() -> None:
    task = LabelledTask("fortunes", labels=["pets", "magic"], max_length=20)
    assert list(task.labels) == ["pets", "magic"]
    assert min(task.train.condition["label"].bincount()) > 30


def test_fresh_labels_are_balanced_and_the_same_in_any_number_of_processes(files: Path) -> None:
    """However unequal the data: a discriminator must not tell what is written by its label."""
    task = LabelledTask(str(files))
    whole = task.fresh(7, noise())["label"]
    assert whole[:6].bincount().tolist() == [3, 3]
    halves = [task.fresh(3, noise(first=first, total=7))["label"] for first in (0, 3)]
    assert torch.equal(torch.cat(halves), whole[:6])
    last = torch.stack([task.fresh(7, noise(seed))["label"][6] for seed in range(50)])
    assert 10 < last.sum() < 40


def test_reals_come_in_the_same_proportions_as_what_is_written(files: Path) -> None:
    """An imbalance (BR is 128:1) would make D's prior the label (sentigan.md, trap 7; labelgan.md, trap 5)."""
    task = LabelledTask(str(files))
    rows = torch.arange(len(task.train))
    order = task.order(rows, torch.Generator().manual_seed(0))
    labels = task.train.condition["label"][order]
    assert len(order) == len(rows)
    assert all(labels[i : i + 2].sum() == 1 for i in range(0, len(labels) - 1, 2))
    assert set(order[labels == 0].tolist()) == set(rows[task.train.condition["label"] == 0].tolist())
    common = order[labels == 1]
    assert len(set(common.tolist())) == len(common)
    assert not torch.equal(order, task.order(rows, torch.Generator().manual_seed(1)))
    only = rows[task.train.condition["label"] == 1]
    assert sorted(task.order(only, torch.Generator().manual_seed(0)).tolist()) == only.tolist()


def test_a_label_is_asked_for_by_name(files: Path, tmp_path: Path) -> None:
    """Also by a run that has no data any more."""
    task = LabelledTask(str(files))
    run = tmp_path / "run"
    run.mkdir()
    task.save(run)
    restored = saved_task(run, LabelledTask)
    for one in (task, restored):
        assert one.asked(3, label="good")["label"].tolist() == [1, 1, 1]
        assert one.asked(5)["label"].tolist() == [0, 1, 0, 1, 0]
        with pytest.raises(UserError, match=r"no label 'god'; did you mean 'good'\?.*'bad', 'good'"):
            one.asked(3, label="god")
        with pytest.raises(UserError, match=r"LabelledTask has no mood to write for"):
            one.asked(3, mood="good")
    x = task.train.select(slice(0, 1))
    assert restored.shown(x) == [f"{task.labels[x.condition['label'][0]]}\t{task.decode(x)[0]}"]
    (run / "labels.json").write_text('["one"]')
    with pytest.raises(UserError, match=r"labels\.json does not hold the 2 labels"):
        saved_task(run, LabelledTask)
    (run / "labels.json").unlink()
    with pytest.raises(UserError, match=r"labels\.json cannot be read .* not whole"):
        saved_task(run, LabelledTask)


def test_the_outside_classifier_learns_from_text_apart(tmp_path: Path) -> None:
    more = tmp_path / "more.csv"
    rows = [f"{label},another {label} film {i}" for label in ("good", "bad") for i in range(5)]
    more.write_text("\n".join(["label,text", *rows, "good,a good film number 0"]) + "\n")
    data = str(table_of(tmp_path))
    task = LabelledTask(data, column="text", outside=str(more))
    texts, labels = task.classified()
    assert len(texts) == 10  # the one that stands in the data is left out
    assert labels == ["good"] * 5 + ["bad"] * 5
    assert any("outside classifier learns from 10 texts" in note for note in task.report["notes"])
    with pytest.raises(UserError, match=r"no text of the label 'bad' that is not in"):
        LabelledTask(data, column="text", outside=data)


def table_of(folder: Path) -> Path:
    path = folder / "data.csv"
    rows = [f"{label},{text}" for label, n in COUNTS.items() for text in sentences(label, n)]
    path.write_text("\n".join(["label,text", *rows]) + "\n")
    return path


def test_what_is_wrong_is_said_with_the_row_and_what_to_do(files: Path, table: Path, tmp_path: Path) -> None:
    def refused(match: str, source: Path | str, **settings: object) -> None:
        with pytest.raises(UserError, match=match):
            LabelledTask(str(source), **settings)

    named = {"column": "text", "label": "mood"}
    lines = table.read_text().splitlines()
    table.write_text("\n".join([*lines[:4], "9,,nobody knows", *lines[4:]]))
    refused(r"my\.csv, line 5: the label \(column 'mood'\) is empty: fill it in, or leave the row out", table, **named)
    table.write_text("\n".join([*lines, "9,rare,the only one"]))
    refused(r"label 'rare' has 1 distinct text \('the only one', line 62\).*give at least 3, or leave", table, **named)
    table.write_text("\n".join(lines))
    refused(r"no column 'mod' of labels; did you mean 'mood'\?.*'id', 'mood'", table, column="text", label="mod")
    refused(r"has no labels: say which of its columns holds them, as label=NAME: 'id', 'mood'", table, column="text")
    refused(r"has no label 'god'; did you mean 'good'\? Its labels: 'bad', 'good'", table, labels=["god"], **named)

    held = tmp_path / "held.csv"
    held.write_text("id,mood,text\n1,good,one more\n2,goood,and another\n3,bad,and a third\n")
    refused(
        r"held\.csv, line 3: the label 'goood' is in no row of .*did you mean 'good'", table, valid=str(held), **named
    )
    held.write_text("id,mood,text\n1,good,one more\n")
    refused(r"the label 'bad' has no sequence in valid", table, valid=str(held), **named)

    rows = tmp_path / "my.jsonl"
    rows.write_text('{"text": "a film", "label": 1}\n{"text": "a play"}\n')
    refused(r"my\.jsonl, line 2: the label \(column 'label'\) is empty", rows, column="text")
    rows.write_text('{"text": "a film", "label": ["good"]}\n')
    refused(r"line 1: the label \(column 'label'\) holds \['good'\], which is no text", rows, column="text")

    (files / "good.csv").write_text("text\n")
    refused(r"good\.csv and .*good\.txt would both be the label 'good': rename one", files)
    plain = tmp_path / "plain.txt"
    plain.write_text("a\nb\n")
    refused(r"plain\.txt has no labels: give a table .* or a file for each label", plain)
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / "good.txt").write_text("a\n")
    refused(r"alone has only one file of texts \('good\.txt'\), and a label is a file", alone)
