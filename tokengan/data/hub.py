"""Data sets of the Hugging Face hub, or of a local folder, through the package datasets (extra `hf`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from itertools import islice
from typing import Any

from tokengan.data.folder import SPLIT_NAMES
from tokengan.data.lines import Lines, text_digest
from tokengan.data.messages import brief, listing, place
from tokengan.data.read import collect
from tokengan.data.records import Column, Row, find_column, text_value
from tokengan.errors import UserError

__all__ = ["read_hub", "read_saved"]


def read_hub(source: str, column: Column = None, *, max_lines: int | None = None) -> dict[str, Lines]:
    """Read `owner/name` or `owner/name:configuration` from the hub. The only function here that asks the network."""
    name, _, configuration = source.partition(":")
    datasets = _datasets(source)
    try:
        loaded = datasets.load_dataset(name, configuration or None)
    except Exception as error:  # the package raises its own, requests', pyarrow's and the script's errors
        raise UserError(
            f"{place(source)} could not be loaded from the Hugging Face hub ({brief(error, 160)}): check the id and "
            "the connection, or give a file"
        ) from None
    return _splits(source, loaded, column, max_lines)


def read_saved(folder: str, column: Column = None, *, max_lines: int | None = None) -> dict[str, Lines]:
    """Read a folder that `datasets.save_to_disk` wrote."""
    datasets = _datasets(folder)
    try:
        loaded = datasets.load_from_disk(folder)
    except Exception as error:
        raise UserError(
            f"{place(folder)} could not be loaded as a saved data set ({brief(error, 160)}): save it again"
        ) from None
    return _splits(folder, loaded, column, max_lines)


def _datasets(source: str) -> Any:
    try:
        return import_module("datasets")
    except ImportError:
        raise UserError(
            f"{place(source)} is read with the package datasets, which is not installed: pip install 'tokengan[hf]'"
        ) from None


def _splits(source: str, loaded: Any, column: Column, max_lines: int | None) -> dict[str, Lines]:
    tables = dict(loaded) if isinstance(loaded, dict) else {"train": loaded}
    found: dict[str, Lines] = {}
    for split, names in SPLIT_NAMES.items():
        fitting = [name for name in names if name in tables]
        if fitting:
            lines = collect(f"{source} [{fitting[0]}]", islice(_rows(source, tables[fitting[0]], column), max_lines))
            found[split] = replace(lines, sha256=text_digest(lines.texts))
    if "train" not in found:
        raise UserError(f"{place(source)} has no split train, only {listing(tables)}: save the one you want as a file")
    return found


def _rows(source: str, table: Any, column: Column) -> Iterator[Row]:
    if isinstance(column, int):
        raise UserError(f"{place(source)}: its columns have names, not numbers: give column=NAME")
    chosen = find_column(source, list(table.column_names), column)
    for number, record in enumerate(table, 1):
        others = dict(record)
        yield number, text_value(others.pop(chosen), source, number, chosen), others
