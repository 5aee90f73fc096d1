"""What a token is: the pipelines from text to pieces, one for each level."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, cast

import tokenizers
from tokenizers import Regex, decoders, models, normalizers, pre_tokenizers, trainers

from tokengan.errors import UserError, nearest
from tokengan.music.tokens import ABC

__all__ = [
    "BOS",
    "EOS",
    "LEVELS",
    "PAD",
    "SMILES",
    "SPECIAL",
    "SPECIAL_NAMES",
    "UNK",
    "Level",
    "pipeline",
    "text_key",
    "trainer",
]

Level = Literal["word", "char", "smiles", "abc", "bpe", "regex"]
LEVELS = ("word", "char", "smiles", "abc", "bpe", "regex")

PAD, BOS, EOS, UNK = range(4)
SPECIAL_NAMES = ("<pad>", "<bos>", "<eos>", "<unk>")
# In the vocabulary each begins with a line break, which no normalised text contains: a text that holds the letters
# "<eos>" (many published corpora hold "<unk>") gets tokens like any other text and can never end a sequence.
SPECIAL = tuple(f"\n{name}" for name in SPECIAL_NAMES)

# Atoms, bonds, ring closures and branches, as in Schwaller et al. 2018 (doi 10.1039/C8SC02339E); the last alternative
# keeps anything else, one character at a time.
SMILES = r"\[[^\]]+\]|Br|Cl|%\d{2}|[BCNOPSFIbcnops]|[0-9]|>>|[=#$:/\\.\-+()~@?*>]|."
# Subwords do not cross words or punctuation; a blank belongs to the word behind it, so joining gives the text back.
SUBWORD = r" ?[^\s\p{P}]+| ?\p{P}+|\s+"
BPE_DEFAULT_SIZE = 4000
NO_LIMIT = 2**31


def _normalizer(level: Level, lowercase: bool) -> normalizers.Normalizer:
    steps: list[normalizers.Normalizer] = [normalizers.Replace("\n", " ")]
    if level == "word":
        steps += [normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip()]
    if lowercase:
        steps.append(normalizers.Lowercase())
    return normalizers.Sequence(steps)


def text_key(level: Level, lowercase: bool = False) -> Callable[[str], str]:
    """Return the function that gives two texts the same key where the tokenizer gives them the same tokens.

    >>> key = text_key("word", lowercase=True)
    >>> key("A  cat") == key("a cat")
    True
    """
    return _normalizer(level, lowercase).normalize_str


def _pieces(level: Level, pattern: str | None) -> pre_tokenizers.PreTokenizer:
    if (level == "regex") != (pattern is not None):
        raise UserError(
            "pattern is the regular expression of a token and goes with level=regex, and level=regex with it"
        )
    if level == "word":
        return pre_tokenizers.WhitespaceSplit()
    expression = {"char": r"[\s\S]", "smiles": SMILES, "abc": ABC, "bpe": SUBWORD}.get(level, pattern)
    try:
        return pre_tokenizers.Split(Regex(cast("str", expression)), "isolated")
    except Exception as error:  # the Rust library raises nothing narrower
        raise UserError(f"pattern={pattern!r} is not a regular expression ({error}): mend it") from None


def pipeline(level: Level, lowercase: bool, pattern: str | None) -> tokenizers.Tokenizer:
    """Return an untrained tokenizer: normaliser, pieces, an empty model and how pieces are joined again."""
    if level not in LEVELS:
        raise UserError(f"level={level} is not there{nearest(level, LEVELS)}: choose one of {', '.join(LEVELS)}")
    model = models.BPE(unk_token=SPECIAL[UNK]) if level == "bpe" else models.WordLevel(vocab={}, unk_token=SPECIAL[UNK])
    made = tokenizers.Tokenizer(model)
    made.normalizer = _normalizer(level, lowercase)  # pyright: ignore[reportAttributeAccessIssue]
    made.pre_tokenizer = _pieces(level, pattern)  # pyright: ignore[reportAttributeAccessIssue]
    if level != "word":  # without a decoder pieces are joined by blanks
        made.decoder = decoders.Fuse()  # pyright: ignore[reportAttributeAccessIssue]
    return made


def trainer(level: Level, vocab_size: int | None, min_count: int) -> trainers.Trainer:
    """Return what fills the vocabulary: the most frequent first, ties in the order of their characters."""
    if vocab_size is not None and vocab_size <= len(SPECIAL):
        raise UserError(f"vocab_size={vocab_size} leaves no word beside the {len(SPECIAL)} special tokens: raise it")
    if min_count < 1:
        raise UserError(f"min_count={min_count} is no count: give 1 to keep every word, or more")
    special = list(SPECIAL)
    if level != "bpe":
        return trainers.WordLevelTrainer(
            vocab_size=vocab_size or NO_LIMIT, min_frequency=min_count, special_tokens=special, show_progress=False
        )
    size = vocab_size or BPE_DEFAULT_SIZE
    return trainers.BpeTrainer(
        vocab_size=size,
        # A pair seen once is no subword; it would only memorise the line that it stands in.
        min_frequency=max(2, min_count),
        limit_alphabet=size - len(special),
        special_tokens=special,
        show_progress=False,
    )
