"""What `evaluate` does with files: columns of tables in, a report and a picture out."""

from __future__ import annotations

import shlex
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tokengan.errors import UserError

if TYPE_CHECKING:
    from tokengan.data.lines import Lines
    from tokengan.figure import Figure

__all__ = ["Texts", "read_texts", "text_arguments", "write_files"]

TABLES = (".csv", ".tsv", ".jsonl")


@dataclass(frozen=True)
class Texts:
    """The samples, the reference and the training text, as they were read."""

    samples: Lines
    reference: Lines | None = None
    train: Lines | None = None

    def lists(self) -> tuple[list[str], list[str] | None, list[str] | None]:
        """Return them as `tokengan.evaluate` takes them."""
        rest = [None if lines is None else lines.texts for lines in (self.reference, self.train)]
        return self.samples.with_blanks(), rest[0], rest[1]


def text_arguments(parser: ArgumentParser) -> None:
    """Add where texts are read from and what is written of them."""
    parser.add_argument("--column", metavar="NAME", help="column of a .csv, .tsv or .jsonl; a number has no header")
    parser.add_argument("--reference-column", metavar="NAME", help="the reference's, where it is another one")
    parser.add_argument("--train-column", metavar="NAME", help="the training text's, where it is another one")
    parser.add_argument("--report", metavar="FILE.html", help="write a page, and the same as .md and .csv beside it")
    parser.add_argument("--plot", metavar="FILE.svg", help="draw each figure against the mark of real text")


def read_texts(asked: Namespace) -> Texts:
    """Read the files. Raises UserError where one cannot be read."""
    others = {"reference": asked.reference_column, "train": asked.train_column}
    for name, column in others.items():
        if column is not None and getattr(asked, name) is None:
            raise UserError(f"--{name}-column has no file to read it from: give --{name} FILE too")
    return Texts(
        _lines(asked.what, asked.column, asked.column),
        *(
            None if (path := getattr(asked, name)) is None else _lines(path, column, asked.column)
            for name, column in others.items()
        ),
    )


def _lines(path: str, own: str | None, usual: str | None) -> Lines:
    """Read a file by its own column, by the usual one where it is a table, else line by line."""
    from tokengan.data.read import file_format, read_file

    column = own if own is not None or file_format(path) not in TABLES else usual
    return read_file(path, int(column) if column is not None and column.isdecimal() else column)


def write_files(asked: Namespace, texts: Texts, figures: Sequence[Figure], words: Sequence[str]) -> None:
    """Write the report and the picture that were asked for, and say on stderr where they are."""
    if not asked.report and not asked.plot:
        return
    from tokengan.reports.of_texts import of_texts
    from tokengan.reports.write import write_plot, write_report

    found = of_texts(
        figures,
        texts.samples,
        texts.reference,
        texts.train,
        tokens=asked.tokens,
        lowercase=asked.lowercase,
        command=shlex.join(["tokengan", "evaluate", *words]),
    )
    written = write_report(found, Path(asked.report)) if asked.report else []
    if asked.plot:
        write_plot(found, Path(asked.plot))
        written.append(Path(asked.plot))
    for path in written:
        print(path, file=sys.stderr)
