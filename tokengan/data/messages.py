"""Names and values inside an error message: one line each, and short whatever the user's file holds."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tokengan.errors import nearest

__all__ = ["brief", "listing", "place", "suggest"]

NAME_LIMIT = 40
PATH_LIMIT = 120


def brief(text: object, limit: int = NAME_LIMIT) -> str:
    r"""Return the text on one line, its middle left out where it is longer than `limit`.

    >>> brief("a\nb"), brief("x" * 50, 11)
    ('a b', 'xxxx...xxxx')
    """
    line = "".join(char if char.isprintable() else " " for char in str(text))
    line = " ".join(line.split())
    half = (limit - 3) // 2
    return line if len(line) <= limit else f"{line[:half]}...{line[-half:]}"


def listing(names: Iterable[object], limit: int = 5) -> str:
    """Return the first names in quotes and the number of the others.

    >>> listing(["id", "text"]), listing("abc", limit=2), listing([])
    ("'id', 'text'", "'a', 'b' and 1 more", 'none')
    """
    known = list(names)
    shown = ", ".join(f"'{brief(name)}'" for name in known[:limit])
    more = f" and {len(known) - limit} more" if len(known) > limit else ""
    return shown + more if known else "none"


def place(path: Path | str, line: int | None = None) -> str:
    """Return the file, and the line where there is one, as every message begins.

    >>> place("my.txt"), place("my.txt", 3)
    ('my.txt', 'my.txt, line 3')
    """
    return brief(path, PATH_LIMIT) + ("" if line is None else f", line {line}")


def suggest(word: object, known: Iterable[object]) -> str:
    """Return `; did you mean ...?` for the nearest of names that may be long or hold line breaks.

    >>> suggest("txet", ["id", "text"])
    "; did you mean 'text'?"
    """
    return nearest(brief(word), [brief(name) for name in known])
