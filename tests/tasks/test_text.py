"""The text task: from a user's file to three batches and back, and what its report says."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
import torch

from tokengan.data.codec import TextCodec
from tokengan.data.render import render_report
from tokengan.errors import UserError
from tokengan.tasks.text import TextTask

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason=f"the development data are not at {SHARED}")


@pytest.fixture
def corpus(tmp_path) -> Path:
    """60 sentences of 3 to 5 words, one of 30, two blank lines and ten copies."""
    texts = [f"the {animal} {verb} {'very ' * (i % 2)}well {i % 3}" for i, (animal, verb) in enumerate(ANIMALS)]
    path = tmp_path / "my.txt"
    path.write_text("\n".join([*texts, "", *texts[:10], " ", "long " * 29 + "end"]))
    return path


ANIMALS = [
    (animal, verb)
    for animal in ("cat", "dog", "cow", "hen", "fox", "owl")
    for verb in ("runs", "eats", "sleeps", "sings", "jumps")
] * 2


def test_pain_01_a_file_trains_with_no_settings(corpus):
    task = TextTask(str(corpus))
    assert min(len(task.train), len(task.valid), len(task.test)) > 0
    assert (task.spec.start, task.spec.end, task.spec.pad, task.spec.unk) == (1, 2, 0, 3)
    assert task.spec.vocab_size == len(task.tokenizer)
    assert task.spec.max_length == 31
    texts = {text.strip() for text in corpus.read_text().splitlines()} - {""}
    known = [text for text in task.decode(task.train) if "<unk>" not in text]
    assert set(known) <= {" ".join(text.split()) for text in texts}


def test_pain_12_every_sequence_ends_in_eos_and_the_mask_includes_it(corpus):
    task = TextTask(str(corpus))
    for x in (task.train, task.valid, task.test):
        last = x.lengths - 1
        assert (x.tokens.gather(1, last[:, None]) == 2).all()
        assert ((x.tokens == 2).sum(1) == 1).all()
        assert (x.tokens[~x.mask] == 0).all()
        assert ((x.tokens == 0) | (x.tokens == 1)).logical_and(x.mask).sum() == 0
        assert torch.equal(x.mask, torch.arange(x.length) < x.lengths[:, None])


def test_pain_01_the_report_says_what_was_dropped_and_why(corpus):
    task = TextTask(str(corpus), max_length=8, split_seed=1)
    assert task.report["files"] == [
        {"name": str(corpus), "sha256": task.report["splits"]["train"]["sha256"], "lines": 73, "blank": 2}
    ]
    dropped = [split["dropped"] for split in task.report["splits"].values()]
    assert {"too_long": {"texts": 1, "first_line": 73}} in dropped
    assert sum(split["sequences"] for split in task.report["splits"].values()) == 70
    assert sum(split["duplicates"] for split in task.report["splits"].values()) == 70 - len(
        {*corpus.read_text().split("\n")[:60]}
    )
    assert not any(task.report["shared_texts"].values())
    json.dumps(task.report)
    text = render_report(task.report)
    for part in ("73 lines, 2 blank", "dropped: too long", "(cut)"):
        assert part in text


def test_pain_13_the_vocabulary_is_made_of_the_training_split_alone(corpus, tmp_path):
    other = tmp_path / "valid.txt"
    other.write_text("a zebra runs\n")
    task = TextTask(str(corpus), valid=str(other))
    assert "zebra" not in task.tokenizer.vocabulary
    assert task.report["splits"]["valid"]["unknown"] == 2
    assert task.decode(task.valid) == ["<unk> <unk> runs"]
    assert any("valid: 66.7% of the tokens are not in the vocabulary" in note for note in task.report["notes"])


def test_the_same_settings_give_the_same_task_and_another_seed_another_split(corpus):
    one, two, three = (TextTask(str(corpus), split_seed=seed) for seed in (0, 0, 1))
    assert torch.equal(one.train.tokens, two.train.tokens)
    assert one.report == two.report
    assert one.decode(one.test) != three.decode(three.test)


def test_pain_02_a_folder_decodes_without_the_data(corpus, tmp_path):
    task = TextTask(str(corpus), level="bpe", lowercase=True)
    run = tmp_path / "run"
    run.mkdir()
    task.save(run)
    assert sorted(path.name for path in run.iterdir()) == ["spec.json", "tokenizer.json"]
    codec = TextCodec.load(run)
    assert codec.spec == task.spec
    assert codec.decode(task.test) == task.decode(task.test)
    assert torch.equal(codec.encode(["the cat"]).tokens, task.encode(["the cat"]).tokens)
    (run / "spec.json").write_text(
        task.spec.to_json().replace(f'"vocab_size": {task.spec.vocab_size}', '"vocab_size": 9')
    )
    with pytest.raises(UserError, match="not of one run"):
        TextCodec.load(run)
    (run / "spec.json").unlink()
    with pytest.raises(UserError, match=r"spec.json cannot be read"):
        TextCodec.load(run)


def test_encode_names_the_text_that_is_too_long(corpus):
    task = TextTask(str(corpus), max_length=8)
    assert task.encode(["the cat", ""]).lengths.tolist() == [3, 1]
    with pytest.raises(UserError, match="text 2, 'well well"):
        task.encode(["the cat", "well " * 8])


def test_drop_unknown_leaves_no_unknown_token(corpus):
    task = TextTask(str(corpus), vocab_size=20, drop_unknown=True)
    assert not (torch.cat([task.train.tokens.flatten(), task.test.tokens.flatten()]) == 3).any()
    assert task.report["splits"]["train"]["dropped"]["unknown"]["texts"] > 0


@pytest.mark.parametrize("settings", [{"max_length": 2}, {"vocab_size": 5, "drop_unknown": True}])
def test_pain_01_settings_that_leave_nothing_are_an_error(corpus, settings):
    with pytest.raises(UserError, match=r"no sequence is left for \w+ \(.*raise max_length"):
        TextTask(str(corpus), **settings)


def test_other_columns_follow_their_rows(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("text,n\n" + "".join(f"word{i} {'x ' * (i % 7)},{i}\n" for i in range(40)))
    task = TextTask(str(path), column="text", max_length=6)
    assert len(task.train) == len(task.train.columns["n"])
    for text, n in zip(task.decode(task.train), task.train.columns["n"], strict=True):
        assert text.split()[0] == f"word{n}"


def test_copies_that_differ_in_case_alone_are_no_leak_when_case_is_folded(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("".join(f"Word {i}\nword  {i}\n" for i in range(30)))
    report = TextTask(str(path), lowercase=True).report
    assert not any(report["shared_texts"].values())
    assert report["splits"]["train"]["duplicates"] * 2 == report["splits"]["train"]["sequences"]


def test_settings_from_the_command_line_get_their_types():
    from jsonargparse import ArgumentParser

    parser = ArgumentParser()
    parser.add_class_arguments(TextTask, "data")
    given = {"source": "a.tsv", "column": "2", "valid": "0.2", "test": "500", "level": "char"}
    parsed = parser.parse_args([f"--data.{name}={value}" for name, value in given.items()]).data
    assert (parsed.column, parsed.valid, parsed.test, parsed.level) == (2, 0.2, 500, "char")
    assert parser.parse_args(["--data.source=a.csv", "--data.column=text"]).data.column == "text"
    assert parser.parse_args(["--data.source=a.txt", "--data.valid=v.txt"]).data.valid == "v.txt"


@needs_shared
def test_coco_captions_are_read_as_their_readme_counts_them():
    task = TextTask(str(SHARED / "coco-captions"), valid=1000)
    assert [file["lines"] for file in task.report["files"]] == [10_000, 10_000]
    assert task.report["files"][0]["sha256"].startswith("cf95f90f")
    assert task.report["cut_from_train"] == ["valid"]
    assert 6 <= task.report["shared_texts"]["train+test"] + task.report["shared_texts"]["valid+test"] <= 8
    assert task.spec.max_length == 36


@needs_shared
def test_chinese_poems_are_tokens_already_and_the_report_says_so():
    source = str(SHARED / "chinese-poems" / "shi.txt")
    as_words = TextTask(source, max_lines=2000)
    assert as_words.train.lengths.unique().tolist() == [25]
    as_chars = TextTask(source, level="char", max_lines=2000)
    assert any("level=word" in note for note in as_chars.report["notes"])
    assert not any("level=word" in note for note in as_words.report["notes"])


@needs_shared
def test_moses_molecules_survive_the_round_trip():
    task = TextTask(str(SHARED / "moses" / "test.smi.gz"), level="smiles", max_lines=2000)
    assert {"Cl", "Br", "[nH]", "c", "("} <= set(task.tokenizer.vocabulary)
    with gzip.open(SHARED / "moses" / "test.smi.gz", "rt") as file:
        real = {file.readline().strip() for _ in range(2000)}
    assert set(task.decode(task.train)) <= real
    assert task.report["splits"]["test"]["unknown_share"] < 0.001


@needs_shared
def test_a_headerless_table_is_read_by_column_number():
    task = TextTask(str(SHARED / "sst2"), column=2)
    assert [len(split) for split in (task.train, task.valid, task.test)] == [6920, 872, 1821]
    assert set(task.train.columns["1"]) == {"pos", "neg"}
