"""One file to `Lines`: the format is in its name."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from tokengan.data.lines import Lines, one_line
from tokengan.data.messages import brief, place, suggest
from tokengan.data.records import Column, Row, comma_rows, json_rows, plain_rows, smiles_rows, tab_rows
from tokengan.data.stream import MAX_LINE_BYTES
from tokengan.errors import UserError

__all__ = ["FORMATS", "Reader", "collect", "file_format", "known_format", "read_file"]

Reader = Callable[[Path, Column, int], Iterator[Row]]

FORMATS: dict[str, Reader] = {
    ".txt": plain_rows,
    ".csv": comma_rows,
    ".tsv": tab_rows,
    ".jsonl": json_rows,
    ".smi": smiles_rows,
}


def file_format(path: Path | str) -> str | None:
    """Return the suffix that tells the format, `.gz` left out, or None where it tells none.

    >>> file_format("a.csv.gz"), file_format("A.TXT"), file_format("a.gz"), file_format("fortunes")
    ('.csv', '.txt', None, None)
    """
    name = os.path.basename(path).lower().removesuffix(".gz")
    suffix = os.path.splitext(name)[1]
    return suffix if suffix in FORMATS else None


def read_file(
    path: Path | str,
    column: Column = None,
    *,
    max_lines: int | None = None,
    max_line_bytes: int = MAX_LINE_BYTES,
    reader: Reader | None = None,
) -> Lines:
    r"""Read the texts of a `.txt`, `.csv`, `.tsv`, `.jsonl` or `.smi` file, or of one of these with `.gz` behind it.

    One line is one sequence: outer blanks are taken off, line breaks inside a field become blanks, blank lines are
    counted and left out. Text is UTF-8, with or without a byte-order mark. Everything else raises UserError.

    Args:
        path: The file.
        column: Name of the column to read; its number, from 1, in a `.csv` or `.tsv` without a header line.
        max_lines: Read only so many lines from the top.
        max_line_bytes: A longer line is an error: it is nearly always a file without line ends.
        reader: How the rows are read, None for the way that the file's ending tells.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "my.csv")
    ...     _ = path.write_text("id,text\n1,hello there\n2,\n3,good bye\n")
    ...     lines = read_file(path, column="text")
    >>> lines.texts, lines.numbers, lines.read, lines.blank, lines.columns
    (['hello there', 'good bye'], [2, 4], 3, 1, {'id': ['1', '3']})
    """
    path = Path(path)
    _check_path(path)
    rows = (reader or FORMATS[known_format(path)])(path, column, max_line_bytes)
    lines = collect(str(path), islice(rows, max_lines))
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return replace(lines, sha256=digest)


def collect(name: str, rows: Iterator[Row]) -> Lines:
    """Return the rows of a source as `Lines`. Raises UserError where there are none, or only blank ones.

    The other columns are those of the first row that is not blank; a row that lacks one has None there.
    """
    texts: list[str] = []
    numbers: list[int] = []
    columns: dict[str, list[Any]] = {}
    read = 0
    for number, value, others in rows:
        read += 1
        text = one_line(value)
        if not text:
            continue
        if not texts:
            columns = {column: [] for column in others}
        texts.append(text)
        numbers.append(number)
        for column, values in columns.items():
            values.append(others.get(column))
    if not read:
        raise UserError(f"{place(name)} is empty: give a file with one sequence a line")
    if not texts:
        raise UserError(f"{place(name)} has only blank lines ({read:,}): give a file with one sequence a line")
    return Lines(name, texts, numbers, columns, read, read - len(texts))


def known_format(path: Path) -> str:
    """Return the suffix that tells the format. Raises UserError where there is none."""
    known = file_format(path)
    if known is None:
        raise UserError(
            f"{place(path)} has no ending that tells its format: name it with one of {', '.join(FORMATS)} (or one of "
            "these and .gz); plain text with one sequence a line is .txt"
        )
    return known


def _check_path(path: Path) -> None:
    """Raise UserError where there is no ordinary file."""
    if os.path.isfile(path):
        return
    if os.path.exists(path):
        raise UserError(f"{place(path)} is not an ordinary file: give a text file with one sequence a line")
    folder = path.parent
    if not os.path.isdir(folder):
        raise UserError(f"{place(path)} is not there, nor is its folder {brief(folder, 60)}: check the path")
    beside = os.listdir(folder) if os.access(folder, os.R_OK) else []
    raise UserError(f"{place(path)} is not there{suggest(path.name, beside) or ': check the path'}")
