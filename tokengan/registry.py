"""Parts by short name. A package of anybody's adds its own by an entry point in the group `tokengan.<kind>`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from tokengan.errors import UserError, nearest

__all__ = ["KINDS", "class_path", "known", "resolve", "settled"]

# The kind of part by the name of the argument that takes one.
KINDS = {
    "method": "methods",
    "task": "tasks",
    "generator": "generators",
    "discriminator": "discriminators",
    "reward": "rewards",
    "credit": "credits",
    "baseline": "baselines",
    "estimator": "estimators",
    "loss": "losses",
    "constraint": "constraints",
    "first": "rewards",
    "teacher": "rewards",
    "second": "rewards",
    "rescale": "transforms",
    "transform": "transforms",
    "then": "transforms",
    "member": "generators",
    "each": "discriminators",
    "judge": "generators",
    "model": "generators",
    "network": "discriminators",
    "mediator": "generators",
}


@cache
def known(kind: str) -> dict[str, str]:
    """Return the class paths of a kind of part by short name, without importing any.

    >>> known("generators")["lstm"]
    'tokengan.generators.recurrent.LSTM'
    """
    return {point.name: point.value.replace(":", ".") for point in sorted(entry_points(group=f"tokengan.{kind}"))}


def class_path(kind: str, name: str) -> str:
    """Return the class path that a short name stands for; a dotted path stands for itself.

    Raises UserError, with the nearest name, for a name nobody registered.

    >>> class_path("generators", "my.module.Mine")
    'my.module.Mine'
    """
    if "." in name:
        return name
    parts = known(kind)
    if name not in parts:
        raise UserError(f"there is no {name!r} among the {kind}{nearest(name, parts)} (known: {', '.join(parts)})")
    return parts[name]


def resolve(kind: str, name: str) -> Any:
    """Return the class that a short name or a dotted path stands for.

    Raises UserError where the path leads nowhere.

    >>> resolve("losses", "minimax").__name__
    'Minimax'
    """
    path = class_path(kind, name)
    module, _, attribute = path.rpartition(".")
    try:
        return getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise UserError(f"{path} cannot be imported ({error})") from None


def settled(constructor: ast.AST) -> set[str]:
    """Return the arguments of the parent that a constructor gives itself: they are no settings of the class.

    >>> sorted(settled(ast.parse("def __init__(self, b, **rest): super().__init__(a=1, b=b, **rest)")))
    ['a', 'b']
    """

    def keywords() -> Iterator[str | None]:
        for node in ast.walk(constructor):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "__init__":
                yield from (keyword.arg for keyword in node.keywords)

    return {name for name in keywords() if name is not None}
