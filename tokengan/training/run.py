"""The run folder: everything needed to go on, to go back, and to read what happened."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from torch import Tensor

from tokengan.errors import UserError
from tokengan.training.checkpoint import Checkpoints
from tokengan.training.files import replace_text, room_on_disk
from tokengan.training.snapshot import read_weights

__all__ = ["CONFIG", "CONTROL", "FINAL", "Run"]

CONFIG, METRICS, FINAL, CONTROL = "config.yaml", "metrics.jsonl", "final.json", "control-constant"


class Run:
    """A run folder that exists. `Run.create` makes one, `Run(path)` opens one.

    Args:
        path: The folder.

    >>> import tempfile
    >>> run = Run.create(Path(tempfile.mkdtemp()) / "a", "method: mle")
    >>> run.append({"step": 1})
    >>> run.records()
    [{'step': 1}]
    >>> Run.create(run.path)
    Traceback (most recent call last):
    ...
    tokengan.errors.UserError: ...a holds a run already: go on with `tokengan resume ...a`, or choose another folder \
with --out
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        if not self.path.is_dir():
            raise UserError(f"there is no run folder {self.path}")
        if not (self.path / CONFIG).is_file():
            raise UserError(f"{self.path} is not a run folder: it holds no {CONFIG}")
        self.checkpoints = Checkpoints(self.path)
        self._metrics = self.path / METRICS

    @classmethod
    def create(cls, path: Path | str, config: str = "", files: Mapping[str, str] | None = None) -> Run:
        """Make a new run folder.

        Args:
            path: The folder; it may exist if it is empty.
            config: Text of `config.yaml`, written last: a folder without it is not a run.
            files: Texts of other files by name (`data.json`, `spec.json`, `tokenizer.json`).
        """
        path = Path(path)
        if (path / CONFIG).exists():
            raise UserError(
                f"{path} holds a run already: go on with `tokengan resume {path}`, or choose another folder with --out"
            )
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            what = "a folder with other files in it" if path.is_dir() else "a file"
            raise UserError(f"{path} is {what}, not a run: choose a new folder with --out")
        try:
            with room_on_disk(path, "The run was not begun."):
                (path / "checkpoints").mkdir(parents=True)
                (path / "samples").mkdir()
                for name, text in {**(files or {}), CONFIG: config}.items():
                    replace_text(path / name, text)
        except PermissionError:
            raise UserError(f"the folder {path} may not be written to: choose another one with --out") from None
        return cls(path)

    # ---- figures and samples

    def append(self, record: Mapping[str, Any]) -> None:
        """Add one line to `metrics.jsonl`; a line is there wholly or not at all."""
        before = self.metrics_bytes()
        try:
            with room_on_disk(self._metrics, "The checkpoints are untouched."), self._metrics.open("ab") as file:
                file.write(json.dumps(record).encode() + b"\n")
        except BaseException:
            self.cut(before)
            raise

    def metrics_bytes(self, sync: bool = False) -> int:
        """Return the length of `metrics.jsonl`, after the disk has it where `sync`."""
        if not self._metrics.exists():
            return 0
        with room_on_disk(self._metrics, "The checkpoints are untouched."), self._metrics.open("rb") as file:
            if sync:
                os.fsync(file.fileno())
            return file.seek(0, os.SEEK_END)

    def cut(self, length: int) -> None:
        """Drop what was written to `metrics.jsonl` after a checkpoint."""
        if self._metrics.exists() and self._metrics.stat().st_size > length:
            os.truncate(self._metrics, length)

    def records(self) -> list[dict[str, Any]]:
        """Return the lines of `metrics.jsonl`; a half line at the end (a kill) is left out."""
        if not self._metrics.exists():
            return []
        lines = self._metrics.read_text().split("\n")
        return [json.loads(line) for line in lines[:-1]]

    def write_samples(self, step: int, texts: Iterable[str]) -> None:
        """Write `samples/STEP.txt`, one text a line."""
        folder = self.path / "samples"
        with room_on_disk(folder, "The checkpoints are untouched."):
            folder.mkdir(exist_ok=True)
            replace_text(folder / f"{step:06d}.txt", "".join(f"{text}\n" for text in texts))

    # ---- checkpoints

    def weights(self, which: str = "best") -> dict[str, Tensor]:
        """Return the method's `state_dict` in a checkpoint: `best`, `last`, `start`, or a number. No pickle is read."""
        return read_weights(self.checkpoints.read(self.checkpoints.find(which)))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from training this folder. The lock ends with the process, however it ends."""
        try:
            import fcntl
        except ImportError:  # Windows: no such lock, and nothing in its place
            yield
            return
        with (self.path / ".lock").open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                raise UserError(
                    f"{self.path} is being trained by process {file.read().strip() or 'unknown'}: "
                    "wait for it, stop it, or choose another folder with --out"
                ) from None
            except OSError:  # a file system without locks (some network drives): go on unprotected
                yield
                return
            file.truncate(0)
            with suppress(OSError):
                file.write(str(os.getpid()))
                file.flush()
            yield
