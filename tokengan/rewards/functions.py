"""A person's own functions, by dotted path."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from tokengan.errors import UserError, nearest
from tokengan.registry import known

__all__ = ["function_of", "name_of"]


def function_of(given: str | Callable[..., Any]) -> Callable[..., Any]:
    """Return the function that a short name or a path `module:function` stands for; a function stands for itself.

    Raises UserError where the path leads nowhere or to something that cannot be called.

    >>> function_of("math:sqrt")(4.0)
    2.0
    >>> function_of("math:sqr")
    Traceback (most recent call last):
    ...
    tokengan.errors.UserError: math:sqr: the module math has no 'sqr'; did you mean 'sqrt'?
    """
    if not isinstance(given, str):
        if not callable(given):
            raise UserError(f"{given!r} is not a function: give one, or a path as module:function")
        return given
    short = known("objectives")
    given = ":".join(short[given].rsplit(".", 1)) if given in short else given
    module, _, attribute = given.partition(":") if ":" in given else given.rpartition(".")
    if not module or not attribute:
        names = ", ".join(short)
        raise UserError(f"'{given}' names no function{nearest(given, short)}: {names}, or a path as module:function")
    try:
        found: Any = import_module(module)
    except Exception as error:  # somebody else's module may raise anything
        raise UserError(
            f"{given}: the module {module} cannot be imported ({type(error).__name__}: {error}): is its folder among "
            "those that Python searches (PYTHONPATH)?"
        ) from error
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise UserError(f"{given}: the module {module} has no '{attribute}'{nearest(part, dir(found))}")
        found = getattr(found, part)
    if not callable(found):
        raise UserError(f"{given} is a {type(found).__name__}, not a function")
    return found


def name_of(function: Callable[..., Any]) -> str:
    """Return what a function is called in messages.

    >>> name_of(name_of)
    'tokengan.rewards.functions:name_of'
    """
    name = getattr(function, "__qualname__", None)
    return repr(function) if name is None else f"{getattr(function, '__module__', '?')}:{name}"
