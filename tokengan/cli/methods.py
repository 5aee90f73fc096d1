"""`tokengan methods`: the catalogue."""

from __future__ import annotations

from tokengan.cli.arguments import Parser, print_json
from tokengan.cli.catalogue import read_class
from tokengan.registry import KINDS, known

__all__ = ["run"]


def run(words: list[str]) -> int:
    """Print what there is."""
    parser = Parser("methods", "List the methods, what each is made of, and the parts there are.")
    parser.json_flag()
    asked = parser.read(words)
    methods = [read_class("methods", name) for name in known("methods")]
    parts = {kind: list(known(kind)) for kind in KINDS.values() if kind != "methods"}
    if asked.json:
        print_json({"methods": [entry.to_json() for entry in methods], "parts": parts})
        return 0
    for entry in methods:
        made_of = ", ".join(argument.name for argument in entry.arguments if argument.choices)
        print(f"{entry.name:<12}{entry.title}")
        print(f"{'':<12}parts: {made_of}")
        print(f"{'':<12}presets: {', '.join(entry.presets) or 'none'}\n")
    print("Parts by short name (a class of yours goes by its dotted path):")
    for kind, names in parts.items():
        print(f"  {kind:<16}{', '.join(names)}")
    print("\nNext: tokengan explain METHOD")
    return 0
