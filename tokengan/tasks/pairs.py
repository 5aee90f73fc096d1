"""Two texts a row: a source to write for, and the target to be written (translation, dialogue, data to text)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations, zip_longest
from pathlib import Path
from typing import Any

from tokengan.data.builtin import TARGET
from tokengan.data.chatter import neighbours
from tokengan.data.codec import batch
from tokengan.data.lines import Lines, one_line, text_digest
from tokengan.data.messages import brief, place
from tokengan.data.read import FORMATS, Reader, known_format
from tokengan.data.records import Column, Row, find_column, text_value
from tokengan.data.report import Encoded, length_figures
from tokengan.data.stream import text_lines
from tokengan.errors import UserError
from tokengan.generators.base import Condition
from tokengan.generators.source import SOURCE
from tokengan.sequences import Sequences
from tokengan.tasks.text import DEFAULT_LONGEST, TextTask

__all__ = ["PairsTask"]


@dataclass(frozen=True)
class EncodedPairs(Encoded):
    """A split whose every text was written for a source, the ids of which are in `sources`."""

    sources: Sequence[Sequence[int]]

    def distinct(self, key: Any) -> set[str]:
        """Return the different pairs that stay."""
        sources = self.lines.columns[SOURCE]
        return {f"{key(sources[i])}\n{key(self.lines.texts[i])}" for i in self.kept}

    def further(self) -> dict[str, Any]:
        """Return how long the sources are."""
        return {"source_length": length_figures([self.sources[i] for i in self.kept])}


class PairsTask(TextTask):
    """Targets to be written for sources: `train.condition["source"]` is a batch of them, with its mask.

    One tokenizer, trained on both columns of the training split. Parts are cut by source: no source that is held out
    was seen in training, whatever its targets.

    Args:
        source: What `TextTask` reads, with two columns; built in are names of emoji in two languages (`emoji:en-de`)
            and messages with replies (`chatterbot`).
        column: Column of the source text, as in `TextTask`.
        target: Column of the target text: its name, or its number where there is no header; None where one is left.
        turns: Each line is a dialogue, its turns separated by TABs: every turn is the source of the next one.
        targets: A file of plain lines whose line N is the target of line N of `source`, itself plain lines then, as
            corpora of translation come (`train.en` and `train.de`).
        max_source: Pairs with a longer source are dropped, EOS counted. None: up to 256.
        settings: Those of `TextTask`.

    >>> task = PairsTask("emoji:en-de", max_length=8)
    >>> x = task.train.select(slice(0, 2))
    >>> task.decode(x.condition["source"]), task.decode(x)
    (['1st place medal', '2nd place medal'], ['goldmedaille', 'silbermedaille'])
    >>> task.spec.condition["source"] == max(task.asked(1, source=["red heart"])["source"].length, 12)
    True
    """

    def __init__(
        self,
        source: str = "emoji:en-de",
        *,
        column: Column = None,
        target: Column = None,
        turns: bool = False,
        targets: str | None = None,
        max_source: int | None = None,
        **settings: Any,
    ) -> None:
        if max_source is not None and max_source < 2:
            raise UserError(f"max_source={max_source} has no room for a token and its EOS: give 2 or more")
        if targets is not None and (turns or column is not None or target is not None):
            raise UserError(
                f"targets={brief(targets, 60)} goes with a source of plain lines: leave out turns, column and target"
            )
        self._target, self._turns, self._longest_source = target, turns, max_source or DEFAULT_LONGEST
        self._targets = None if targets is None else Path(targets)
        super().__init__(source, column=column, **settings)
        self.report["max_source"] = (self.spec.condition or {})[SOURCE]
        seen = {name: set(getattr(self, name).columns[SOURCE]) for name in self.report["splits"]}
        shared = {(one, other): len(seen[one] & seen[other]) for one, other in combinations(seen, 2)}
        self.report["shared_sources"] = {f"{one}+{other}": count for (one, other), count in shared.items()}
        notes = (f"{one} and {other} share {count:,} sources" for (one, other), count in shared.items() if count)
        self.report["notes"] += notes

    def reader(self) -> Reader:
        """Return what reads a file of pairs: a table, a dialogue a line, or two files line by line."""
        if self._targets is not None:
            return partial(_line_rows, self._targets)
        return _turn_rows if self._turns else _pair_rows

    def arrange(self, lines: Lines) -> Lines:
        """Return a split with the targets as its texts and the sources as a column."""
        others = dict(lines.columns)
        asked = None if self._target is None else str(self._target)
        chosen = TARGET if asked is None and TARGET in others else None
        if not others:
            raise UserError(f"{place(lines.name)} has one column: a pair is a source and a target, in two columns")
        chosen = chosen or find_column(lines.name, list(others), asked, "target")
        values = zip(lines.numbers, others.pop(chosen), strict=True)
        texts = [one_line(text_value(value, lines.name, number, chosen)) for number, value in values]
        # A file of targets is data too: what tells that data have changed must read both.
        digest = lines.sha256 if self._targets is None else text_digest([*lines.texts, *texts])
        return replace(lines, texts=texts, columns={**others, SOURCE: lines.texts, TARGET: texts}, sha256=digest)

    def learned(self, lines: Lines) -> Iterable[str]:
        """Return both columns."""
        return [*lines.columns[SOURCE], *lines.texts]

    def sift(self, lines: Lines, rows: Sequence[Sequence[int]], limit: int, drop_unknown: bool) -> Encoded:
        """Sort the pairs of a split, those with too long a source out too."""
        part = super().sift(lines, rows, limit, drop_unknown)
        sources = list(self.tokenizer.encode_many(lines.columns[SOURCE]))
        long = [i for i in part.kept if len(sources[i]) >= self._longest_source]
        kept = sorted(set(part.kept) - set(long))
        return EncodedPairs(lines, rows, kept, {**part.dropped, "source_too_long": long}, sources)

    def batch(self, part: Encoded) -> Sequences:
        """Return the targets of a split, with their sources as the condition."""
        assert isinstance(part, EncodedPairs)
        return super().batch(part).replace(condition={SOURCE: batch([part.sources[i] for i in part.kept])})

    def sizes(self, batches: Iterable[Sequences]) -> dict[str, int]:
        """Return the length of the longest source."""
        return {SOURCE: max(x.condition[SOURCE].length for x in batches)}

    def encode(self, texts: Iterable[str]) -> Sequences:
        """Return pairs as a batch, each given as source TAB target. Raises UserError naming the first that is none."""
        pairs = [text.partition("\t") for text in texts]
        for number, (source, tab, target) in enumerate(pairs, 1):
            if not tab or not target.strip():
                raise UserError(f"text {number}, '{brief(source)}', is no pair: write its source, a TAB and its target")
        x = self.codec.encode([target for _, _, target in pairs])
        return x.replace(condition=self.asked(len(pairs), source=[source for source, _, _ in pairs]))

    def shown(self, x: Sequences) -> list[str]:
        """Return each row behind its source and a tab."""
        sources = self.decode(x.condition[SOURCE])
        return [f"{source}\t{text}" for source, text in zip(sources, self.decode(x), strict=True)]

    def asked(self, rows: int, source: Sequence[str] | None = None, **conditions: Any) -> Condition:
        """Return the sources that a user asks to write for, one for each text; nothing where there are none.

        Raises UserError naming the first that is empty or longer than what the run was trained on.
        """
        super().asked(rows, **conditions)
        if source is None:
            return {}
        if isinstance(source, str) or len(source) != rows:
            given = 1 if isinstance(source, str) else len(source)
            raise UserError(f"there are {given} sources for {rows} texts: give one for each")
        for number, text in enumerate(source, 1):
            if not isinstance(text, str) or not text.strip():
                raise UserError(f"source {number} is empty: there is nothing to write for; take it out or fill it")
        return {SOURCE: self.codec.encode(source, (self.spec.condition or {})[SOURCE], "source")}


def _pair_rows(path: Path, column: Column, max_line_bytes: int) -> Iterator[Row]:
    """Yield the rows of a table. Raises UserError for one that has something to write and nothing to write for."""
    for number, text, others in FORMATS[known_format(path)](path, column, max_line_bytes):
        if others and not text.strip() and any(str(value or "").strip() for value in others.values()):
            raise UserError(f"{place(path, number)} has an empty source: fill it, or take the row out")
        yield number, text, others


def _line_rows(targets: Path, path: Path, column: Column, max_line_bytes: int) -> Iterator[Row]:
    """Yield line N of one file with line N of another. Raises UserError for a line that has no partner."""
    if not targets.is_file():
        raise UserError(f"{place(targets)}, the file of targets, is not there: check the path")
    both = zip_longest(text_lines(path, max_line_bytes), text_lines(targets, max_line_bytes))
    for row, (one, other) in enumerate(both, 1):
        if one is None or other is None:
            short, long = (path, targets) if one is None else (targets, path)
            raise UserError(
                f"{place(long, row)} has no partner: {place(short)} ends at line {row - 1:,}. Line N of one is the "
                "source of line N of the other, so both have as many lines"
            )
        if bool(one[1].strip()) != bool(other[1].strip()):
            empty, full = (path, targets) if not one[1].strip() else (targets, path)
            raise UserError(f"{place(empty, row)} is empty and {place(full, row)} is not: fill it, or take out both")
        yield row, one[1], {TARGET: other[1]}


def _turn_rows(path: Path, column: Column, max_line_bytes: int) -> Iterator[Row]:
    """Yield the pairs of neighbouring turns of dialogues."""
    if column is not None:
        raise UserError(f"{place(path)} is read as dialogues (turns=true), which have no columns: leave out column")
    known_format(path)
    for number, text in text_lines(path, max_line_bytes):
        for message, reply in neighbours(text.split("\t")):
            yield number, message, {TARGET: reply}
