"""Texts to batches and back: all that a generator needs to write without the data it was trained on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tokengan.data.levels import EOS, PAD
from tokengan.data.messages import brief, place
from tokengan.data.tokenizer import Tokenizer
from tokengan.data.write import atomic_write
from tokengan.errors import UserError
from tokengan.sequences import Sequences, pad_lists
from tokengan.spec import Spec

__all__ = ["TextCodec", "batch"]


def batch(rows: Sequence[Sequence[int]], columns: Mapping[str, list[Any]] | None = None) -> Sequences:
    """Return rows of ids as a batch [B,T], EOS behind each, the mask up to and including it.

    >>> x = batch([[5, 6], [7]])
    >>> x.tokens.tolist(), x.mask.int().tolist()
    ([[5, 6, 2], [7, 2, 0]], [[1, 1, 1], [1, 1, 0]])
    """
    tokens, mask = pad_lists([[*row, EOS] for row in rows], PAD)
    return Sequences(tokens, mask, columns=columns or {})


class TextCodec:
    """A tokenizer and the sizes that a run was trained with.

    >>> from tokengan.spec import Spec
    >>> codec = TextCodec(Tokenizer.train(["a b"]), Spec(vocab_size=6, max_length=3, start=1, end=2, pad=0, unk=3))
    >>> codec.decode(codec.encode(["b a", "a"]))
    ['b a', 'a']
    >>> codec.encode(["a", "a a a"])
    Traceback (most recent call last):
    ...
    tokengan.errors.UserError: text 2, 'a a a', has 4 tokens with EOS, at most 3 fit: shorten it or leave it out
    """

    def __init__(self, tokenizer: Tokenizer, spec: Spec) -> None:
        self.tokenizer = tokenizer
        self.spec = spec

    def encode(self, texts: Iterable[str], limit: int | None = None, what: str = "text") -> Sequences:
        """Return texts as a batch. Raises UserError naming the first, counted from 1, that is too long.

        Args:
            texts: The texts.
            limit: Most tokens, EOS counted; None for `spec.max_length`.
            what: What they are called in the message.
        """
        limit = limit or self.spec.max_length
        texts = list(texts)
        rows = list(self.tokenizer.encode_many(texts))
        for number, (text, row) in enumerate(zip(texts, rows, strict=True), 1):
            if len(row) >= limit:
                raise UserError(
                    f"{what} {number}, '{brief(text)}', has {len(row) + 1} tokens with EOS, at most {limit} fit: "
                    "shorten it or leave it out"
                )
        return batch(rows)

    def decode(self, x: Sequences) -> list[str]:
        """Return the rows of a batch as text, each up to its first EOS."""
        return [self.tokenizer.decode(row) for row in x.tokens.tolist()]

    def save(self, folder: Path | str) -> None:
        """Write `tokenizer.json` and `spec.json` into a folder that is there."""
        self.tokenizer.save(Path(folder, "tokenizer.json"))
        atomic_write(Path(folder, "spec.json"), self.spec.to_json() + "\n")

    @classmethod
    def load(cls, folder: Path | str) -> TextCodec:
        """Read what `save` wrote. Raises UserError naming the file that is not there or not whole."""
        path = Path(folder, "spec.json")
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"{place(path)} cannot be read ({brief(error, 80)}): give the folder of a run") from None
        spec = Spec.from_json(text)
        tokenizer = Tokenizer.load(Path(folder, "tokenizer.json"))
        if len(tokenizer) != spec.vocab_size:
            raise UserError(
                f"{place(folder)}: tokenizer.json has {len(tokenizer)} tokens, spec.json says {spec.vocab_size}: they "
                "are not of one run; take both from the same"
            )
        return cls(tokenizer, spec)
