"""As many captions as one asks for: those there are, and then what a word 4-gram model of them writes.

No file of captions here has 100,000 lines. Copies would have no new n-grams, which is what the cost of a metric grows
with; the model's lines have, with the words and the lengths of the captions it has counted.
"""

from __future__ import annotations

from pathlib import Path

import torch

from tokengan.generators.ngram import NGram
from tokengan.noise import Noise
from tokengan.sampling.write import write
from tokengan.sequences import Sequences, pad_lists
from tokengan.spec import Spec

Text = list[list[str]]
AT_ONCE = 2000


def lines(path: Path) -> Text:
    return [line.split() for line in path.read_text(encoding="utf-8").splitlines()]


def at_least(text: Text, size: int, seed: int) -> Text:
    """Return the first `size` lines, the last of them made where the text has fewer."""
    missing = size - len(text)
    if missing <= 0:
        return text[:size]
    pad, start, end, unknown, *_ = range(4)
    words = ["", "", "", "", *sorted(set().union(*text))]
    places = {word: k for k, word in enumerate(words)}
    rows = [[*(places[word] for word in sentence), end] for sentence in text]
    model = NGram(Spec(len(words), max(map(len, rows)), start, end, pad, unknown), order=4)
    model.count(Sequences(*pad_lists(rows, pad)))
    noise = Noise(torch.Generator().manual_seed(seed))
    made: Text = []
    while len(made) < missing:
        written = write(model, AT_ONCE, noise)
        for row, length in zip(written.tokens.tolist(), written.lengths.tolist(), strict=True):
            made.append([words[token] for token in row[:length] if token != end])
    return [*text, *made[:missing]]
