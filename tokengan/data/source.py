"""Whatever a user names as data, read into train, valid and test."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tokengan.data.builtin import BUILTIN, read_builtin
from tokengan.data.by_file import label_files, read_labels
from tokengan.data.folder import is_saved_dataset, split_files
from tokengan.data.hub import read_hub, read_saved
from tokengan.data.lines import Lines
from tokengan.data.messages import brief, place, suggest
from tokengan.data.read import Reader, file_format, read_file
from tokengan.data.records import Column
from tokengan.data.split import MIN_DISTINCT, cut
from tokengan.data.stream import MAX_LINE_BYTES
from tokengan.errors import UserError

__all__ = ["SPLITS", "Corpus", "Part", "load"]

SPLITS = ("train", "valid", "test")
# A held-out split: the share or the number of distinct lines to cut from train, or a file of its own.
Part = int | float | str

HUB_ID = re.compile(r"[\w-][\w.-]*/[\w.-]+(:[\w.-]+)?")


@dataclass(frozen=True)
class Corpus:
    """A data set as read.

    Args:
        source: What the user named.
        splits: `train`, `valid` and `test`.
        cut: Which of the splits were cut from train by seed; the others came as they are.
    """

    source: str
    splits: dict[str, Lines]
    cut: tuple[str, ...]


def load(
    source: str | os.PathLike[str],
    column: Column = None,
    *,
    valid: Part = 0.1,
    test: Part = 0.1,
    split_seed: int = 0,
    key: Callable[[str], str] = str,
    prepare: Callable[[Lines], Lines] | None = None,
    by: str | None = None,
    max_lines: int | None = None,
    max_line_bytes: int = MAX_LINE_BYTES,
    reader: Reader | None = None,
) -> Corpus:
    """Read a file, a folder of split files, a built-in name or a hub id, and hold out what has no file of its own.

    A built-in name goes before a file of that name, which is then `./name`. Only `owner/name` that is no path here
    asks the network. Anything that cannot be read raises UserError and says what to do.

    Args:
        source: `my.txt` (`.csv`, `.tsv`, `.jsonl`, `.smi`, each also with `.gz`), `folder/` with `train.txt` and, if it
            has them, `valid.txt` and `test.txt`, `fortunes`, `emoji:de`, or `owner/name:configuration` on the hub.
        column: See `read_file`.
        valid: A file, or the share (below 1) or number of distinct lines to cut from train. A folder's own file wins.
        test: The same for the test split.
        split_seed: See `cut`.
        key: See `cut`.
        prepare: Changes texts as they come from a file, before parts are cut: so no two parts share a changed text.
        by: Column that says of each text which label it has (`cut`). A folder without a train file, or files between
            commas, are then a file for each label, and the column is their names.
        max_lines: Read only so many lines of each file, from the top.
        max_line_bytes: See `read_file`.
        reader: See `read_file`.

    >>> corpus = load("emoji")
    >>> sorted(corpus.splits) == sorted(SPLITS), corpus.cut
    (True, ('valid', 'test'))
    """
    source = os.fspath(source)
    how = {"max_lines": max_lines, "max_line_bytes": max_line_bytes}
    files = [] if by is None else label_files(source)
    if by is not None and files:
        found = {"train": read_labels(source, files, by, **how)}
    else:
        found = _read(source, column, max_lines, {**how, "reader": reader})
    shares: dict[str, float | int] = {}
    for name, part in (("valid", valid), ("test", test)):
        if isinstance(part, str):
            found[name] = read_file(part, column, **how)
        elif name not in found:
            shares[name] = part
    if prepare is not None:
        found = {name: prepare(lines) for name, lines in found.items()}
    if shares:
        found |= cut(found["train"], shares, seed=split_seed, key=key, by=by)
    elif len(set(found["train"].texts)) < MIN_DISTINCT:
        raise UserError(
            f"{place(found['train'].name)} has fewer than {MIN_DISTINCT} distinct lines: give more to train on"
        )
    return Corpus(source, {name: found[name] for name in SPLITS}, tuple(shares))


def _read(source: str, column: Column, max_lines: int | None, how: dict[str, Any]) -> dict[str, Lines]:
    if source.partition(":")[0] in BUILTIN:
        return {"train": read_builtin(source, column, max_lines=max_lines)}
    if os.path.isdir(source):
        if is_saved_dataset(source):
            return read_saved(source, column, max_lines=max_lines)
        return {name: read_file(path, column, **how) for name, path in split_files(source).items()}
    if os.path.exists(source) or file_format(source):
        return {"train": read_file(source, column, **how)}
    if HUB_ID.fullmatch(source) and not os.path.isdir(os.path.dirname(source)):
        return read_hub(source, column, max_lines=max_lines)
    raise UserError(
        f"'{brief(source, 120)}' is no file, no folder and no built-in data set{suggest(source, BUILTIN) or '.'} "
        f"Built in: {', '.join(BUILTIN)}. Otherwise give a file (my.txt), or a Hugging Face id (owner/name)"
    )
