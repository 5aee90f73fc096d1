"""Splits are disjoint, seeded, and made of distinct texts."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokengan.data import Lines, load
from tokengan.data.split import cut
from tokengan.errors import UserError


def lines_of(texts: list[str]) -> Lines:
    return Lines("my.txt", texts, list(range(1, len(texts) + 1)))


MANY = [f"text {i % 50}" for i in range(130)]


@settings(deadline=None, max_examples=50, derandomize=True)
@given(st.permutations(MANY), st.integers(0, 5))
def test_pain_07_no_text_is_in_two_splits_whatever_the_order(texts, seed):
    parts = cut(lines_of(list(texts)), {"valid": 0.1, "test": 0.2}, seed=seed)
    sets = {name: set(part.texts) for name, part in parts.items()}
    assert {name: len(part) for name, part in sets.items()} == {"valid": 5, "test": 10, "train": 35}
    assert set.union(*sets.values()) == set(MANY)
    assert sum(len(part) for part in parts.values()) == len(MANY)
    # The part of a text depends on seed and text alone.
    assert sets == {
        name: set(part.texts) for name, part in cut(lines_of(MANY), {"valid": 0.1, "test": 0.2}, seed=seed).items()
    }


def test_another_seed_gives_another_split():
    held = {tuple(sorted(set(cut(lines_of(MANY), {"test": 5}, seed=seed)["test"].texts))) for seed in range(5)}
    assert len(held) == 5


def test_pain_07_copies_by_key_stay_together():
    texts = [form for i in range(20) for form in (f"Word {i}", f"word  {i}")]
    parts = cut(lines_of(texts), {"valid": 3, "test": 3}, key=lambda text: " ".join(text.lower().split()))
    assert [len(parts[name]) for name in ("train", "valid", "test")] == [28, 6, 6]


def test_rows_keep_order_line_numbers_and_columns():
    lines = Lines("a.csv", MANY, list(range(2, 132)), {"n": list(range(130))})
    train = cut(lines, {"valid": 0.1, "test": 0.1})["train"]
    assert train.numbers == sorted(train.numbers)
    assert [MANY[n] for n in train.columns["n"]] == train.texts


@pytest.mark.parametrize("share", [0, 1.0, -0.1, 0.9, 40])
def test_a_share_that_leaves_no_split_is_refused(share):
    with pytest.raises(UserError, match="test="):
        cut(lines_of(MANY), {"test": share})


def test_a_column_of_one_value_is_said_to_be_so():
    with pytest.raises(UserError, match="all 40 texts are the same, 'pos'"):
        cut(lines_of(["pos"] * 40), {"test": 0.1})


def test_a_folder_keeps_its_files_and_cuts_what_is_missing(tmp_path):
    (tmp_path / "train.txt").write_text("\n".join(MANY))
    (tmp_path / "dev.csv").write_text("text\ntext 1\nother\n")
    corpus = load(tmp_path)
    assert corpus.cut == ("test",)
    assert corpus.splits["valid"].texts == ["text 1", "other"]
    assert len(set(corpus.splits["test"].texts)) == 5


def test_files_named_for_the_other_splits_are_read(tmp_path):
    for name, texts in (("a", MANY), ("v", ["v1"]), ("t", ["t1"])):
        (tmp_path / f"{name}.txt").write_text("\n".join(texts))
    corpus = load(tmp_path / "a.txt", valid=str(tmp_path / "v.txt"), test=str(tmp_path / "t.txt"))
    assert corpus.cut == ()
    assert [corpus.splits[name].texts for name in ("train", "valid", "test")] == [MANY, ["v1"], ["t1"]]
