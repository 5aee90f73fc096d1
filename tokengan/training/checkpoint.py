"""Checkpoint folders: written aside, checked by their own manifest, and pointed to by one-line files.

A checkpoint is a folder of byte strings; what is in them is `snapshot.py`'s business.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from tokengan.errors import UserError
from tokengan.training.files import replace_text, room_on_disk, sync_folder, write_bytes

__all__ = ["Checkpoints", "CorruptCheckpoint"]

MANIFEST, FORMAT, ASIDE = "manifest.json", 1, ".tmp-"


class CorruptCheckpoint(UserError):
    """A checkpoint that is not what was once written."""


class Checkpoints:
    """The folder `checkpoints/` of a run.

    `000123/` holds the state after 123 rounds; `last`, `best` and `start` are files that hold one such name.

    Args:
        run: The run folder.
        keep: How many of the newest are kept, besides those that are pointed to.

    >>> import tempfile
    >>> checkpoints = Checkpoints(Path(tempfile.mkdtemp()))
    >>> checkpoints.write("000001", {"a.json": b"{}"})
    >>> checkpoints.point("last", "000001")
    >>> checkpoints.pointed("last"), checkpoints.read("000001")
    ('000001', {'a.json': b'{}'})
    """

    def __init__(self, run: Path, keep: int = 2) -> None:
        self.run, self.folder, self.keep = run, run / "checkpoints", max(keep, 1)

    # ---- writing

    def write(self, name: str, parts: Mapping[str, bytes]) -> None:
        """Write a checkpoint: until the last step it does not exist, after it it is whole."""
        aside, final = self.folder / f"{ASIDE}{name}", self.folder / name
        try:
            with room_on_disk(final, "The checkpoint before it is untouched."):
                shutil.rmtree(aside, ignore_errors=True)
                aside.mkdir(parents=True)
                for part, data in parts.items():
                    write_bytes(aside / part, data)
                write_bytes(aside / MANIFEST, _manifest({part: _entry(data) for part, data in parts.items()}))
                sync_folder(aside)
                # A folder cannot be renamed onto another one, so an old one of this name makes room first. There is one
                # after a kill between this rename and `point`, after going back, and after a phase of no rounds.
                old = self._put_aside(name)
                os.rename(aside, final)
                sync_folder(self.folder)
                shutil.rmtree(old, ignore_errors=True)
        except BaseException:
            shutil.rmtree(aside, ignore_errors=True)
            raise

    def point(self, pointer: str, name: str | None) -> None:
        """Make `last`, `best` or `start` name a checkpoint, in one step; None takes the pointer away."""
        path = self.folder / pointer
        if name is None:
            path.unlink(missing_ok=True)
        elif self.pointed(pointer) != name:
            with room_on_disk(path, "The checkpoint that it names is untouched."):
                replace_text(path, name)

    def prune(self, spared: Iterable[str] = ()) -> None:
        """Delete all but the newest few, those pointed to, and `spared`."""
        pointed = {self.pointed(pointer) for pointer in ("last", "best", "start")}
        keep = {*self.names()[-self.keep :], *pointed, *spared}
        for name in self.names():
            if name not in keep:
                shutil.rmtree(self._put_aside(name), ignore_errors=True)

    def sweep(self) -> None:
        """Delete what a killed process left half-written."""
        for path in self.folder.glob(f"{ASIDE}*"):
            name = path.name.removeprefix(f"{ASIDE}old-")
            if name == self.pointed("last") and not (self.folder / name).exists():
                os.rename(path, self.folder / name)  # killed while a checkpoint was replaced by one of the same name
            elif path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)

    # ---- reading

    def names(self) -> list[str]:
        """Return the checkpoints that are there, oldest first."""
        if not self.folder.is_dir():
            return []
        return sorted(path.name for path in self.folder.iterdir() if path.name.isdecimal() and path.is_dir())

    def pointed(self, pointer: str) -> str | None:
        """Return the name that a pointer holds, or None where there is no such pointer."""
        try:
            return (self.folder / pointer).read_text().strip()
        except FileNotFoundError:
            return None
        except UnicodeDecodeError:
            return ""

    def find(self, which: str) -> str:
        """Return the name of a checkpoint: itself, or `last`, `best`, `start`. Raises UserError where there is none."""
        if not which.isdecimal():
            if not self.names():
                raise UserError(f"{self.run} holds no checkpoint yet: train it first")
            name = self.pointed(which)
            if name is None and which != "start":
                return self.names()[-1]  # killed after the first checkpoint was written, before it was pointed to
            if name is None:
                raise UserError(
                    f"{self.run} has no checkpoint '{which}': its first phase is not over, or is the only one"
                )
            if not name.isdecimal():
                raise CorruptCheckpoint(
                    f"{self.folder / which} does not hold the name of a checkpoint. {self._advice(None)}"
                )
            return name
        name = which.zfill(6)
        if name not in self.names():
            raise UserError(f"{self.run} holds no checkpoint {name} (there are: {', '.join(self.names()) or 'none'})")
        return name

    def read(self, name: str) -> dict[str, bytes]:
        """Return the files of a checkpoint, each compared with the manifest. Raises CorruptCheckpoint."""
        fault, parts = self._examine(name)
        if fault:
            raise CorruptCheckpoint(f"checkpoint {self.folder / name} is refused: {fault}. {self._advice(name)}")
        return parts

    def _examine(self, name: str) -> tuple[str, dict[str, bytes]]:
        """Return what is wrong ("" for nothing) and the files."""
        folder = self.folder / name
        if not folder.is_dir():
            return "the folder is missing", {}
        try:
            raw = (folder / MANIFEST).read_bytes()
        except OSError:
            return f"{MANIFEST} is missing", {}
        try:
            entries: dict[str, dict[str, object]] = json.loads(raw)["files"]
            whole = _manifest(entries) == raw
        except (ValueError, KeyError, TypeError):
            whole, entries = False, {}
        if not whole:
            return f"{MANIFEST} has changed since it was written", {}
        parts: dict[str, bytes] = {}
        for part, entry in entries.items():
            try:
                data = (folder / part).read_bytes()
            except OSError:
                return f"{part} is missing", {}
            if len(data) != entry["size"]:
                return f"{part} has {len(data)} bytes where {entry['size']} were written", {}
            if _entry(data) != entry:
                return f"{part} has changed since it was written (its sha256 differs)", {}
            parts[part] = data
        return "", parts

    def _advice(self, bad: str | None) -> str:
        """Return what to do: the whole checkpoint before the bad one, else any whole one."""
        others = [name for name in reversed(self.names()) if name != bad]
        earlier = [name for name in others if bad is None or name < bad]
        for name in [*earlier, *(name for name in others if name not in earlier)]:
            if not self._examine(name)[0]:
                which = "before it" if name in earlier and bad is not None else "nearest to it"
                return (
                    f"The one {which}, {name}, is whole. Go on from there with: tokengan resume {self.run} --at {name}"
                )
        return (
            f"There is no other whole checkpoint in {self.folder}: train again with `--config {self.run}/config.yaml`."
        )

    def _put_aside(self, name: str) -> Path:
        """Rename a checkpoint, if it is there, so that a half-deleted one is never taken for a whole one."""
        dead = self.folder / f"{ASIDE}old-{name}"
        shutil.rmtree(dead, ignore_errors=True)
        with suppress(FileNotFoundError):
            os.rename(self.folder / name, dead)
        return dead


def _entry(data: bytes) -> dict[str, object]:
    return {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}


def _manifest(files: Mapping[str, Mapping[str, object]]) -> bytes:
    """Return the manifest's bytes; it holds a hash of itself, so a change anywhere in it is seen."""
    body = {"files": files, "format": FORMAT}
    own = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    return json.dumps({**body, "sha256": own}, sort_keys=True, indent=1).encode()
