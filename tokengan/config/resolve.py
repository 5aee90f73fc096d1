"""Defaults, a preset, a config file and the user's own settings, laid over each other and checked."""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokengan.config.built import Config
from tokengan.config.check import Check, imported, trusted
from tokengan.config.settings import Settings, as_text, data_settings, dotted, flatten, overlay, read_config
from tokengan.config.slots import flags_of, slots_of
from tokengan.data.builtin import BUILTIN
from tokengan.data.messages import brief, place
from tokengan.errors import UserError, nearest
from tokengan.registry import class_path, known
from tokengan.training.trainer import TrainerSettings

__all__ = ["configure", "preset_of", "seed_of"]

HEAD = ("method", "task", "seed", "start", "control")  # keys of a config file that are no constructor's
NOT_SETTINGS = {"task", "seed"}  # arguments of a method that are given by the head
OWN_FLAGS = ("preset", "out", "seed", "start", "control", "config", "profile")  # what `train` takes besides
CONTROLS = ("constant",)
MAX_SEED = 2**31 - 1


def configure(
    method: str | type | None,
    data: Any = None,
    *,
    preset: str | None = None,
    settings: Mapping[str, Any] | None = None,
    file: Path | str | None = None,
    seed: int | str | None = None,
    start: str | os.PathLike[str] | None = None,
    control: str | None = None,
    trust: bool = True,
) -> Config:
    """Return the resolved configuration: defaults, under the preset, under the file, under the settings.

    Without a preset or a file the method's usual preset for the task is taken, or the one for the kind of task that it
    is (molecules are text); the preset `none` takes no preset.

    Raises UserError, with what there is, for a method, preset, part or setting that is unknown or does not fit.

    >>> config = configure("mle", "emoji", settings={"generator": "gru", "epochs": "3"})
    >>> config.values["epochs"], config.values["generator"]["class_path"]
    (3, 'tokengan.generators.recurrent.GRU')
    """
    written = {} if file is None else read_config(file)
    name = _method_name(method, written.get("method"), file)
    trusted("methods", name, trust)
    cls = imported("methods", name, "method")
    head = {"seed": seed, "start": None if start is None else os.fspath(start), "control": control}
    given = (
        data_settings(data) | flatten(settings or {}) | {key: value for key, value in head.items() if value is not None}
    )
    if preset is None and file is None:
        preset = _usual(cls, _task_class(given, trust))
    merged = overlay(overlay(preset_of(cls, name, preset), written), given)
    if merged.get("control") not in (None, *CONTROLS):
        asked = brief(merged["control"])
        raise UserError(f"there is no control '{asked}'{nearest(asked, CONTROLS)} (known: {', '.join(CONTROLS)})")
    if merged.get("control") and "reward" not in slots_of(cls):
        raise UserError(f"{name} has no reward, so there is no control for it: leave out control")
    task, task_class = str(merged.get("task") or "oracle"), _task_class(merged, trust)
    rest = {key: value for key, value in merged.items() if key not in HEAD}
    return Config(
        method=name,
        task=task,
        seed=seed_of(merged.get("seed", 0)),
        start=merged.get("start"),
        control=merged.get("control"),
        preset=preset,
        classes=(cls, task_class),
        settings=_checked(cls, task_class, rest, task, trust),
    )


def _task_class(settings: Mapping[str, Any], trust: bool) -> Any:
    name = str(settings.get("task") or "oracle")
    trusted("tasks", name, trust)
    return imported("tasks", name, "task")


def _usual(method: Any, task: type) -> str | None:
    """Return the preset that a method takes for a task, or else for the nearest of the task's parents."""
    short = {path: name for name, path in known("tasks").items()}
    names = (short.get(dotted(kind)) for kind in task.__mro__)
    return next((method.usual[name] for name in names if name in method.usual), None)


def preset_of(cls: Any, method: str, preset: str | None) -> Settings:
    """Return the flat settings of a preset. Raises UserError, with what there is, for an unknown one."""
    if preset in (None, "none"):
        return {}
    if preset not in cls.presets:
        there = ", ".join([*cls.presets, "none"])
        raise UserError(f"{method} has no preset '{brief(preset)}'{nearest(preset, cls.presets)} (there are: {there})")
    flags = dict(cls.presets[preset])
    found = data_settings(flags.pop("data", None)) | flatten(flags)
    # What it says of a default part is that part's: another in its place drops it, as it does where one is named.
    said = {key.partition(".")[0] for key in found if "." in key}
    parts = {name: slot.default for name, slot in slots_of(cls).items() if name in said and slot.base is not None}
    return {name: dotted(default) for name, default in parts.items() if isinstance(default, type)} | found


def _method_name(asked: str | type | None, written: Any, file: Path | str | None) -> str:
    named = dotted(asked) if isinstance(asked, type) else asked
    if named is None and written is None:
        where = "" if file is None else f" ({place(file)} names none)"
        raise UserError(f"which method?{where} There are: {', '.join(known('methods'))}")
    if (
        named is not None
        and written is not None
        and class_path("methods", named) != class_path("methods", str(written))
    ):
        raise UserError(
            f"{place(file or '')} is for the method {brief(written)}, not {brief(named)}: leave out one of them"
        )
    return str(named or written)


def seed_of(seed: Any) -> int:
    """Return a seed. Raises UserError for what is none."""
    try:
        value = int(str(seed))
    except ValueError:
        value = -1
    if not 0 <= value <= MAX_SEED:
        raise UserError(f"seed is '{brief(seed)}': give a whole number from 0 to {MAX_SEED}")
    return value


def _checked(method: Any, task: Any, settings: Settings, task_name: str, trust: bool) -> Settings:
    """Return the settings with class paths for short names. Raises UserError for what does not fit."""
    own = {name: slot for name, slot in slots_of(method).items() if name not in NOT_SETTINGS}
    groups = {"data": slots_of(task), "trainer": slots_of(TrainerSettings)}
    flags = [
        *OWN_FLAGS,
        *flags_of(own),
        *(f"{name}.{flag}" for name, slots in groups.items() for flag in flags_of(slots)),
    ]
    for name, slots in groups.items():
        if name in settings:
            what = as_text(settings[name])
            raise UserError(f"{name} has settings of its own, as {name}.{next(iter(slots))}: '{brief(what)}' is none")
    check = Check(settings, flags, trust)
    try:
        checked = check.all(groups["data"], "data.")
    except UserError as error:
        raise UserError(f"{error} (the data are of the kind '{task_name}')") from error.__cause__
    checked |= check.all(groups["trainer"], "trainer.")
    source = groups["data"].get("source")
    if source is not None and source.default is inspect.Parameter.empty and "data.source" not in checked:
        raise UserError(f"the task {task_name} needs data: name a file, a folder, {', '.join(BUILTIN)} or a hub id")
    rest = {key: value for key, value in settings.items() if key.partition(".")[0] not in groups}
    return checked | Check(rest, flags, trust).all(own)
