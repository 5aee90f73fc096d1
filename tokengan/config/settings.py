"""Flat settings: one dotted key each (`credit.n`), wherever they came from: flags, a preset, a file, Python."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from tokengan.data.builtin import BUILTIN
from tokengan.data.messages import brief, place
from tokengan.errors import UserError
from tokengan.registry import KINDS, known

__all__ = ["Settings", "as_text", "data_settings", "dotted", "flatten", "overlay", "read_config"]

Settings = dict[str, Any]


def dotted(cls: Any) -> str:
    """Return the path that a class can be imported by."""
    return f"{cls.__module__}.{cls.__qualname__}"


def flatten(settings: Mapping[str, Any], prefix: str = "") -> Settings:
    """Return nested settings, part classes (or partials of them) and dataclasses as one dotted key each.

    >>> flatten({"credit": {"class_path": "my.Credit", "init_args": {"n": 4}}, "temperature": {"start": 1.2}})
    {'credit': 'my.Credit', 'credit.n': 4, 'temperature.start': 1.2}
    """
    flat: Settings = {}
    for key, value in settings.items():
        name = f"{prefix}{key}"
        if isinstance(value, partial):
            flat |= {name: dotted(value.func)} | flatten(value.keywords, f"{name}.")
        elif isinstance(value, type):
            flat[name] = dotted(value)
        elif dataclasses.is_dataclass(value):
            fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
            flat |= flatten(fields, f"{name}.")
        elif isinstance(value, Mapping) and "class_path" in value:
            flat |= {name: value["class_path"]} | flatten(value.get("init_args") or {}, f"{name}.")
        elif isinstance(value, Mapping):
            flat |= flatten(value, f"{name}.")
        else:
            flat[name] = value
    return flat


def overlay(low: Settings, high: Settings) -> Settings:
    """Return `low` with `high` laid over it. Another class, or other data, drops the settings of the one it replaces.

    >>> overlay({"generator": "lstm", "generator.hidden": 64, "rounds": 3}, {"generator": "transformer"})
    {'rounds': 3, 'generator': 'transformer'}
    >>> overlay({"generator": "lstm", "generator.hidden": 64}, {"generator": "lstm"})
    {'generator.hidden': 64, 'generator': 'lstm'}
    """
    replaced = {key for key, value in high.items() if key in low and _class(key, low[key]) != _class(key, value)}
    if replaced & {"task", "data.source"}:
        replaced.add("data")
    gone = tuple(f"{name}." for name in replaced)
    return {key: value for key, value in low.items() if key not in high and not key.startswith(gone)} | high


def _class(key: str, name: Any) -> Any:
    """Return the class path of a part's short name, anything else as it is."""
    kind = KINDS.get(key.rpartition(".")[2])
    return known(kind).get(name, name) if kind and isinstance(name, str) else name


def data_settings(data: Any) -> Settings:
    """Return the settings that name the data: nothing, a task's short name or class, or what the task `text` reads.

    >>> data_settings("oracle"), data_settings("my.txt")
    ({'task': 'oracle'}, {'task': 'text', 'data.source': 'my.txt'})
    """
    if data is None:
        return {}
    if isinstance(data, type):
        return {"task": dotted(data)}
    if not isinstance(data, str | os.PathLike):
        raise UserError(
            f"data is a {type(data).__name__}: give a file, a folder, a built-in name ({', '.join(BUILTIN)}, oracle), "
            "a hub id, or a task class, so that the run can be replayed"
        )
    source = os.fspath(data)
    if source in known("tasks") and source != "text":
        return {"task": source}
    return {"task": "text", "data.source": source}


def read_config(path: Path | str) -> Settings:
    """Read a config file as flat settings. Raises UserError for what is no mapping."""
    import yaml

    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise UserError(f"{place(path)} is not YAML ({brief(error, 160)}): give the config.yaml of a run") from None
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{place(path)} cannot be read ({brief(error, 160)}): give the config.yaml of a run") from None
    if not isinstance(content, Mapping) or not all(isinstance(key, str) for key in content):
        raise UserError(
            f"{place(path)} holds no settings: it should read like a run's config.yaml, `key: value` a line"
        )
    data = content.get("data")
    if data is None or isinstance(data, Mapping):
        return flatten(content)
    rest = {key: value for key, value in content.items() if key != "data"}
    return data_settings(data) | flatten(rest)


def as_text(value: Any) -> str:
    """Return a value as it would be written on the command line.

    >>> as_text(None), as_text(True), as_text((1, 2)), as_text("a")
    ('null', 'true', '[1, 2]', 'a')
    """
    if isinstance(value, str | os.PathLike):
        return os.fspath(value)
    try:
        return json.dumps(value)
    except (TypeError, ValueError):
        kind = type(value).__name__
        raise UserError(f"{brief(value)} is a {kind}: give a number, a text, a list or a class") from None
