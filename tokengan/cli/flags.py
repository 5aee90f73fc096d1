"""Every setting of a method with its default and description, those of its default parts too."""

from __future__ import annotations

import inspect
import textwrap
from typing import Any

from tokengan.cli.catalogue import argument_docs
from tokengan.config.check import imported
from tokengan.config.settings import as_text
from tokengan.config.slots import Slot, slots_of
from tokengan.registry import KINDS, known
from tokengan.tasks.oracle import OracleTask
from tokengan.tasks.text import TextTask
from tokengan.training.trainer import TrainerSettings

__all__ = ["flags_help"]


def flags_help(method: str) -> str:
    """Return the list."""
    cls = imported("methods", method, "method")
    groups = {
        f"settings of {method}": _lines(cls, "", {"task", "seed"}),
        "data: a file or data set": _lines(TextTask, "data.", {"source"}),
        "data: the oracle": _lines(OracleTask, "data.", set()),
        "trainer": _lines(TrainerSettings, "trainer.", set()),
    }
    return "\n\n".join(f"{heading}\n" + "\n".join(lines) for heading, lines in groups.items())


def _lines(cls: Any, prefix: str, left_out: set[str], given: Any = None) -> list[str]:
    docs = argument_docs(inspect.cleandoc(cls.__init__.__doc__ or "")) | argument_docs(inspect.getdoc(cls) or "")
    lines: list[str] = []
    for name, slot in slots_of(cls).items():
        if name not in left_out:
            lines += _setting(f"{prefix}{name}", slot, getattr(given, name, slot.default), docs.get(name, ""))
    return lines


def _setting(key: str, slot: Slot, default: Any, about: str) -> list[str]:
    part = default if isinstance(default, type) else None
    if slot.group is not None:
        return [_line(f"--{key}.*", about), *_lines(slot.group, f"{key}.", set(), default)]
    if slot.base is not None:
        kind = KINDS.get(key.rpartition(".")[2], "")
        names = {path: name for name, path in known(kind).items()}
        shown = names.get(f"{default.__module__}.{default.__qualname__}", default.__name__) if part else "none"
        return [
            _line(f"--{key} {shown}", f"{about} One of {', '.join(names.values())}, or a class path."),
            *(_lines(part, f"{key}.", set()) if part else []),
        ]
    shown = "" if default is inspect.Parameter.empty else as_text(default)
    return [_line(f"--{key} {shown}", f"{about} ({slot.words()})")]


def _line(flag: str, about: str) -> str:
    first = f"  {flag:<44}  " if len(flag) <= 44 else f"  {flag}  "
    return "\n".join(textwrap.wrap(about, 120, initial_indent=first, subsequent_indent=" " * 48) or [first.rstrip()])
