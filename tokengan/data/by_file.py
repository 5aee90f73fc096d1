"""A file for each label: the label is the file's name without its endings."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from tokengan.data.builtin import BUILTIN
from tokengan.data.folder import SPLIT_NAMES, is_saved_dataset, stem_of
from tokengan.data.lines import Lines, text_digest
from tokengan.data.messages import listing, place
from tokengan.data.read import read_file
from tokengan.data.stream import MAX_LINE_BYTES
from tokengan.errors import UserError

__all__ = ["label_files", "read_labels"]


def label_files(source: str) -> list[Path]:
    """Return the files of a source that has one for each label; none for a source of another kind.

    `pos.txt,neg.txt`, or a folder of text files none of which is named like a split.

    >>> label_files("pos.txt,neg.txt"), label_files("my.csv")
    ([PosixPath('pos.txt'), PosixPath('neg.txt')], [])
    """
    if os.path.isdir(source):
        if is_saved_dataset(source):
            return []
        files = [path for path in sorted(Path(source).iterdir()) if path.is_file() and stem_of(path) is not None]
        splits = {name for names in SPLIT_NAMES.values() for name in names}
        return [] if any((stem_of(path) or "").lower() in splits for path in files) else files
    if "," not in source or os.path.exists(source) or source.partition(":")[0] in BUILTIN:
        return []
    return [Path(name.strip()) for name in source.split(",") if name.strip()]


def read_labels(
    source: str,
    files: Sequence[Path],
    column: str,
    *,
    max_lines: int | None = None,
    max_line_bytes: int = MAX_LINE_BYTES,
) -> Lines:
    r"""Return the texts of all files, with their labels as a column.

    Raises UserError for one file alone, and for two files of the same name.

    Args:
        source: What the user named.
        files: A file for each label, with one text a line.
        column: Name of the labels' column.
        max_lines: Read only so many lines of each file, from the top.
        max_line_bytes: See `read_file`.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("pos", "neg"):
    ...         _ = Path(folder, f"{name}.txt").write_text(f"a {name} text\n")
    ...     lines = read_labels(folder, label_files(folder), "label")
    >>> lines.texts, lines.columns["label"]
    (['a neg text', 'a pos text'], ['neg', 'pos'])
    """
    if len(files) < 2:
        raise UserError(
            f"{place(source)} has only one file of texts ({listing(path.name for path in files)}), and a label is a "
            "file: give a file for each label, or name the file itself where the labels are a column of it"
        )
    labels: dict[str, Path] = {}
    for path in files:
        label = stem_of(path) or path.name
        if label in labels:
            raise UserError(
                f"{place(labels[label])} and {place(path)} would both be the label '{label}': rename one, or join them"
            )
        labels[label] = path
    parts = {
        label: read_file(path, max_lines=max_lines, max_line_bytes=max_line_bytes) for label, path in labels.items()
    }
    return Lines(
        source,
        [text for part in parts.values() for text in part.texts],
        [number for part in parts.values() for number in part.numbers],
        {column: [label for label, part in parts.items() for _ in part.texts]},
        sum(part.read for part in parts.values()),
        sum(part.blank for part in parts.values()),
        text_digest(part.sha256 for part in parts.values()),
    )
