"""Sequences of a file, a folder, a built-in name or a hub id: the task of training on one's own data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tokengan.data.codec import TextCodec, batch
from tokengan.data.levels import BOS, EOS, PAD, UNK, Level, pipeline, text_key, trainer
from tokengan.data.lines import Lines
from tokengan.data.messages import place
from tokengan.data.read import Reader
from tokengan.data.records import Column
from tokengan.data.report import Encoded, corpus_report
from tokengan.data.source import Corpus, Part, load
from tokengan.data.stream import MAX_LINE_BYTES
from tokengan.data.tokenizer import Tokenizer
from tokengan.errors import UserError
from tokengan.sequences import Sequences
from tokengan.spec import Spec
from tokengan.tasks.base import Task

__all__ = ["TextTask"]

# Roll-outs cost the square of the length, and a generator writes up to the longest line: one line of a thousand tokens
# must not decide that. Above this the user does, with max_length.
DEFAULT_LONGEST = 256


class TextTask(Task):
    """Real sequences, with a tokenizer trained on the training split alone.

    Args:
        source: What `tokengan.data.source.load` reads: a file, a folder, a built-in name or a hub id.
        column: Column of a `.csv`, `.tsv`, `.jsonl` or hub data set: its name, or its number where there is no header.
        level: What a token is: `word`, `char`, `smiles`, `abc`, `bpe`, or `regex` with `pattern`.
        lowercase: Fold case.
        vocab_size: Most ids to have, the four special ones too; None: all (`bpe`: 4,000).
        min_count: Rarer tokens become UNK.
        pattern: Regular expression of a token, for level `regex`.
        drop_unknown: Drop the sequences that hold a token outside the vocabulary, as the published EMNLP and COCO sets
            do, so that a generator never learns to write `<unk>`.
        max_length: Longer sequences are dropped, EOS counted. None: the longest there is, up to 256.
        valid, test: A file, or the share (below 1) or number of distinct lines to cut from the training data.
        split_seed: Decides which lines are cut.
        max_lines: Read only so many lines of each file, from the top.
        max_line_bytes: A longer line is an error.

    >>> task = TextTask("emoji", max_length=6)
    >>> task.spec.end, task.train.length, sorted(task.report["splits"])
    (2, 6, ['test', 'train', 'valid'])
    >>> task.decode(task.encode(["red heart"]))
    ['red heart']
    """

    def __init__(
        self,
        source: str,
        *,
        column: Column = None,
        level: Level = "word",
        lowercase: bool = False,
        vocab_size: int | None = None,
        min_count: int = 1,
        pattern: str | None = None,
        drop_unknown: bool = False,
        max_length: int | None = None,
        valid: Part = 0.1,
        test: Part = 0.1,
        split_seed: int = 0,
        max_lines: int | None = None,
        max_line_bytes: int = MAX_LINE_BYTES,
    ) -> None:
        if max_length is not None and max_length < 2:
            raise UserError(f"max_length={max_length} has no room for a token and its EOS: give 2 or more")
        # Built here once for their checks: a wrong setting is told before a large file is read.
        pipeline(level, lowercase, pattern)
        trainer(level, vocab_size, min_count)
        key = text_key(level, lowercase)
        corpus = self.read(
            source,
            column,
            valid=valid,
            test=test,
            split_seed=split_seed,
            key=key,
            max_lines=max_lines,
            max_line_bytes=max_line_bytes,
            reader=self.reader(),
        )
        splits = {name: self.arrange(lines) for name, lines in corpus.splits.items()}
        self.name = str(source)
        # A subword is the model's own unit, not the reader's: n-gram metrics count words there.
        self.tokens = "word" if level == "bpe" else level
        self.tokenizer = Tokenizer.train(
            self.learned(splits["train"]),
            level,
            lowercase=lowercase,
            vocab_size=vocab_size,
            min_count=min_count,
            pattern=pattern,
        )
        rows = {name: list(self.tokenizer.encode_many(lines.texts)) for name, lines in splits.items()}
        longest = max(len(row) for split in rows.values() for row in split) + 1
        limit = max_length or min(longest, DEFAULT_LONGEST)
        parts = {name: self.sift(lines, rows[name], limit, drop_unknown) for name, lines in splits.items()}
        for name, part in parts.items():
            _check_left(name, part, longest, limit)

        batches = {name: self.batch(part) for name, part in parts.items()}
        self.train, self.valid, self.test = (batches[name] for name in ("train", "valid", "test"))
        self.spec = Spec(
            vocab_size=len(self.tokenizer),
            max_length=max(split.length for split in batches.values()),
            start=BOS,
            end=EOS,
            pad=PAD,
            unk=UNK,
            condition=self.sizes(batches.values()),
        )
        self.codec = TextCodec(self.tokenizer, self.spec)
        self.report = corpus_report(str(source), corpus.cut, parts, key, self.tokenizer.vocabulary) | {
            "level": level,
            "lowercase": lowercase,
            "min_count": min_count,
            "max_length": self.spec.max_length,
            "max_lines": max_lines,
            "split_seed": split_seed,
        }
        if any(lines.read == max_lines for lines in splits.values()):
            self.report["notes"].append(f"only the first {max_lines:,} lines of a file were read (max_lines)")

    def read(self, source: str, column: Column, **how: Any) -> Corpus:
        """Return the splits of a source, read as the task reads it; `how` is what `load` takes."""
        return load(source, column, prepare=self.prepare, **how)

    def prepare(self, lines: Lines) -> Lines:
        """Return the texts of a source as they are learned, before any is held out; here as they were read."""
        return lines

    def reader(self) -> Reader | None:
        """Return how the rows of files are read, None for the way that a file's ending tells."""
        return None

    def arrange(self, lines: Lines) -> Lines:
        """Return a split as it is learned, after parts were cut; here as it is."""
        return lines

    def learned(self, lines: Lines) -> Iterable[str]:
        """Return the texts of the training split that the tokenizer is trained on."""
        return lines.texts

    def sift(self, lines: Lines, rows: Sequence[Sequence[int]], limit: int, drop_unknown: bool) -> Encoded:
        """Sort the texts of a split into those that stay and those that do not, by reason."""
        kept: list[int] = []
        dropped: dict[str, list[int]] = {"empty": [], "too_long": [], "unknown": []}
        for place_, row in enumerate(rows):
            if not row:
                dropped["empty"].append(place_)
            elif len(row) >= limit:
                dropped["too_long"].append(place_)
            elif drop_unknown and UNK in row:
                dropped["unknown"].append(place_)
            else:
                kept.append(place_)
        return Encoded(lines, rows, kept, dropped)

    def batch(self, part: Encoded) -> Sequences:
        """Return the texts of a split that stay as a batch, with their columns."""
        kept = part.lines.take(part.kept)
        return batch([part.rows[i] for i in part.kept], kept.columns)

    def sizes(self, batches: Iterable[Sequences]) -> dict[str, int] | None:
        """Return the sizes of the conditions, None where the sequences have none."""
        del batches
        return None

    def decode(self, x: Sequences) -> list[str]:
        """Return each row as text, up to its first EOS."""
        return self.codec.decode(x)

    def encode(self, texts: Iterable[str]) -> Sequences:
        """Return texts as a batch. Raises UserError naming the first that is longer than `spec.max_length`."""
        return self.codec.encode(texts)

    def cut(self, text: str) -> list[str]:
        """Return the tokens that text metrics count: the task's own, or words where those are subwords."""
        return text.split() if self.tokens == "word" else self.tokenizer.tokens(text)

    def save(self, folder: Path) -> None:
        """Write `spec.json` and `tokenizer.json`, from which `TextCodec.load` decodes without the data."""
        self.codec.save(folder)

    def restore(self, folder: Path) -> None:
        """Read what `save` wrote."""
        self.codec = TextCodec.load(folder)
        self.tokenizer, self.spec = self.codec.tokenizer, self.codec.spec


def _check_left(name: str, part: Encoded, longest: int, limit: int) -> None:
    if part.kept:
        return
    counts = ", ".join(
        f"{len(places):,} {reason.replace('_', ' ')}" for reason, places in part.dropped.items() if places
    )
    raise UserError(
        f"{place(part.lines.name)}: no sequence is left for {name} ({counts}); the longest has {longest} tokens with "
        f"EOS, max_length is {limit}: raise max_length or vocab_size, lower min_count, or give another level"
    )
