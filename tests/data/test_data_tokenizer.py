"""Tokenizers: golden tokenisations, round trips, special tokens out of reach, the same bytes every time."""

from __future__ import annotations

import json
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokengan.data.levels import LEVELS, SPECIAL_NAMES, Level
from tokengan.data.tokenizer import Tokenizer
from tokengan.errors import UserError

TEXTS = ["the cat sat on the mat .", "the dog sat .", "a cat and a dog ."]
GOLDEN = [
    ("word", "The  cat, sat", ["The", "cat,", "sat"]),
    ("char", "a b", ["a", " ", "b"]),
    ("char", "\u5c71\u6c34", ["\u5c71", "\u6c34"]),
    ("smiles", "C[C@@H](N)C(=O)O", ["C", "[C@@H]", "(", "N", ")", "C", "(", "=", "O", ")", "O"]),
    ("smiles", "Clc1ccc(Br)cc1", ["Cl", "c", "1", "c", "c", "c", "(", "Br", ")", "c", "c", "1"]),
    ("smiles", "C%12[nH]/C=C\\F", ["C", "%12", "[nH]", "/", "C", "=", "C", "\\", "F"]),
    ("smiles", "[Na+].[Cl-]", ["[Na+]", ".", "[Cl-]"]),
    ("bpe", "the cat", ["the", " cat"]),
]


def trained(level: Level, texts: list[str] = TEXTS, **settings: object) -> Tokenizer:
    pattern = r"\w+|\W" if level == "regex" else None
    return Tokenizer.train(texts, level, pattern=pattern, **settings)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(("level", "text", "tokens"), GOLDEN)
def test_golden_tokenisations(level, text, tokens):
    assert trained(level, [*TEXTS, *TEXTS]).tokens(text) == tokens


def test_the_levels_of_the_type_are_the_levels_there_are():
    assert get_args(Level) == LEVELS


def test_ids_follow_count_then_text():
    assert Tokenizer.train(["b a", "c a"]).vocabulary == [*SPECIAL_NAMES, "a", "b", "c"]


@pytest.mark.parametrize("level", LEVELS)
@settings(deadline=None, max_examples=30, derandomize=True)
@given(
    texts=st.lists(
        st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\n"), max_size=20), min_size=1
    )
)
def test_decode_gives_the_text_back(level, texts):
    tokenizer = trained(level, texts)
    for text in texts:
        ids = tokenizer.encode(text)
        if level == "word":
            assert tokenizer.decode(ids) == " ".join(tokenizer.tokens(text))
            assert tokenizer.encode(tokenizer.decode(ids)) == ids
        else:
            assert tokenizer.decode(ids) == text
        assert not {0, 1, 2, 3} & set(ids)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", ["<pad>", "<bos>", "<eos>", "<unk>"])
def test_pain_12_text_that_looks_like_a_special_token_is_text(level, name):
    for texts in (TEXTS, [*TEXTS, f"the {name} cat", name]):
        tokenizer = trained(level, texts)
        for text in (name, f"the {name} cat", f"\n{name}", f"{name}\n{name}"):
            assert not {0, 1, 2} & set(tokenizer.encode(text))
    assert tokenizer.decode(tokenizer.encode(f"the {name} cat")) == f"the {name} cat"
    assert 3 not in tokenizer.encode(name)


@pytest.mark.parametrize("level", LEVELS)
def test_pain_12_decode_stops_at_eos_and_skips_pad_and_bos(level):
    tokenizer = trained(level)
    ids = tokenizer.encode("the cat")
    assert tokenizer.decode([1, *ids, 2, *ids, 0]) == "the cat"
    assert tokenizer.decode([0, *ids, 0]) == "the cat"
    assert tokenizer.decode([2]) == ""


@pytest.mark.parametrize("level", LEVELS)
def test_pain_13_the_same_data_give_the_same_file_byte_for_byte(level, tmp_path):
    for name in ("a.json", "b.json"):
        trained(level, [f"{text} w{i % 37}" for i in range(300) for text in TEXTS]).save(tmp_path / name)
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


@pytest.mark.parametrize("level", LEVELS)
def test_pain_13_a_saved_vocabulary_is_readable_json_and_loads_alike(level, tmp_path):
    tokenizer = trained(level, lowercase=True)
    tokenizer.save(tmp_path / "tokenizer.json")
    vocabulary = json.loads((tmp_path / "tokenizer.json").read_text())["model"]["vocab"]
    assert [name.strip("\n") for name in sorted(vocabulary, key=vocabulary.__getitem__)][:4] == list(SPECIAL_NAMES)
    loaded = Tokenizer.load(tmp_path / "tokenizer.json")
    assert loaded.vocabulary == tokenizer.vocabulary
    for text in (*TEXTS, "The unseen zebra"):
        assert loaded.encode(text) == tokenizer.encode(text)
        assert loaded.tokens(text) == tokenizer.tokens(text)
        assert loaded.decode(loaded.encode(text)) == tokenizer.decode(tokenizer.encode(text))


@pytest.mark.parametrize(
    "content", [None, "", "{", "[]", '{"model": 1}', b"\xff\xfe", '{"version": "1.0", "model": {"type": "WordLevel"}}']
)
def test_pain_13_a_damaged_vocabulary_is_named(content, tmp_path):
    path = tmp_path / "tokenizer.json"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError, match=r"tokenizer\.json") as caught:
        Tokenizer.load(path)
    assert str(caught.value).isprintable()


def test_pain_13_a_tokenizer_of_other_special_ids_is_refused(tmp_path):
    trained("word").save(tmp_path / "tokenizer.json")
    path = tmp_path / "tokenizer.json"
    path.write_text(path.read_text().replace("<eos>", "</s>"))
    with pytest.raises(UserError, match="does not begin with the special tokens"):
        Tokenizer.load(path)


def test_vocab_size_and_min_count_bound_the_vocabulary():
    assert trained("word", vocab_size=6).vocabulary[4:] == [".", "the"]
    assert trained("word", min_count=3).vocabulary[4:] == [".", "the"]
    assert trained("word", min_count=3).encode("the dog .") == [5, 3, 4]
    assert len(trained("bpe", vocab_size=12)) == 12


@pytest.mark.parametrize(
    ("settings_", "said"),
    [
        ({"vocab_size": 4}, "vocab_size=4"),
        ({"min_count": 0}, "min_count=0"),
        ({"level": "words"}, "level=words"),
        ({"level": "regex"}, "pattern"),
        ({"pattern": "a"}, "pattern"),
        ({"level": "regex", "pattern": "("}, "not a regular expression"),
    ],
)
def test_settings_that_mean_nothing_are_refused(settings_, said):
    with pytest.raises(UserError, match=said):
        Tokenizer.train(TEXTS, **settings_)


def test_many_are_encoded_as_one():
    tokenizer = trained("bpe")
    assert list(tokenizer.encode_many(TEXTS)) == [tokenizer.encode(text) for text in TEXTS]
