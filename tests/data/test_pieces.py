"""The quick way to cut and count texts gives, to the byte, what the tokenizers library gives."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st

from tokengan.data.levels import pipeline, trainer
from tokengan.data.pieces import SPLITS, in_python
from tokengan.data.tokenizer import Tokenizer

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"
ODD = [
    "",
    " ",
    "\n",
    "a\r\nb",
    "[",
    "[]",
    "[C",
    "[C\nC]",
    "%1",
    "%12",
    "%١٢",
    "BrCl",
    "Clr",
    "\x85\u2028",
    "é[é]é",
    "\0",
]
SMILES_LIKE = st.text(st.sampled_from("CNOBrlc1%23()[]=#+-@H/\\ \n.>é<"), max_size=30)


def by_the_library(texts, level, vocab_size=None, min_count=1) -> tokenizers.Tokenizer:
    made = pipeline(level, False, None)
    made.train_from_iterator(texts, trainer(level, vocab_size, min_count))
    return made


def same(texts, others, level, **limits) -> None:
    ours, theirs = Tokenizer.train(texts, level, **limits), by_the_library(texts, level, **limits)
    assert ours._split is not None
    for read in (json.loads(ours._inner.to_str()), json.loads(theirs.to_str())):
        read["added_tokens"] = []
        assert read["model"]["vocab"] == theirs.get_vocab()
        assert list(read["model"]["vocab"]) == sorted(theirs.get_vocab(), key=theirs.get_vocab().get)
    reference = Tokenizer(theirs)
    reference.__dict__["_split"] = None  # the library does it
    both = [*texts, *others]
    assert list(ours.encode_many(both)) == list(reference.encode_many(both))
    for text in both[:50]:
        assert ours.encode(text) == reference.encode(text)
        assert ours.tokens(text) == reference.tokens(text)


@pytest.mark.parametrize("level", list(SPLITS))
def test_odd_texts_are_cut_as_the_library_cuts_them(level):
    same(["CCO", "c1ccccc1[NH3+]", *ODD], ["Br", "xyz", *ODD], level)
    same(ODD, ["CCO"], level, vocab_size=9)
    same(["CCO", "OC"], ODD, level, min_count=3)


@pytest.mark.parametrize("level", list(SPLITS))
@settings(deadline=None, max_examples=60, derandomize=True)
@given(texts=st.lists(SMILES_LIKE | st.text(st.characters(exclude_categories=["Cs"]), max_size=8), max_size=6))
def test_any_text_is_cut_as_the_library_cuts_it(level, texts):
    same(texts[:3], texts[3:], level)


def test_other_pipelines_are_left_to_the_library(tmp_path):
    for level, lowercase, pattern in (
        ("word", False, None),
        ("smiles", True, None),
        ("char", True, None),
        ("bpe", False, None),
        ("regex", False, "[a-z]"),
    ):
        assert in_python(pipeline(level, lowercase, pattern)) is None, level
    made = Tokenizer.train(["CCl", "CO"], "smiles")
    made.save(tmp_path / "tokenizer.json")
    loaded = Tokenizer.load(tmp_path / "tokenizer.json")
    assert loaded._split is not None
    assert loaded.encode("ClCN") == made.encode("ClCN") == [5, 4, 3]


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"the development data are not at {SHARED}")
def test_molecules_are_cut_as_the_library_cuts_them():
    # All molecules with TOKENGAN_SLOW=1, some hundreds of each file without.
    folders = [SHARED / "organ-molecules", SHARED / "moses"]
    for path in sorted(path for folder in folders for path in folder.iterdir() if ".smi" in path.suffixes):
        with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
            wanted = 200_000 if os.environ.get("TOKENGAN_SLOW") else 300
            texts = [line.rstrip("\n") for line, _ in zip(file, range(wanted), strict=False)]
        half = len(texts) // 2
        same(texts[:half], texts[half:], "smiles")
