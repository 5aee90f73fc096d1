"""Real sequences as read: texts with the line each stood in and the other columns of its row."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

__all__ = ["Lines", "one_line", "text_digest"]


def one_line(text: str) -> str:
    r"""Return the text without outer blanks and with inner line breaks as blanks, so that it fits a line of a file.

    >>> one_line(" to be\r\nor not \u2028 to be\n")
    'to be or not   to be'
    """
    return " ".join(text.splitlines()).strip()


def text_digest(texts: Iterable[str]) -> str:
    r"""Return the sha256 of texts, one a line: what a file of them would have.

    >>> text_digest(["a", "b"]) == hashlib.sha256(b"a\nb\n").hexdigest()
    True
    """
    digest = hashlib.sha256()
    for text in texts:
        digest.update(f"{text}\n".encode())
    return digest.hexdigest()


@dataclass(frozen=True)
class Lines:
    """The non-blank lines of one file, or the texts of one split.

    Args:
        name: Where they were read, for messages and the report.
        texts: One sequence each.
        numbers: The line each stood in, from 1.
        columns: The other columns of the source, one entry a text.
        read: Lines or rows read, blank ones too, a header not.
        blank: How many of them were blank.
        sha256: Digest of the file as it is on the disk; of the texts where there is no file.

    >>> lines = Lines("my.txt", ["a", "b"], [1, 3], {"label": ["x", "y"]}, read=3, blank=1)
    >>> lines.take([1]).texts, lines.take([1]).numbers, lines.take([1]).columns
    (['b'], [3], {'label': ['y']})
    """

    name: str
    texts: list[str]
    numbers: list[int]
    columns: Mapping[str, list[Any]] = field(default_factory=dict)
    read: int = 0
    blank: int = 0
    sha256: str = ""

    def __len__(self) -> int:
        return len(self.texts)

    def with_blanks(self) -> list[str]:
        """Return the texts and then the blank ones: of samples a blank one is a sequence too, wherever it stood.

        >>> Lines("my.csv", ["a b"], [2], read=2, blank=1).with_blanks()
        ['a b', '']
        """
        return [*self.texts, *[""] * self.blank]

    def take(self, index: Sequence[int]) -> Lines:
        """Return the texts at some places, with everything that belongs to them."""
        return replace(
            self,
            texts=[self.texts[i] for i in index],
            numbers=[self.numbers[i] for i in index],
            columns={name: [values[i] for i in index] for name, values in self.columns.items()},
        )
