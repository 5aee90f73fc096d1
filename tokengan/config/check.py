"""Settings against the signatures they are for: what does not fit, in words, before anything is built."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Mapping
from typing import Any

from tokengan.config.settings import Settings, as_text, dotted
from tokengan.config.slots import Slot, slots_of
from tokengan.data.messages import brief
from tokengan.errors import UserError, nearest
from tokengan.registry import KINDS, class_path, known, resolve
from tokengan.rewards.functions import function_of

__all__ = ["Check", "imported", "trusted"]


def trusted(kind: str, name: str, trust: bool) -> None:
    """Refuse a class that is neither registered nor ours, unless its code is trusted."""
    path = class_path(kind, name)
    if not trust and not path.startswith("tokengan.") and path not in known(kind).values():
        raise UserError(
            f"the run names {brief(path, 80)}, which is not a registered part, and loading it would run its code: if "
            "you trust it, load with trust=True (--trust)"
        )


def imported(kind: str, name: str, argument: str) -> Any:
    """Return a class, whatever its module does when it is imported."""
    try:
        found = resolve(kind, name)
    except UserError:
        raise
    except Exception as error:  # somebody else's module may raise anything
        why = f"{type(error).__name__}: {brief(error, 120)}"
        raise UserError(f"{argument}: {brief(name, 80)} cannot be imported ({why})") from error
    if not isinstance(found, type):
        raise UserError(f"{argument}: {brief(name, 80)} is not a class")
    return found


def _ours(path: str) -> bool:
    """Return whether a path leads to a function of this package, and not through it to another's."""
    return path.startswith("tokengan.") and str(getattr(function_of(path), "__module__", "")).startswith("tokengan.")


class Check:
    """Compares flat settings with signatures.

    Args:
        settings: What was asked for.
        flags: Every setting there is, for suggestions.
        trust: Whether classes that nobody registered may be imported.
    """

    def __init__(self, settings: Settings, flags: list[str], trust: bool) -> None:
        self.settings, self.flags, self.trust = settings, flags, trust

    def all(self, slots: Mapping[str, Slot], prefix: str = "") -> Settings:
        """Return the settings under a prefix, short names made class paths. Raises UserError for what does not fit."""
        found: Settings = {}
        for name in dict.fromkeys(key[len(prefix) :].partition(".")[0] for key in self._under(prefix)):
            if name not in slots:
                raise UserError(f"there is no setting '{brief(prefix + name, 80)}'{self._hint(prefix + name)}")
            found |= self._one(prefix + name, slots[name])
        return found

    def _under(self, prefix: str) -> list[str]:
        return [key for key in self.settings if key.startswith(prefix)]

    def _one(self, key: str, slot: Slot) -> Settings:
        below = self._under(f"{key}.")
        if slot.base is not None:
            return self._part(key, slot)
        if slot.group is not None:
            own = slots_of(slot.group)
            if key in self.settings:
                raise UserError(f"{key} has settings of its own: give them, as {key}.{next(iter(own))}")
            return self.all(own, f"{key}.")
        if below and slot.mapping:
            return {name: self.settings[name] for name in below}
        if below:
            raise UserError(
                f"{key} has no settings of its own, it takes {slot.words()}: there is no '{brief(below[0], 80)}'"
            )
        return {key: self._value(key, slot)}

    def _part(self, key: str, slot: Slot) -> Settings:
        kind = KINDS.get(key.rpartition(".")[2], "parts")
        name = self.settings.get(key, dotted(slot.default) if isinstance(slot.default, type) else None)
        if not isinstance(name, str) or not name:
            raise UserError(f"{key} names a class: {', '.join(known(kind)) or 'yours'}, or a dotted path")
        trusted(kind, name, self.trust)
        cls, base = imported(kind, name, key), slot.base or object
        if not issubclass(cls, base):
            raise UserError(f"{key} takes a {base.__name__} ({', '.join(known(kind))}); {brief(name, 80)} is none")
        own, found = slots_of(cls), self._under(f"{key}.")
        given = {setting.removeprefix(f"{key}.").partition(".")[0] for setting in found}
        for needed, one in own.items():
            if one.default is inspect.Parameter.empty and needed not in given:
                raise UserError(f"{key} '{brief(name, 80)}' needs {key}.{needed}: give it")
        return {key: dotted(cls)} | self.all(own, f"{key}.")

    def _value(self, key: str, slot: Slot) -> Any:
        value = self.settings[key]
        if slot.functions:
            self._functions(value)
        if not slot.fits(as_text(value)):
            raise UserError(f"{key} takes {slot.words()}, not '{brief(as_text(value))}'")
        if slot.kinds & {int, float} and not slot.kinds & {str} and str(value).lower() not in ("none", "null"):
            number = float(value)
            if math.isnan(number):
                raise UserError(f"{key} is not a number: give one")
            if int in slot.kinds and number < 0 and not key.endswith("seed"):
                raise UserError(f"{key} is {brief(value)}: give 0 or more")
            if key.endswith("batch_size") and number < 1:
                raise UserError(f"{key} is {brief(value)}: give 1 or more")
        return value

    def _functions(self, value: Any) -> None:
        """Refuse a function that is neither registered nor ours, unless its code is trusted."""
        for name in value if isinstance(value, list | tuple) else re.findall(r"[\w.:]+", str(value)):
            path = "." in str(name) or ":" in str(name)
            if path and not self.trust and not _ours(str(name)):
                raise UserError(
                    f"the run names the function {brief(name, 80)}, and loading it would run its code: if you trust "
                    "it, load with trust=True (--trust)"
                )

    def _hint(self, key: str) -> str:
        """Return the nearest setting: by its whole name, or one that ends in it."""
        last = key.rpartition(".")[2]
        same = [flag for flag in self.flags if flag.endswith(f".{last}") and flag != key]
        return f"; did you mean '{same[0]}'?" if same else nearest(key, self.flags)
