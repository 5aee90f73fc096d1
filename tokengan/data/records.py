"""Rows of the file formats: a text, and the other columns that stand beside it."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokengan.data.messages import brief, listing, place, suggest
from tokengan.data.stream import text_lines
from tokengan.errors import UserError

if TYPE_CHECKING:
    from _csv import Reader as CsvReader

__all__ = [
    "Column",
    "Row",
    "comma_rows",
    "find_column",
    "json_rows",
    "plain_rows",
    "smiles_rows",
    "tab_rows",
    "text_value",
]

Column = int | str | None
Row = tuple[int, str, Mapping[str, Any]]


def plain_rows(path: Path, column: Column, max_line_bytes: int) -> Iterator[Row]:
    """Yield the lines of a text file, which has no columns."""
    if column is not None:
        raise UserError(
            f"{place(path)} has no columns: leave out column={brief(column)}, or give a .csv, .tsv or .jsonl"
        )
    for number, text in text_lines(path, max_line_bytes):
        yield number, text, {}


def smiles_rows(path: Path, column: Column, max_line_bytes: int) -> Iterator[Row]:
    """Yield the molecules of a `.smi` file: the first word of a line; a name may follow it."""
    for number, text, _ in plain_rows(path, column, max_line_bytes):
        smiles, *name = text.split(maxsplit=1) or [""]
        yield number, smiles, {"name": name[0] if name else ""}


def find_column(path: Path | str, names: Sequence[str], column: str | None, setting: str = "column") -> str:
    """Return the column to read: the one asked for as a setting, or the only one there is.

    >>> find_column("my.csv", ["id", "text"], "text"), find_column("my.csv", ["text"], None)
    ('text', 'text')
    >>> find_column("my.csv", ["id", "text"], "txt")
    Traceback (most recent call last):
    ...
    tokengan.errors.UserError: my.csv has no column 'txt'; did you mean 'text'? Its columns: 'id', 'text'
    """
    if column is None and len(names) == 1:
        return names[0]
    if column is None:
        raise UserError(
            f"{place(path)} has {len(names)} columns, say which to read, as {setting}=NAME: {listing(names)}"
        )
    if column not in names:
        hint = suggest(column, names) or "."
        raise UserError(f"{place(path)} has no column '{brief(column)}'{hint} Its columns: {listing(names)}")
    return column


def comma_rows(path: Path, column: Column, max_line_bytes: int) -> Iterator[Row]:
    """Yield the rows of a `.csv` file: commas, fields in "quotes" where need be."""
    return _table_rows(path, column, csv.reader(_ended(path, max_line_bytes), strict=True))


def tab_rows(path: Path, column: Column, max_line_bytes: int) -> Iterator[Row]:
    """Yield the rows of a `.tsv` file. Corpora are written so without quoting: a quote in one is the text's own."""
    reader = csv.reader(_ended(path, max_line_bytes), delimiter="\t", quoting=csv.QUOTE_NONE)
    return _table_rows(path, column, reader)


def _ended(path: Path, max_line_bytes: int) -> Iterator[str]:
    """Yield lines with their ends, which the csv module wants."""
    return (f"{text}\n" for _, text in text_lines(path, max_line_bytes))


def _numbered(path: Path, reader: CsvReader) -> Iterator[tuple[int, list[str]]]:
    """Yield the cells of each row with the line it begins in."""
    first = 1
    try:
        for cells in reader:
            yield first, cells
            first = reader.line_num + 1
    except csv.Error as error:
        raise UserError(
            f"{place(path, first)} is not a row of comma-separated values ({brief(error, 80)}): put a field that holds "
            'a comma, a quote or a line break between "quotes", and write a quote in it twice'
        ) from None


def _table_rows(path: Path, column: Column, reader: CsvReader) -> Iterator[Row]:
    """Yield the rows of a table.

    A column's name is looked up in the first line, the header. A number counts columns from 1, without a header.
    """
    names: list[str] = []
    chosen = ""
    for number, cells in _numbered(path, reader):
        if not cells:
            yield number, "", {}
            continue
        if not names:
            if isinstance(column, int):
                names = [str(i + 1) for i in range(len(cells))]
                chosen = find_column(path, names, str(column))
            else:
                names = cells
                chosen = _header_column(path, names, column)
                continue
        if len(cells) != len(names):
            raise UserError(
                f"{place(path, number)} has {len(cells)} fields, the first line has {len(names)}: mend the row; a "
                'field with the separator in it stands between "quotes" in .csv and cannot be in .tsv'
            )
        others = dict(zip(names, cells, strict=True))
        yield number, others.pop(chosen), others


def _header_column(path: Path, names: list[str], column: str | None) -> str:
    for mark in (";", "\t", "|"):
        if len(names) == 1 and mark in names[0]:
            raise UserError(
                f"{place(path, 1)} seems to be separated by {mark!r}, not by commas: save it with commas, or with tabs "
                "as .tsv"
            )
    try:
        return find_column(path, names, column)
    except UserError as error:
        raise UserError(f"{error}. A file without a header line: column=NUMBER, counted from 1") from None


def text_value(value: Any, path: Path | str, number: int, column: str) -> str:
    """Return the text in a field. None is a blank; anything but a string is an error.

    A number is refused because a numeric column is nearly always an id or a label that was chosen by mistake.
    """
    if value is None:
        return ""
    if not isinstance(value, str):
        raise UserError(
            f"{place(path, number)}: column '{brief(column)}' holds {brief(json.dumps(value, default=str))} "
            f"({type(value).__name__}), not a text: choose another column, or put the value between quotes"
        )
    try:
        value.encode()
    except UnicodeEncodeError:
        raise UserError(
            f"{place(path, number)}: column '{brief(column)}' holds half of a surrogate pair (\\ud800 to \\udfff): "
            "write the file again with whole characters"
        ) from None
    return value


def json_rows(path: Path, column: Column, max_line_bytes: int) -> Iterator[Row]:
    """Yield the rows of a `.jsonl` file: one JSON object a line."""
    if isinstance(column, int):
        raise UserError(f"{place(path)}: the columns of .jsonl have names, not numbers: give column=NAME")
    chosen = column
    for number, text in text_lines(path, max_line_bytes):
        if not text.strip():
            yield number, "", {}
            continue
        record = _json_object(path, number, text)
        if chosen is None:
            # Without a name, the only text there is; ids and labels as numbers do not stand in the way.
            texts = [name for name, value in record.items() if isinstance(value, str)]
            chosen = find_column(place(path, number), texts or list(record), None)
        value = text_value(record.pop(find_column(place(path, number), list(record), chosen)), path, number, chosen)
        yield number, value, record


def _json_object(path: Path, number: int, text: str) -> dict[str, Any]:
    try:
        record = json.loads(text)
    except json.JSONDecodeError as error:
        problem = f"{error.msg} at character {error.colno}"
    except (RecursionError, ValueError) as error:
        problem = brief(error, 80)
    else:
        if isinstance(record, dict):
            return record
        problem = f"a JSON {type(record).__name__}"
    raise UserError(
        f'{place(path, number)} is not a JSON object ({problem}): each line of .jsonl is one, as {{"text": "..."}}'
    )
