"""The settings of a class, read off its constructor: numbers and words, groups of them, and parts."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import textwrap
import types
import typing
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin

from tokengan.errors import UserError
from tokengan.registry import settled
from tokengan.spec import FUNCTION

__all__ = ["Slot", "flags_of", "slots_of"]

WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text", type(None): "null"}


@dataclasses.dataclass(frozen=True)
class Slot:
    """One argument of a constructor.

    Args:
        type: Its annotation.
        default: Its default, or `inspect.Parameter.empty`.
        functions: Whether it names functions.
    """

    type: Any
    default: Any
    functions: bool = False

    @property
    def base(self) -> type | None:
        """The base class of the part that it takes a factory of, or None."""
        if get_origin(self.type) is not Callable:
            return None
        made = get_args(self.type)[-1]
        return made if isinstance(made, type) else object

    @property
    def group(self) -> type | None:
        """The frozen dataclass that it takes, or None."""
        return self.type if isinstance(self.type, type) and dataclasses.is_dataclass(self.type) else None

    @property
    def mapping(self) -> bool:
        """Whether it takes names and values of any kind."""
        kinds = [get_origin(kind) or kind for kind in _alternatives(self.type)]
        return any(isinstance(kind, type) and issubclass(kind, Mapping) for kind in kinds)

    @property
    def kinds(self) -> set[Any]:
        """The alternatives of its annotation."""
        return set(_alternatives(self.type))

    def words(self) -> str:
        """Return what it takes, in words.

        >>> Slot(int | None, None).words(), Slot(Literal["word", "char"], "word").words()
        ('a whole number or null', 'one of word, char')
        """
        return " or ".join(dict.fromkeys(_words(kind) for kind in _alternatives(self.type)))

    def fits(self, text: str) -> bool:
        """Return whether a text can be read as what it takes.

        >>> Slot(int, 1).fits("3"), Slot(int, 1).fits("3.5")
        (True, False)
        """
        from jsonargparse import ArgumentParser

        parser = ArgumentParser(exit_on_error=False)
        parser.add_argument("--x", type=self.type)
        try:
            parser.parse_args([f"--x={text}"])
        except UserError:
            raise
        except Exception:  # jsonargparse lets through what the types it calls raise
            return False
        return True


def slots_of(cls: Any) -> dict[str, Slot]:
    """Return the settings of a class by name: what its constructor takes by keyword, a `Spec` apart.

    Where the constructor has `**kwargs`, those of its parents too.

    >>> from tokengan.estimators.credit import RollOut
    >>> list(slots_of(RollOut))
    ['n', 'cap', 'every']
    """
    return dict(_slots(cls))


@cache
def _slots(cls: Any) -> dict[str, Slot]:
    found: dict[str, Slot] = {}
    closed: set[str] = set()
    for owner in inspect.getmro(cls):
        if "__init__" not in vars(owner):
            continue
        signature = inspect.signature(owner.__init__)
        hints, remarked = _hints(owner.__init__), _hints(owner.__init__, remarks=True)
        more = False
        for name, parameter in list(signature.parameters.items())[1:]:
            more = more or parameter.kind is parameter.VAR_KEYWORD
            named = parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
            if named and name != "spec" and name not in closed:
                functions = _names_functions(remarked.get(name))
                found.setdefault(name, Slot(hints.get(name, Any), parameter.default, functions))
        if not more:
            break
        closed |= _settled(owner.__init__) - set(found)
    return found


def _settled(function: Any) -> set[str]:
    try:
        return settled(ast.parse(textwrap.dedent(inspect.getsource(function))))
    except (OSError, SyntaxError, TypeError):  # a class made without a file, or not in Python
        return set()


def _hints(function: Any, remarks: bool = False) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function, include_extras=remarks)
    except (NameError, TypeError) as error:
        raise UserError(
            f"the types of {function.__qualname__} cannot be read ({error}): import what they name in its module"
        ) from None


def _names_functions(hint: Any) -> bool:
    return FUNCTION in getattr(hint, "__metadata__", ()) or any(map(_names_functions, get_args(hint)))


def flags_of(slots: Mapping[str, Slot], prefix: str = "") -> dict[str, Slot]:
    """Return all settings by dotted name, those of groups and of default parts too."""
    flags: dict[str, Slot] = {}
    for name, slot in slots.items():
        flags[f"{prefix}{name}"] = slot
        part = slot.default if slot.base is not None and isinstance(slot.default, type) else None
        if slot.group is not None:
            flags |= flags_of(_with_values(slot), f"{prefix}{name}.")
        elif part is not None:
            flags |= flags_of(slots_of(part), f"{prefix}{name}.")
    return flags


def _with_values(slot: Slot) -> dict[str, Slot]:
    """Return the settings of a group, with the values of the default instance as their defaults."""
    assert slot.group is not None
    given = slot.default
    return {
        name: dataclasses.replace(own, default=getattr(given, name, own.default))
        for name, own in slots_of(slot.group).items()
    }


def _alternatives(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)


def _words(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return f"one of {', '.join(map(str, get_args(kind)))}"
    if get_origin(kind) is tuple:
        return f"[{', '.join(WORDS.get(one, 'anything') for one in get_args(kind))}]"
    if isinstance(get_origin(kind), type):
        return "names with values" if issubclass(get_origin(kind), Mapping) else "a list, as [1, 2]"
    return WORDS.get(kind, getattr(kind, "__name__", str(kind)).lower())
