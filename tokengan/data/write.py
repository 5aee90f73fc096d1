"""Writing a file so that it is there whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
from pathlib import Path

from tokengan.data.messages import place
from tokengan.errors import UserError

__all__ = ["atomic_write"]

REMEDY = {
    errno.ENOSPC: "free some space or write to another disk",
    errno.EDQUOT: "free some of your quota or write to another disk",
    errno.EACCES: "choose a folder that you may write to",
    errno.EPERM: "choose a folder that you may write to",
    errno.EROFS: "choose a folder on a disk that can be written to",
    errno.ENOENT: "make the folder first",
    errno.ENOTDIR: "make the folder first",
    errno.EISDIR: "choose a name that is not a folder's",
    errno.ENAMETOOLONG: "choose a shorter name",
}


def atomic_write(path: Path | str, content: str | bytes) -> None:
    """Write a file aside in its own folder, flush it to the disk, then put it in place in one move.

    A reader sees the old content or the new, never a part. What cannot be written leaves no file behind and raises
    UserError with the path and the remedy. Text is written as UTF-8.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     atomic_write(Path(folder, "a.txt"), "hello")
    ...     Path(folder, "a.txt").read_text(), os.listdir(folder)
    ('hello', ['a.txt'])
    """
    path = Path(path)
    aside = path.with_name(f".{path.name[:200]}.{secrets.token_hex(4)}.part")
    try:
        # "x" and not tempfile.mkstemp: the file gets the permissions that the user's umask asks for, not 0600.
        with aside.open("xb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError as error:
        remedy = REMEDY.get(error.errno or 0, "check the disk and the folder")
        raise UserError(f"{place(path)} cannot be written ({error.strerror or error}): {remedy}") from None
    finally:
        aside.unlink(missing_ok=True)
    _flush_folder(path.parent)


def _flush_folder(folder: Path) -> None:
    """Make the new name itself survive a power cut, where the system can flush a folder."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        return
    finally:
        os.close(handle)
