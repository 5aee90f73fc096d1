"""The page of traps and checks names tests that are there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parent
LINES = (TESTS.parent / "docs" / "checks.md").read_text().splitlines()
# Of every table on the page, without its heading.
ROWS = [line for line in LINES if line.startswith("| ") and not line.startswith(("| card |", "| --- |"))]


def test_every_row_of_the_page_names_a_test_that_is_there() -> None:
    known: dict[str, set[str]] = {}
    for row in ROWS:
        card, trap, test = (cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1])
        assert card, row
        assert trap, row
        named = re.fullmatch(r"`([\w/]+\.py)::(test_\w+)`", test)
        assert named, row
        file, name = named.groups()
        if file not in known:
            tree = ast.parse((TESTS / file).read_text())
            known[file] = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        assert name in known[file], row
    assert len(ROWS) > 100
