"""As many captions as one asks for: those there are, and then what a chain of their words writes.

No file of captions here has 100,000 lines. Copies would have no new n-grams, which is what the cost of a metric grows
with. A chain that draws each word from those that followed the last two in some caption makes new ones, from four words
on, of the words and the lengths of captions.
"""

from __future__ import annotations

import random
from collections import defaultdict
from pathlib import Path

Text = list[list[str]]


def lines(path: Path) -> Text:
    return [line.split() for line in path.read_text(encoding="utf-8").splitlines()]


def at_least(text: Text, size: int, seed: int) -> Text:
    """Return the first `size` lines, the last of them made where the text has fewer."""
    if size <= len(text):
        return text[:size]
    after: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for sentence in text:
        words = ["", "", *sentence, ""]
        for i, word in enumerate(words[2:]):
            after[words[i], words[i + 1]].append(word)
    draw, made = random.Random(seed), list(text)
    while len(made) < size:
        written = ["", ""]
        while (word := draw.choice(after[written[-2], written[-1]])) or len(written) == 2:
            written.append(word)
        made.append(written[2:])
    return made
