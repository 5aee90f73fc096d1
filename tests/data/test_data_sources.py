"""Built-in sets, the hub's package, and writing: what is there without a network, and what is said when it is not."""

from __future__ import annotations

import errno
import os
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from tokengan.data import BUILTIN, KNOWN_HUB_IDS, atomic_write, load
from tokengan.data.builtin import read_builtin
from tokengan.data.fortunes import CRUDE, LEFT_OUT
from tokengan.data.source import HUB_ID
from tokengan.errors import UserError


def test_fortunes_are_clean_short_distinct_sentences():
    lines = read_builtin("fortunes")
    assert len(lines) == len(set(lines.texts)) > 15_000
    assert not set(lines.columns["category"]) & LEFT_OUT
    for text in lines.texts:
        assert text == " ".join(text.split()).lower()
        assert text.isascii()
        assert text.endswith((" .", " !", " ?", "..."))
        assert not CRUDE.search(text)
        assert 4 <= sum(token[0].isalnum() for token in text.split()) <= 25


def test_pain_01_the_same_built_in_set_every_time():
    assert read_builtin("emoji").sha256 == read_builtin("emoji").sha256 != read_builtin("emoji:de").sha256


def test_emoji_names_are_distinct_in_every_language():
    for language in ("en", "de", "zh"):
        texts = read_builtin(f"emoji:{language}").texts
        assert len(texts) == len(set(texts)) > 3000
        assert not any("_" in text or text.startswith(":") for text in texts)


def test_a_built_in_name_goes_before_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "emoji").mkdir()
    assert load("emoji", max_lines=50).splits["train"].name == "emoji"
    with pytest.raises(UserError, match="without a train file"):
        load("./emoji")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("fortune", "did you mean 'fortunes'"),
        ("emoji:dee", "did you mean 'de'"),
        ("fortunes:en", "no variants"),
        ("nothing", "no built-in data set"),
    ],
)
def test_pain_01_a_wrong_name_suggests_the_nearest(source, said):
    with pytest.raises(UserError, match=said):
        load(source)


def test_the_known_ids_look_like_ids():
    assert all(HUB_ID.fullmatch(known.id) for known in KNOWN_HUB_IDS)
    assert not any("/" in name for name in BUILTIN)


def test_pain_01_without_the_package_the_hub_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    (tmp_path / "state.json").touch()
    for source in ("owner/name", str(tmp_path)):
        with pytest.raises(UserError, match=r"pip install 'tokengan\[hf\]'"):
            load(source)


class Table(list[dict[str, Any]]):
    """Rows with `column_names`, as far as a table of the package datasets is used."""

    @property
    def column_names(self) -> list[str]:
        return list(self[0])


@pytest.fixture
def hub(monkeypatch):
    rows = [{"text": f"t {i}", "label": i % 2} for i in range(40)]

    def load_dataset(name: str, configuration: str | None) -> dict[str, Table]:
        if name == "no/such":
            raise FileNotFoundError("Dataset 'no/such'\ndoesn't exist on the Hub")
        return {"train": Table(rows), "validation": Table(rows[:5])} if configuration is None else {"all": Table(rows)}

    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load_dataset, load_from_disk=None))


def test_a_hub_data_set_gives_its_splits(hub):
    corpus = load("owner/name", "text")
    assert corpus.cut == ("test",)
    assert corpus.splits["valid"].texts == [f"t {i}" for i in range(5)]
    assert corpus.splits["valid"].columns == {"label": [0, 1, 0, 1, 0]}


@pytest.mark.parametrize(
    ("source", "column", "said"),
    [
        ("no/such", "text", "no/such could not be loaded .*doesn't exist"),
        ("owner/name", None, "2 columns"),
        ("owner/name", "txt", "did you mean 'text'"),
        ("owner/name", "label", "holds 0 .int., not a text"),
        ("owner/name", 1, "names, not numbers"),
        ("owner/name:part", "text", "no split train, only 'all'"),
    ],
)
def test_a_hub_data_set_that_does_not_fit_is_named(hub, source, column, said):
    with pytest.raises(UserError, match=said):
        load(source, column)


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize(("code", "remedy"), [(errno.ENOSPC, "free some space"), (errno.EIO, "check the disk")])
def test_no_space_left_leaves_the_old_file_and_no_part(tmp_path, monkeypatch, call, code, remedy):
    path = tmp_path / "out.json"
    atomic_write(path, "old")

    def fail(*_args: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("os.fsync" if call == "fsync" else "pathlib.Path.replace", fail)
    with pytest.raises(UserError, match=f"out.json cannot be written .*{remedy}"):
        atomic_write(path, "new")
    assert [file.name for file in tmp_path.iterdir()] == ["out.json"]
    assert path.read_text() == "old"


def test_an_interrupt_while_writing_leaves_no_part(tmp_path, monkeypatch):
    def interrupt(_handle: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        atomic_write(tmp_path / "out.json", b"new")
    assert not list(tmp_path.iterdir())


def test_writing_where_no_folder_is_says_so(tmp_path):
    with pytest.raises(UserError, match="make the folder first"):
        atomic_write(tmp_path / "no" / "out.json", "x")


def test_a_written_file_has_the_permissions_of_the_umask(tmp_path):
    (tmp_path / "plain").touch()
    atomic_write(tmp_path / "written", "x")
    assert (tmp_path / "written").stat().st_mode == (tmp_path / "plain").stat().st_mode
