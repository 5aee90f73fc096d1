"""The conventional way: patterns of the corpus, whose slots are filled with words of the same class and surroundings.

Axes: B batch, T time, V vocabulary, P patterns, S surroundings of a slot, W words that fill slots.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from tokengan.errors import UserError
from tokengan.generators.base import Condition
from tokengan.generators.classes import word_classes
from tokengan.generators.counted import Counted
from tokengan.noise import Noise
from tokengan.sequences import Sequences, tidy
from tokengan.spec import Spec

__all__ = ["Template"]

PARTS = ("patterns", "seen", "surroundings", "first", "words", "counts")


class Template(Counted):
    """Draws a pattern as often as it was seen, then fills each slot as it was filled between the same classes.

    A pattern is a sentence with every word replaced by its class; frequent words are classes of their own and so stay.
    The filler of a slot is drawn from the words that stood there in the data, given the classes of the slot and of both
    its neighbours, in proportion to their counts. There is no step and no likelihood that could be computed: one
    sentence can come from many patterns.

    >>> from tokengan.sampling.decoding import Decoding
    >>> generator = Template(Spec(vocab_size=6, max_length=3), literal=1, classes=1)
    >>> rows = [[0, 1, 2], [0, 3, 4], [0, 2, 1], [0, 4, 3]]
    >>> _ = generator.count(Sequences(torch.tensor(rows), torch.ones(4, 3, dtype=torch.bool)))
    >>> y = generator.write(50, Noise(torch.Generator().manual_seed(0)), Decoding(), {})
    >>> y.tokens[:, 0].unique().tolist(), y.tokens[:, 1].unique().tolist()
    ([0], [1, 2, 3, 4])
    """

    def __init__(self, spec: Spec, literal: int = 60, classes: int = 100) -> None:
        """Make an empty corpus.

        Args:
            spec: Sizes and ids of the task.
            literal: How many of the most frequent words a pattern keeps.
            classes: Number of classes of the other words.
        """
        super().__init__(spec)
        if literal < 0 or classes < 1:
            raise ValueError(f"there are 0 or more literal words and 1 or more classes, not {literal} and {classes}")
        self.literal, self.classes = literal, classes
        for part in PARTS:
            empty = torch.zeros((0, 0) if part == "patterns" else int(part == "first"), dtype=torch.long)
            self.register_buffer(part, empty)

    patterns: Tensor  # classes, 0 is beyond the end [P,T]
    seen: Tensor  # how often each [P]
    surroundings: Tensor  # of slots: the classes of the left, own and right place as one number, ascending [S]
    first: Tensor  # where the words of each begin [S+1]
    words: Tensor  # that fill them [W]
    counts: Tensor  # how often they did [W]

    def count(self, x: Sequences) -> Mapping[str, int]:
        """Find the classes, the patterns, and what fills their slots."""
        edge = x.tokens.new_full((len(x), 1), self.spec.vocab_size)
        padded = torch.cat([edge, x.tokens.masked_fill(~x.mask, self.spec.vocab_size), edge], dim=1)
        left, right = padded[:, :-2][x.mask], padded[:, 2:][x.mask]
        words = x.tokens[x.mask]
        found = word_classes(words, left, right, self.spec.vocab_size, self.literal, self.classes)
        classed = (1 + found[x.tokens]).masked_fill(~x.mask, 0)
        self.patterns, self.seen = torch.unique(classed, dim=0, return_counts=True)
        slots = self._surroundings(classed)[x.mask] * self.spec.vocab_size + words
        filled, self.counts = torch.unique(slots, return_counts=True)
        self.words = filled % self.spec.vocab_size
        self.surroundings, sizes = torch.unique_consecutive(filled // self.spec.vocab_size, return_counts=True)
        self.first = torch.cat([sizes.new_zeros(1), sizes.cumsum(0)])
        return {"patterns": len(self.patterns), "slots": len(self.surroundings), "fillers": len(self.words)}

    def _surroundings(self, classed: Tensor) -> Tensor:
        """Return the number of the classes around and at each place [B,T]."""
        base = self.literal + self.classes + 1
        padded = torch.nn.functional.pad(classed, (1, 1))
        return (padded[:, :-2] * base + padded[:, 1:-1]) * base + padded[:, 2:]

    def write(self, rows: int, noise: Noise, decoding: Any, condition: Condition) -> Sequences:
        """Return sentences; a decoding that changes more than which words are forbidden is refused."""
        if not decoding.plain:
            raise UserError(
                "a template has no probabilities to sharpen: leave out temperature, top-k, top-p and greedy"
            )
        if len(self.patterns) == 0:
            raise UserError("this template generator has counted nothing yet: train it first")
        weights = self.counts.double()
        for word in decoding.forbid:
            weights = weights.masked_fill(self.words == word, 0.0)
        summed = torch.cat([weights.new_zeros(1), weights.cumsum(0)])
        slot = torch.searchsorted(self.surroundings, self._surroundings(self.patterns))
        there = self.patterns > 0
        slot = slot.masked_fill(~there, 0)
        low, high = summed[self.first[slot]], summed[self.first[slot + 1]]
        # A pattern with a slot that nothing allowed fills is never drawn.
        chances = self.seen.double() * ((high > low) | ~there).all(1)
        if chances.sum() == 0:
            raise UserError("every pattern needs a forbidden word: allow the unknown word, or train on other data")
        uniforms = noise.uniforms(rows, 1 + self.spec.max_length).to(weights)
        up_to = chances.cumsum(0)
        pattern = torch.searchsorted(up_to, uniforms[:, 0] * up_to[-1], right=True)
        length = self.patterns.shape[1]
        low, high = low[pattern], high[pattern]
        place = torch.searchsorted(summed[1:], low + uniforms[:, 1 : 1 + length] * (high - low), right=True)
        tokens = self.words[place.clamp(max=len(self.words) - 1)]
        longer = (0, self.spec.max_length - length)
        return Sequences(
            *tidy(torch.nn.functional.pad(tokens, longer, value=self.spec.pad or 0), self.spec), condition=condition
        )
