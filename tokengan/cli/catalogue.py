"""What is registered, read from its source with `ast`: nothing is imported, so torch is not either."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tokengan.errors import UserError
from tokengan.registry import KINDS, class_path, known, resolve, settled

__all__ = ["Argument", "Entry", "argument_docs", "read_class", "section"]


@dataclass(frozen=True)
class Argument:
    """One setting of a class: its name, default and description, as written."""

    name: str
    default: str
    about: str = ""

    @property
    def choices(self) -> list[str]:
        """The registered parts it may name."""
        kind = KINDS.get(self.name)
        return list(known(kind)) if kind else []


@dataclass(frozen=True)
class Entry:
    """A class as its source tells it.

    Args:
        name: Short name or path.
        path: Class path.
        title: First line of its module.
        about: Docstring of the class.
        arguments: Its settings.
        presets: Settings by preset.
        steps: First line about each of its functions.
    """

    name: str
    path: str
    title: str = ""
    about: str = ""
    arguments: list[Argument] = field(default_factory=list)
    presets: dict[str, dict[str, Any]] = field(default_factory=dict)
    steps: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the fields for `json.dumps`."""
        arguments = [
            {"name": a.name, "default": a.default, "about": a.about, "choices": a.choices} for a in self.arguments
        ]
        return {
            "name": self.name, "class": self.path, "title": self.title, "about": self.about,
            "settings": arguments, "presets": self.presets, "steps": self.steps,
        }  # fmt: skip


def read_class(kind: str, name: str) -> Entry:
    """Return what the source of a registered class, or of one by its path, says.

    >>> entry = read_class("methods", "seqgan")
    >>> entry.title.startswith("SeqGAN"), entry.arguments[0].name
    (True, 'generator')
    """
    path = class_path(kind, name)
    module, _, attribute = path.rpartition(".")
    tree = _parse(module, path)
    bodies = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == attribute]
    title = (ast.get_docstring(tree) or "").partition("\n")[0]
    if not bodies:
        return Entry(name, path, title)
    body = bodies[0]
    functions = {node.name: node for node in body.body if isinstance(node, ast.FunctionDef)}
    docs = {own: ast.get_docstring(node) or "" for own, node in functions.items()}
    about = argument_docs(docs.get("__init__", "") or ast.get_docstring(body) or "")
    given = [Argument(own, default, about.get(own, "")) for own, default in _arguments(functions.get("__init__"))]
    steps = {
        own: _first(docs[own])
        for own, node in functions.items()
        if docs[own] and not own.startswith("_") and not node.decorator_list
    }
    parent = _parent(kind, body, tree, functions.get("__init__"))
    if parent is not None:
        mine = {argument.name for argument in given} | settled(functions.get("__init__", ast.Module([], [])))
        given += [argument for argument in parent.arguments if argument.name not in mine]
        steps = {**parent.steps, **steps}
    return Entry(name, path, title, ast.get_docstring(body) or "", given, _presets(body, tree, path), steps)


def _parent(kind: str, body: ast.ClassDef, tree: ast.Module, init: ast.FunctionDef | None) -> Entry | None:
    """Return the entry of the class that takes what the constructor hands on as `**rest`, or that has it."""
    if init is not None and init.args.kwarg is None:
        return None
    paths = (_imported_as(tree, base) for base in body.bases)
    return next((read_class(kind, path) for path in paths if path and path.startswith("tokengan.")), None)


def _parse(module: str, path: str) -> ast.Module:
    try:
        spec = find_spec(module)
        origin = None if spec is None else spec.origin
        if origin is None or not origin.endswith(".py"):
            raise ImportError(f"there is no module {module}")
        return ast.parse(Path(origin).read_text(encoding="utf-8"))
    except UserError:
        raise
    except Exception as error:  # a parent package of somebody else's is imported, and may raise anything
        raise UserError(f"{path[:100]} cannot be read ({error})") from None


def _arguments(function: ast.FunctionDef | None) -> list[tuple[str, str]]:
    if function is None:
        return []
    own = function.args
    defaults: list[ast.expr | None] = [*[None] * (len(own.args) - len(own.defaults)), *own.defaults]
    both = [*zip(own.args, defaults, strict=True), *zip(own.kwonlyargs, own.kw_defaults, strict=True)]
    given = [(argument.arg, "" if default is None else ast.unparse(default)) for argument, default in both]
    return [(name, default) for name, default in given if name not in ("self", "task", "spec", "seed")]


def _presets(body: ast.ClassDef, tree: ast.Module, path: str) -> dict[str, dict[str, Any]]:
    """Return the dictionary `presets` of a class: as written, from the module it is taken from, or from the class."""
    for node in body.body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        value = getattr(node, "value", None)
        if value is None or not any(isinstance(target, ast.Name) and target.id == "presets" for target in targets):
            continue
        try:
            return ast.literal_eval(value)
        except ValueError:
            module = _imported_as(tree, value)
            return resolve("methods", path).presets if module is None else resolve("methods", module)
    return {}


def _imported_as(tree: ast.Module, value: ast.expr) -> str | None:
    """Return the path of `NAME` where the module says `from package.module import NAME`."""
    for node in tree.body:
        if isinstance(value, ast.Name) and isinstance(node, ast.ImportFrom) and not node.level:
            for alias in node.names:
                if (alias.asname or alias.name) == value.id:
                    return f"{node.module}.{alias.name}"
    return None


def argument_docs(docstring: str) -> dict[str, str]:
    r"""Return the description of each argument in a docstring's `Args:`.

    >>> argument_docs("Do.\n\nArgs:\n    a, b: Two\n        words.\n    c: One.")
    {'a': 'Two words.', 'b': 'Two words.', 'c': 'One.'}
    """
    _, _, listed = docstring.partition("Args:\n")
    found: dict[str, str] = {}
    for names, text in re.findall(
        r"^ {4}(\w+(?:, \w+)*): (.*(?:\n {5,}.*)*)", listed.partition("\n\n")[0], re.MULTILINE
    ):
        found |= dict.fromkeys(names.split(", "), " ".join(text.split()))
    return found


def section(name: str, word: str) -> str:
    """Return the section of `docs/methods/NAME.md` whose heading holds a word; "" where there is none."""
    page = Path(__file__).parents[2] / "docs" / "methods" / f"{name}.md"
    if not page.is_file():
        return ""
    for part in re.split(r"^## ", page.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        heading, _, text = part.partition("\n")
        if word in heading.lower():
            return text.strip()
    return ""


def _first(docstring: str) -> str:
    return " ".join(docstring.partition("\n\n")[0].split())
