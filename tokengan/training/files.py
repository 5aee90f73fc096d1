"""Writing so that a file is either whole or not there, and a full disk ends in one sentence."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tokengan.errors import UserError

__all__ = ["replace_text", "room_on_disk", "sync_folder", "write_bytes"]

FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EFBIG}


@contextmanager
def room_on_disk(path: Path, kept: str) -> Iterator[None]:
    """Turn "no space left" into a UserError that says what is safe.

    >>> with room_on_disk(Path("runs/a"), "The checkpoint before it is untouched."):
    ...     raise OSError(errno.ENOSPC, "No space left on device")
    Traceback (most recent call last):
    ...
    tokengan.errors.UserError: no space left on the disk while writing runs/a. The checkpoint before it is untouched. \
Free some space, or move the folder to another disk, then go on with `tokengan resume`.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise UserError(
            f"no space left on the disk while writing {path}. {kept} Free some space, or move the folder to another "
            "disk, then go on with `tokengan resume`."
        ) from None


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file and wait until the disk has it."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Wait until the disk knows the names in a folder (a rename is durable only then)."""
    if os.name == "nt":  # Windows gives no handle to a folder
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def replace_text(path: Path, text: str) -> None:
    """Replace a small file in one step: a reader sees the old text or the new one, never a half.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "last"
    >>> replace_text(file, "000001")
    >>> file.read_text(), [p.name for p in file.parent.iterdir()]
    ('000001', ['last'])
    """
    aside = path.with_name(f".tmp-{path.name}")
    try:
        write_bytes(aside, text.encode())
        os.replace(aside, path)
    except BaseException:
        with suppress(OSError):
            aside.unlink()
        raise
    sync_folder(path.parent)
