"""The real sentences that a generated one is compared with, as token ids.

Axes: S sentences, R references.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tokengan.errors import UserError
from tokengan.rewards.overlap import Ints, Padded, padded
from tokengan.sequences import Sequences

__all__ = ["Compared", "References"]

COLUMN = "references"
END = 0  # the id of EOS where ids are those of words


@dataclass(frozen=True)
class Compared:
    """Sentences and what each is compared with.

    Args:
        sentences: The generated sentences.
        family: Which family of references each is compared with [S].
        references: The references of all families.
        owner: The family of each reference [R], ascending.
        shared: Whether all sentences share one family, the same at every call.
    """

    sentences: Padded
    family: Ints
    references: Padded
    owner: Ints
    shared: bool


@dataclass
class References:
    """Finds the references: a row's own (`columns["references"]`, a text or several), else some training sentences.

    Own references are texts, cut into the words that text metrics count. Training sentences are compared as the task's
    own token ids, without decoding anything.

    Args:
        count: Training sentences to draw, None for all.
        seed: Seed of that draw.
        end: Whether EOS counts as a word.
    """

    count: int | None
    seed: int = 0
    end: bool = False
    _drawn: tuple[Any, Padded] | None = None
    _words: dict[str, int] = field(default_factory=dict)

    def compare(self, x: Sequences, players: Any) -> Compared:
        """Return the rows beside what each is compared with."""
        task = players.task
        if COLUMN not in x.columns:
            return Compared(
                self._ids(x, task), np.zeros(len(x), np.int64), drawn := self._shared(task), _zeros(drawn), True
            )
        families = {entry: i for i, entry in enumerate(dict.fromkeys(map(_texts, x.columns[COLUMN])))}
        owner = np.array([i for texts, i in families.items() for _ in texts], np.int64)
        words = dict(self._words)
        return Compared(
            self._in_words(x, task, words),
            np.array([families[_texts(entry)] for entry in x.columns[COLUMN]], np.int64),
            self._of_texts((text for texts in families for text in texts), task, words),
            owner,
            False,
        )

    def documents(self, x: Sequences, players: Any) -> tuple[Padded, Ints]:
        """Return all training references in the ids that `compare` gives for x, and the training row of each."""
        task, train = players.task, players.task.train
        if COLUMN not in x.columns:
            return self._ids(train, task), np.arange(len(train))
        if COLUMN not in train.columns:
            return self._in_words(train, task, self._words), np.arange(len(train))
        entries = [_texts(entry) for entry in train.columns[COLUMN]]
        texts = (text for entry in entries for text in entry)
        return self._of_texts(texts, task, self._words), np.repeat(np.arange(len(entries)), [len(e) for e in entries])

    def _shared(self, task: Any) -> Padded:
        # The task itself is kept: the id of one that is gone may be that of the next.
        if self._drawn is None or self._drawn[0] is not task:
            rows = np.arange(len(task.train))
            if self.count is not None and self.count < len(rows):
                rows = np.sort(np.random.default_rng(self.seed).choice(len(rows), self.count, replace=False))
            every = self._ids(task.train, task)
            self._drawn = task, Padded(every.tokens[rows], every.lengths[rows])
        return self._drawn[1]

    def _ids(self, x: Sequences, task: Any) -> Padded:
        return Padded(x.tokens.cpu().numpy(), (x.lengths - self._without(x, task)).cpu().numpy())

    def _without(self, x: Sequences, task: Any) -> Any:
        """Return the EOS that are not counted, 0 or 1 for each row."""
        return 0 if self.end or task.spec.end is None else _ended(x, task).long()

    def _in_words(self, x: Sequences, task: Any, words: dict[str, int]) -> Padded:
        cut = ([_number(word, words) for word in task.cut(text)] for text in task.decode(x))
        ended = [False] * len(x) if not self.end or task.spec.end is None else _ended(x, task).tolist()
        return padded([row + [END] * end for row, end in zip(cut, ended, strict=True)])

    def _of_texts(self, texts: Iterable[str], task: Any, words: dict[str, int]) -> Padded:
        ending = [END] * (self.end and task.spec.end is not None)
        return padded([[_number(word, words) for word in task.cut(text)] + ending for text in texts])


def _ended(x: Sequences, task: Any) -> Any:
    return ((x.tokens == task.spec.end) & x.mask).any(1)


def _number(word: str, words: dict[str, int]) -> int:
    return words.setdefault(word, len(words) + 1)


def _zeros(references: Padded) -> Ints:
    return np.zeros(len(references.lengths), np.int64)


def _texts(entry: Any) -> tuple[str, ...]:
    texts = (entry,) if isinstance(entry, str) else tuple(entry) if isinstance(entry, list | tuple) else ()
    if not texts or not all(isinstance(text, str) for text in texts):
        raise UserError(f"the column '{COLUMN}' holds {entry!r}: each row needs a text, or a list of at least one")
    return texts
