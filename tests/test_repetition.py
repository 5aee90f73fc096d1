"""The share of the package's lines of code that stand in a run of six or more that stands elsewhere too."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "tokengan"
RUN = 6
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def lines_of_code(source: str) -> list[str]:
    """Return the lines, imports among them, that are neither blank nor comment nor docstring; spaces are folded."""
    prose: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node) is not None:
            first = node.body[0]
            prose |= set(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    lines = [" ".join(line.split()) for line in source.splitlines()]
    return [line for i, line in enumerate(lines, 1) if i not in prose and line and not line.startswith("#")]


def repeated(sources: list[str]) -> float:
    """Return the share."""
    files = [lines_of_code(source) for source in sources]
    where: dict[tuple[str, ...], list[tuple[int, int]]] = defaultdict(list)
    for i, lines in enumerate(files):
        for k in range(len(lines) - RUN + 1):
            where[tuple(lines[k : k + RUN])].append((i, k))
    inside = {(i, k + j) for places in where.values() if len(places) > 1 for i, k in places for j in range(RUN)}
    return len(inside) / sum(map(len, files))


def test_the_measure_counts_both_copies_and_no_prose():
    run = "".join(f"x{i} = {i}\n" for i in range(RUN))
    prose = '"""Six\nlines\nof\nthe\nsame\nprose."""\n'
    assert repeated([run + "y = 1\n", prose + run]) == 2 * RUN / (2 * RUN + 1)
    assert repeated([prose + "a = 1\n", prose + "b = 1\n"]) == 0


def test_the_package_repeats_itself_little():
    assert repeated([path.read_text() for path in sorted(PACKAGE.rglob("*.py"))]) < 0.03
