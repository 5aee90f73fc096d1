"""A folder with a file for each split."""

from __future__ import annotations

import os
from pathlib import Path

from tokengan.data.messages import listing, place
from tokengan.data.read import FORMATS, file_format
from tokengan.errors import UserError

__all__ = ["SPLIT_NAMES", "is_saved_dataset", "split_files", "stem_of"]

SPLIT_NAMES = {
    "train": ("train", "training"),
    "valid": ("valid", "validation", "dev", "val"),
    "test": ("test",),
}


def split_files(folder: Path | str) -> dict[str, Path]:
    """Return the files of the splits that are there; `train` always is. Raises UserError for any other folder.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("train.txt", "dev.txt.gz", "README.md"):
    ...         Path(folder, name).touch()
    ...     {split: path.name for split, path in split_files(folder).items()}
    {'train': 'train.txt', 'valid': 'dev.txt.gz'}
    """
    folder = Path(folder)
    try:
        files = sorted(path for path in folder.iterdir() if path.is_file())
    except OSError as error:
        raise UserError(f"{place(folder)} cannot be listed ({error.strerror}): ask for read permission") from None
    found: dict[str, Path] = {}
    for split, names in SPLIT_NAMES.items():
        fitting = [path for path in files if (stem_of(path) or "").lower() in names]
        if len(fitting) > 1:
            raise UserError(
                f"{place(folder)} has several files for the split {split}: "
                f"{listing(path.name for path in fitting)}; leave one, or name the file itself"
            )
        if fitting:
            found[split] = fitting[0]
    if "train" not in found:
        raise UserError(
            f"{place(folder)} is a folder without a train file (train{', train'.join(FORMATS)}, or one of these with "
            f".gz). It holds: {listing((path.name for path in files), limit=4)}. Name one file to have it split for you"
        )
    return found


def is_saved_dataset(folder: Path | str) -> bool:
    """Tell whether `datasets.save_to_disk` wrote the folder."""
    return any(os.path.isfile(os.path.join(folder, name)) for name in ("dataset_dict.json", "state.json"))


def stem_of(path: Path) -> str | None:
    """Return `train` for `train.txt.gz`, `train.tok` for `train.tok.txt`, None for what is no data file."""
    suffix = file_format(path)
    if suffix is None:
        return None
    bare = path.name[:-3] if path.name.lower().endswith(".gz") else path.name
    return bare[: -len(suffix)]
