"""A run's task without its data: the sizes, and the way between tokens and text."""

from __future__ import annotations

from pathlib import Path

import torch

from tokengan.data.codec import TextCodec
from tokengan.data.messages import place
from tokengan.errors import UserError
from tokengan.sequences import Sequences
from tokengan.spec import Spec
from tokengan.tasks.base import Task
from tokengan.tasks.oracle import OracleTask
from tokengan.tasks.text import TextTask

__all__ = ["saved_task"]


class _SavedText(TextTask):
    def __init__(self, folder: Path) -> None:
        self.codec = TextCodec.load(folder)
        self.tokenizer, self.spec = self.codec.tokenizer, self.codec.spec


class _SavedOracle(OracleTask):
    def __init__(self, folder: Path) -> None:
        try:
            self.spec = Spec.from_json((folder / "spec.json").read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError):
            raise UserError(f"{place(folder / 'spec.json')} cannot be read: the run folder is not whole") from None


def saved_task(folder: Path) -> Task:
    """Return the task of a run folder. Its splits hold one row each that means nothing: a method counts its data."""
    task = _SavedText(folder) if (folder / "tokenizer.json").exists() else _SavedOracle(folder)
    one = torch.zeros(1, task.spec.max_length, dtype=torch.long)
    task.name, task.report = folder.name, {}
    task.train = task.valid = task.test = Sequences(one, torch.ones_like(one, dtype=torch.bool))
    return task
