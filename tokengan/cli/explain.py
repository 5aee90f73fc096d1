"""`tokengan explain METHOD`: one method on a page."""

from __future__ import annotations

import textwrap

from tokengan.cli.arguments import Parser, print_json
from tokengan.cli.catalogue import Entry, read_class, section

__all__ = ["flags_text", "run"]

# Heading on the page -> word in the heading of docs/methods/NAME.md.
SECTIONS = {
    "Idea": "idea",
    "Equations": "equation",
    "What the curves should look like": "curve",
    "Differences from the paper": "differ",
}


def run(words: list[str]) -> int:
    """Print the page."""
    parser = Parser("explain", "Explain one method: idea, equations, settings, presets, differences from the paper.")
    parser.add_argument("method", help="short name (see `tokengan methods`) or class path")
    parser.json_flag()
    asked = parser.read(words)
    entry = read_class("methods", asked.method)
    sections = {heading: section(entry.name, word) for heading, word in SECTIONS.items()}
    if asked.json:
        print_json({**entry.to_json(), "sections": sections})
    else:
        print(_page(entry, {heading: text for heading, text in sections.items() if text}))
    return 0


def _page(entry: Entry, sections: dict[str, str]) -> str:
    blocks = [entry.title]
    if "Idea" not in sections and entry.about:
        blocks.append(entry.about.partition("\n\nArgs:")[0])
    if sections:
        blocks += [f"{heading}\n{textwrap.indent(text, '  ')}" for heading, text in sections.items()]
    if entry.steps:
        width = max(map(len, entry.steps))
        blocks.append("Steps\n" + "\n".join(f"  {name:<{width}}  {text}" for name, text in entry.steps.items()))
    blocks.append(f"Settings: tokengan train {entry.name} [DATA] --NAME VALUE\n" + _settings(entry))
    if entry.presets:
        presets = "\n".join(f"  {name}: {flags_text(flags)}" for name, flags in entry.presets.items())
        blocks.append(f"Presets: tokengan train {entry.name} [DATA] --preset NAME\n{presets}")
    blocks.append(f"Next: tokengan train {entry.name} --help    lists the settings of the parts too")
    return "\n\n".join(blocks)


def _settings(entry: Entry) -> str:
    lines: list[str] = []
    for argument in entry.arguments:
        about = f"{argument.about} One of {', '.join(argument.choices)}." if argument.choices else argument.about
        lines += textwrap.wrap(
            f"{argument.name} = {argument.default}: {about}", 118, initial_indent="  ", subsequent_indent="      "
        )
    return "\n".join(lines)


def flags_text(flags: dict[str, object]) -> str:
    """Return settings as the flags they stand for.

    >>> flags_text({"data": "oracle", "credit.n": 4})
    'oracle --credit.n 4'
    """
    data = [str(flags["data"])] if "data" in flags else []
    return " ".join([*data, *(f"--{name} {value}" for name, value in flags.items() if name != "data")])
