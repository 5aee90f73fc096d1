"""The pairs task: two columns, one tokenizer, sources as the condition, no source in two parts."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
import torch

from tokengan.errors import UserError
from tokengan.noise import Noise, seeded
from tokengan.tasks.pairs import PairsTask
from tokengan.tasks.text import TextTask

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "dailydialog"
COLOURS = ("red", "blue", "green", "black", "white")
THINGS = ("heart", "car", "book", "hat")


def table(folder: Path, rows: list[str], name: str = "my.tsv", head: str = "en\tde") -> str:
    path = folder / name
    path.write_text("\n".join([head, *rows] if head else rows) + "\n")
    return str(path)


@pytest.fixture
def rows() -> list[str]:
    """Forty pairs: twenty sources with two targets each."""
    sources = [f"{colour} {thing}" for colour in COLOURS for thing in THINGS]
    return [f"{source}\t{source.upper()} {i}" for i in range(2) for source in sources]


def test_sources_are_the_condition_and_targets_the_sequences(tmp_path, rows):
    task = PairsTask(table(tmp_path, rows), column="en", target="de")
    for x in (task.train, task.valid, task.test):
        source = x.condition["source"]
        assert len(source) == len(x)
        assert [text.upper() for text in task.decode(source)] == [text[:-2] for text in task.decode(x) if text]
        assert x.columns["source"] == task.decode(source)
        assert (source.tokens.gather(1, source.lengths[:, None] - 1) == task.spec.end).all()
    assert task.spec.condition == {"source": 3}
    assert task.spec.max_length == 4


def test_one_tokenizer_of_both_columns_of_the_training_split(tmp_path, rows):
    task = PairsTask(table(tmp_path, rows), column="en", target="de")
    words = {word for text in (*task.train.columns["source"], *task.decode(task.train)) for word in text.split()}
    assert set(task.tokenizer.vocabulary[4:]) == words
    assert {"red", "RED"} & words


def test_no_source_stands_in_two_parts(tmp_path, rows):
    task = PairsTask(table(tmp_path, rows), column="en", target="de", valid=4, test=4)
    parts = [set(getattr(task, name).columns["source"]) for name in ("train", "valid", "test")]
    assert [len(part) for part in parts] == [12, 4, 4]
    assert len(set.union(*parts)) == 20
    assert len(task.test) == 8  # both targets of a held-out source
    assert set(task.report["shared_sources"].values()) == {0}


def test_files_that_share_sources_say_so(tmp_path, rows):
    held = table(tmp_path, rows[:3], "held.tsv")
    task = PairsTask(table(tmp_path, rows), column="en", target="de", valid=held)
    assert "train and valid share" in " ".join(task.report["notes"])
    assert task.report["shared_sources"]["train+valid"] > 0


def test_a_long_source_is_dropped_and_counted_with_its_line(tmp_path, rows):
    rows.insert(7, "a very very very long source\tA")
    task = PairsTask(table(tmp_path, rows), column="en", target="de", max_source=4)
    dropped = [
        figures["dropped"]["source_too_long"] for figures in task.report["splits"].values() if figures["dropped"]
    ]
    assert dropped == [{"texts": 1, "first_line": 9}]
    assert task.spec.condition == {"source": 3}


def test_lengths_of_both_are_in_the_report(tmp_path, rows):
    from tokengan.data.render import render_report

    task = PairsTask(table(tmp_path, rows), column="en", target="de")
    assert task.report["splits"]["train"]["source_length"]["longest"] == 3
    assert task.report["splits"]["train"]["length"]["longest"] == 4
    assert "source length, median" in render_report(task.report)


@pytest.mark.parametrize(
    ("change", "settings", "said"),
    [
        ({12: "red heart"}, {}, r"my.tsv, line 14 has 1 fields, the first line has 2"),
        ({12: "\tRED HEART"}, {}, r"my.tsv, line 14 has an empty source"),
        ({}, {"target": "fr"}, r"my.tsv has no column 'fr'. Its columns: 'de'"),
        ({}, {"column": "fr"}, r"my.tsv has no column 'fr'. Its columns: 'en', 'de'"),
        ({}, {"max_source": 1}, r"max_source=1 has no room"),
        ({}, {"turns": True}, r"my.tsv is read as dialogues .*: leave out column"),
    ],
)
def test_what_is_wrong_is_said_with_its_row(tmp_path, rows, change, settings, said):
    for place, row in change.items():
        rows[place] = row
    with pytest.raises(UserError, match=said):
        PairsTask(table(tmp_path, rows), **{"column": "en", "target": "de", **settings})


def test_three_columns_need_a_target_and_one_is_too_few(tmp_path, rows):
    three = table(tmp_path, [f"{row}\tx" for row in rows], head="en\tde\tid")
    with pytest.raises(UserError, match="has 2 columns, say which to read, as target=NAME: 'de', 'id'"):
        PairsTask(three, column="en")
    (tmp_path / "one.txt").write_text("\n".join(f"line {i}" for i in range(20)))
    with pytest.raises(UserError, match=r"one.txt has one column: a pair is a source and a target"):
        PairsTask(str(tmp_path / "one.txt"))


def test_tables_without_a_header_and_jsonl(tmp_path, rows):
    plain = PairsTask(table(tmp_path, rows, head=""), column=1, target=2, valid=4, test=4)
    lines = ["{" + '"en": "{}", "de": "{}"'.format(*row.split("\t")) + "}" for row in rows]
    json = PairsTask(table(tmp_path, lines, "my.jsonl", ""), column="en", valid=4, test=4)
    assert torch.equal(plain.train.tokens, json.train.tokens)
    assert torch.equal(plain.test.condition["source"].tokens, json.test.condition["source"].tokens)


def test_dialogues_give_every_turn_with_the_next(tmp_path):
    turns = [f"{a}{i}" for i in range(15) for a in "abcd"]
    lines = ["\t".join(turns[first : first + 4]) for first in range(0, 60, 4)]
    task = PairsTask(table(tmp_path, lines, "talks.tsv", ""), turns=True)
    pairs = {
        (s, t)
        for x in (task.train, task.valid, task.test)
        for s, t in zip(x.columns["source"], task.decode(x), strict=True)
    }
    known = {(s, t) for s, t in pairwise(turns) if s[0] != "d"}
    assert {pair for pair in pairs if pair[1] != "<unk>"} <= known
    assert len(known) == 45
    assert task.report["files"][0]["lines"] == 45


def two_files(folder: Path, rows: list[str]) -> tuple[str, str]:
    """Write pairs as translation corpora are: a file of sources, and one of targets beside it."""
    paths = [folder / f"train.{language}" for language in ("en", "de")]
    for path, lines in zip(paths, zip(*(row.split("\t") for row in rows), strict=True), strict=True):
        path.write_text("\n".join(lines) + "\n")
    return str(paths[0]), str(paths[1])


def test_two_files_line_by_line_are_the_table_of_both(tmp_path, rows):
    source, targets = two_files(tmp_path, rows)
    task, same = PairsTask(source, targets=targets), PairsTask(table(tmp_path, rows), column="en", target="de")
    for name in ("train", "valid", "test"):
        one, other = getattr(task, name), getattr(same, name)
        assert task.shown(one) == same.shown(other)
    before = task.report["splits"]["train"]["sha256"]
    Path(targets).write_text(Path(targets).read_text().replace("RED HEART 1", "RED HEART 2"))
    assert PairsTask(source, targets=targets).report["splits"]["train"]["sha256"] != before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda lines: lines[:-1], r"train\.en, line 40 has no partner: .*train\.de ends at line 39"),
        (lambda lines: [*lines, "more"], r"train\.de, line 41 has no partner: .*train\.en ends at line 40"),
        (lambda lines: [*lines[:4], " ", *lines[5:]], r"train\.de, line 5 is empty and .*train\.en, line 5 is not"),
    ],
)
def test_two_files_that_do_not_fit_are_refused_with_the_line(tmp_path, rows, change, said):
    source, targets = two_files(tmp_path, rows)
    Path(targets).write_text("\n".join(change(Path(targets).read_text().splitlines())) + "\n")
    with pytest.raises(UserError, match=said):
        PairsTask(source, targets=targets)


def test_a_file_of_targets_that_is_not_there_or_beside_columns(tmp_path, rows):
    source, targets = two_files(tmp_path, rows)
    with pytest.raises(UserError, match="nowhere, the file of targets, is not there"):
        PairsTask(source, targets=str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match="leave out turns, column and target"):
        PairsTask(source, targets=targets, turns=True)


def test_asked_sources_are_encoded_and_bad_ones_named(tmp_path, rows):
    task = PairsTask(table(tmp_path, rows), column="en", target="de")
    source = task.asked(2, source=["red heart", "blue"])["source"]
    assert task.decode(source) == ["red heart", "blue"]
    with pytest.raises(UserError, match="source 2, 'red red red red', has 5 tokens with EOS, at most 3 fit"):
        task.asked(2, source=["red", "red red red red"])
    with pytest.raises(UserError, match="source 2 is empty"):
        task.asked(2, source=["red", " "])
    with pytest.raises(UserError, match="there are 2 sources for 3 texts"):
        task.asked(3, source=["red", "blue"])
    assert task.asked(3) == {}
    with pytest.raises(UserError, match="no label"):
        task.asked(1, source=["red"], label="x")
    with pytest.raises(UserError, match="has no source to write for"):
        TextTask("emoji").asked(1, source=["red"])


def test_pairs_as_text_are_split_at_the_tab(tmp_path, rows):
    task = PairsTask(table(tmp_path, rows), column="en", target="de")
    x = task.encode(["red heart\tRED HEART 0"])
    assert task.decode(x) == ["RED HEART 0"]
    assert task.decode(x.condition["source"]) == ["red heart"]
    assert task.shown(x) == ["red heart\tRED HEART 0"]
    with pytest.raises(UserError, match="text 2, 'red', is no pair"):
        task.encode(["red\tRED", "red"])


def test_saved_and_restored_it_knows_its_sources(tmp_path, rows):
    task = PairsTask(table(tmp_path, rows), column="en", target="de")
    (tmp_path / "run").mkdir()
    task.save(tmp_path / "run")
    other = PairsTask.__new__(PairsTask)
    other.restore(tmp_path / "run")
    asked = {"source": ["red heart"]}
    assert torch.equal(other.asked(1, **asked)["source"].tokens, task.asked(1, **asked)["source"].tokens)
    assert other.spec == task.spec


def test_fresh_conditions_are_sources_of_training_rows(tmp_path, rows):
    task = PairsTask(table(tmp_path, rows), column="en", target="de")
    fresh = task.fresh(50, Noise(seeded("test", 0)))["source"]
    assert set(task.decode(fresh)) <= set(task.train.columns["source"])
    assert len(set(task.decode(fresh))) > 5


def test_built_in_pairs():
    for source, settings, pair in (
        ("emoji:en-de", {}, ("red apple", "roter apfel")),
        ("chatterbot", {"max_length": 20, "max_source": 20}, ("hello", "hi")),
    ):
        task = PairsTask(source, **settings)
        pairs = {
            pair
            for x in (task.train, task.valid, task.test)
            for pair in zip(x.columns["source"], task.decode(x), strict=True)
        }
        assert len(pairs) > 800
        assert pair in pairs
    with pytest.raises(UserError, match="emoji:xx is not there"):
        PairsTask("emoji:en-xx")
    with pytest.raises(UserError, match="chatterbot:englisch is not there; did you mean 'english'"):
        PairsTask("chatterbot:englisch")


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"the development data are not at {SHARED}")
def test_dialogues_and_their_pairs_are_the_same():
    settings = {"max_length": 30, "max_source": 30, "max_lines": 2000}
    one = PairsTask(str(SHARED / "validation.dialogues.tsv"), turns=True, **settings)
    other = PairsTask(str(SHARED / "validation.pairs.tsv"), column=1, target=2, **settings)
    assert one.report["files"][0]["lines"] == other.report["files"][0]["lines"] == 2000
    assert one.train.columns["source"] == other.train.columns["source"]
    assert torch.equal(one.train.tokens, other.train.tokens)
