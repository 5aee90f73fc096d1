"""Text to token ids and back, on top of the tokenizers library, saved as readable JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path

import tokenizers
from tokenizers import models

from tokengan.data.levels import BOS, EOS, PAD, SPECIAL, SPECIAL_NAMES, UNK, Level, pipeline, trainer
from tokengan.data.messages import brief, place
from tokengan.data.pieces import Split, in_python, vocabulary_of
from tokengan.data.write import atomic_write
from tokengan.errors import UserError

__all__ = ["Tokenizer"]

# Encodings hold far more than ids; a chunk of them at a time keeps a million lines in a small memory.
CHUNK = 10_000


class Tokenizer:
    """A trained tokenizer. Ids 0 to 3 are PAD, BOS, EOS and UNK, and no text can contain the first three.

    Args:
        inner: A pipeline of the tokenizers library, whose vocabulary begins with the four special tokens.

    >>> tokenizer = Tokenizer.train(["a cat sat", "a dog"], level="word")
    >>> tokenizer.vocabulary
    ['<pad>', '<bos>', '<eos>', '<unk>', 'a', 'cat', 'dog', 'sat']
    >>> tokenizer.encode("a dog barks"), tokenizer.decode([1, 4, 6, 2, 5, 0])
    ([4, 6, 3], 'a dog')
    """

    def __init__(self, inner: tokenizers.Tokenizer) -> None:
        self._inner = inner
        if [inner.id_to_token(i) for i in range(len(SPECIAL))] != list(SPECIAL):
            raise UserError(f"its vocabulary does not begin with the special tokens {', '.join(SPECIAL_NAMES)}")

    @classmethod
    def train(
        cls,
        texts: Iterable[str],
        level: Level = "word",
        *,
        lowercase: bool = False,
        vocab_size: int | None = None,
        min_count: int = 1,
        pattern: str | None = None,
    ) -> Tokenizer:
        """Make the vocabulary of some texts. The same texts give the same tokenizer, byte for byte.

        Args:
            texts: The training split, and nothing else.
            level: `word` (between blanks), `char`, `smiles` (atoms, bonds, brackets), `abc` (notes, bar lines), `bpe`
                (subwords), or `regex`.
            lowercase: Fold case first.
            vocab_size: Most ids to have, the four special ones too; None: all (`bpe`: 4,000).
            min_count: Rarer tokens become UNK.
            pattern: Regular expression of a token, for level `regex`; what it does not match is a token of its own.

        >>> Tokenizer.train(["CC(=O)Cl"], level="smiles").tokens("c1ccccc1[NH3+]Br")
        ['c', '1', 'c', 'c', 'c', 'c', 'c', '1', '[NH3+]', 'Br']
        """
        made, fill = pipeline(level, lowercase, pattern), trainer(level, vocab_size, min_count)
        split = in_python(made)
        if split is None:
            made.train_from_iterator(texts, fill)
        else:
            vocabulary = vocabulary_of(texts, split, vocab_size, min_count)
            made.model = models.WordLevel(vocab=vocabulary, unk_token=SPECIAL[UNK])
        state = json.loads(made.to_str())
        # The library would look for "added tokens" in raw text, ahead of the normaliser that keeps them out of it.
        state["added_tokens"] = []
        return cls(tokenizers.Tokenizer.from_str(json.dumps(state)))

    @cached_property
    def vocabulary(self) -> list[str]:
        """The token of each id, special tokens under their short names."""
        names: list[str] = [str(self._inner.id_to_token(i)) for i in range(self._inner.get_vocab_size())]
        return [*SPECIAL_NAMES, *names[len(SPECIAL_NAMES) :]]

    def __len__(self) -> int:
        return len(self.vocabulary)

    @cached_property
    def _split(self) -> Split | None:
        return in_python(self._inner)

    @cached_property
    def _ids(self) -> dict[str, int]:
        return self._inner.get_vocab()

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text, without BOS and EOS."""
        if self._split is not None:
            return [self._ids.get(piece, UNK) for piece in self._split(text)]
        return self._inner.encode(text, add_special_tokens=False).ids

    def encode_many(self, texts: Iterable[str]) -> Iterator[list[int]]:
        """Yield the ids of each text, as `encode` does; on all cores where the library does it."""
        if self._split is not None:
            yield from map(self.encode, texts)
            return
        rest = iter(texts)
        while chunk := list(islice(rest, CHUNK)):
            for encoding in self._inner.encode_batch(chunk, add_special_tokens=False):
                yield encoding.ids

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of ids up to the first EOS, without PAD and BOS; UNK is written `<unk>`."""
        kept: list[str] = []
        for i in ids:
            if i == EOS:
                break
            if i not in (PAD, BOS):
                kept.append(self.vocabulary[i])
        return (" " if self._inner.decoder is None else "").join(kept)

    def tokens(self, text: str) -> list[str]:
        """Return the tokens of a text as they are in it, those outside the vocabulary too (in subwords: `<unk>`)."""
        if self._split is not None:
            return self._split(text)
        normalizer, splitter = self._inner.normalizer, self._inner.pre_tokenizer
        if isinstance(self._inner.model, models.BPE) or normalizer is None or splitter is None:
            return [self.vocabulary[i] for i in self.encode(text)]
        return [piece for piece, _ in splitter.pre_tokenize_str(normalizer.normalize_str(text))]

    def save(self, path: Path | str) -> None:
        """Write the tokenizer as indented JSON, in the tokenizers library's own format."""
        atomic_write(path, self._inner.to_str(pretty=True) + "\n")

    @classmethod
    def load(cls, path: Path | str) -> Tokenizer:
        """Read what `save` wrote. Raises UserError naming the file for anything else."""
        try:
            return cls(tokenizers.Tokenizer.from_str(Path(path).read_text(encoding="utf-8")))
        except OSError as error:
            raise UserError(
                f"{place(path)} cannot be read ({error.strerror}): a run keeps its tokenizer.json"
            ) from None
        except Exception as error:  # the Rust library raises nothing narrower
            raise UserError(
                f"{place(path)} is not a tokenizer saved by tokengan ({brief(error, 120)}): take the tokenizer.json of "
                "a run, whole"
            ) from None
