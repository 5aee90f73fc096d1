"""A worker process of `tokengan.chem.pool`: reads a question a line, writes an answer a line."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from functools import cache, reduce
from importlib import import_module
from typing import Any

__all__ = ["answer", "main"]


@cache
def _function(name: str) -> Callable[..., Any]:
    module, _, inside = name.partition(":")
    return reduce(getattr, inside.split("."), import_module(module))


def answer(line: str) -> str:
    """Return the answer to one question; an error names the text that it came with.

    >>> answer('{"function": "builtins:len", "texts": ["a", "bc"], "settings": {}}')
    '{"values": [1, 2]}'
    """
    question = json.loads(line)
    values, text = [], None
    try:
        function = _function(question["function"])
        for text in question["texts"]:
            values.append(function(text, **question["settings"]))
        return json.dumps({"values": values})
    except Exception as error:  # whatever it is, the parent is to hear of it
        return json.dumps({"error": f"{type(error).__name__}: {error}", "text": text})


def main() -> None:
    """Answer until the parent closes the pipe."""
    # What a function prints goes to standard error, not among the answers.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for line in sys.stdin:
        out.write(answer(line) + "\n")
        out.flush()


if __name__ == "__main__":
    main()
