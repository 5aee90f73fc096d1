"""What every metric is: its needs, its better direction, the split it reads; and which figures may be compared."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import pairwise
from typing import Any, ClassVar, Literal

from tokengan.errors import UserError
from tokengan.figure import Direction, Figure
from tokengan.metrics.ngrams import Sentences, digest

__all__ = [
    "TEXTS",
    "TOOLS",
    "Direction",
    "Figure",
    "Given",
    "Metric",
    "comparable",
    "missing",
    "no_ngrams",
    "require_same_signature",
]

TEXTS = frozenset({"samples", "reference", "train"})
TOOLS = frozenset({"features"})  # extras that read any text alike, so that real text can stand in for the samples


@cache
def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version  # slow to import, and only needed for a figure

    try:
        return f"tokengan {version('tokengan')}"
    except PackageNotFoundError:  # run from a checkout that was never installed
        return "tokengan (not installed)"


def comparable(a: Figure, b: Figure) -> bool:
    """Return whether two figures measure the same thing in the same way.

    >>> a = Figure("BLEU-2", 0.5, "higher", "test", "BLEU-2|refs=10000")
    >>> comparable(a, Figure("BLEU-2", 0.4, "higher", "test", "BLEU-2|refs=500"))
    False
    """
    return a.signature == b.signature


def require_same_signature(figures: Iterable[Figure]) -> None:
    """Refuse figures that may not be merged, averaged or put in one column.

    >>> require_same_signature([Figure("BLEU-2", 0.5, "higher", "test", "BLEU-2|refs=10000"),
    ...                         Figure("BLEU-2", 0.4, "higher", "test", "BLEU-2|refs=500")])
    Traceback (most recent call last):
    ...
    tokengan.errors.UserError: BLEU-2 and BLEU-2 cannot be compared: the first is BLEU-2|refs=10000, the second \
BLEU-2|refs=500. Compute both in the same way.
    """
    for first, other in pairwise(figures):
        if not comparable(first, other):
            raise UserError(
                f"{first.name} and {other.name} cannot be compared: the first is {first.signature}, "
                f"the second {other.signature}. Compute both in the same way."
            )


@dataclass(frozen=True)
class Given:
    """What a metric may read.

    Args:
        samples: The generated texts, tokenised.
        reference: Held-out real texts, or None.
        train: The texts that the generator learnt from, or None.
        extra: Whatever else a metric needs, by name: law, oracle, discriminator.
        tokens: How texts were cut, for the signature.
        case: "mixed" for texts as they are, "lower" for lower-cased ones.
        splits: What each text is, by its name here, for the figures: the reference is "test" unless it says "valid",
            the samples and the training text are "samples" and "train" unless real text stands in for them.

    >>> Given(samples=[["a"]], reference=[["a"], ["b"]]).source("reference", "refs")
    'refs=2#7e18f737'
    """

    samples: Sentences
    reference: Sentences | None = None
    train: Sentences | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    tokens: str = "word"
    case: str = "mixed"
    splits: Mapping[str, str] = field(default_factory=dict)

    def get(self, need: str) -> Any:
        """Return the text or the extra of this name, None where there is none."""
        return getattr(self, need) if need in TEXTS else self.extra.get(need)

    def split_of(self, text: str) -> str:
        """Return which split a text is."""
        return self.splits.get(text, "test" if text == "reference" else text)

    def size(self, text: str, label: str) -> str:
        """Return the part of a signature that says how many sentences a text has."""
        return f"{label}={len(self.get(text))}"

    def source(self, text: str, label: str) -> str:
        """Return the part of a signature that says how many sentences a text has, and which."""
        return f"{self.size(text, label)}#{digest(self.get(text))}"

    def replace(self, **changes: Any) -> Given:
        """Return a copy with some fields changed."""
        return replace(self, **changes)


class Metric(ABC):
    """A metric family: computes one or more figures of what is given, and keeps nothing between calls.

    Attributes:
        name: What one asks for it by.
        needs: Names of texts and extras of `Given` without which there is no figure.
        direction: Which way is better.
        bounds: Smallest and largest value there can be.
        split: The text of `Given` that decides which split a figure speaks of.
        cost: "cheap" for what takes about a second on 10,000 sentences and is computed unasked, otherwise "costly";
            "legacy" for what old tables have and nobody should want, which is computed when asked for by name alone.
    """

    name: ClassVar[str]
    needs: ClassVar[frozenset[str]]
    direction: ClassVar[Direction]
    bounds: ClassVar[tuple[float, float]]
    split: ClassVar[str]
    cost: ClassVar[Literal["cheap", "costly", "legacy"]] = "cheap"

    @abstractmethod
    def compute(self, given: Given) -> list[Figure]:
        """Return the figures; `missing(self, given)` must be None."""

    def figure(self, name: str, value: float, given: Given, *parts: str, note: str = "") -> Figure:
        """Return one figure of this metric, its signature made of the name, the parts and how the text was cut."""
        signature = "|".join([name, *parts, f"tok={given.tokens}", f"case={given.case}", _version()])
        return Figure(name, value, self.direction, given.split_of(self.split), signature, note)


_REMEDIES = {
    "samples": "it needs generated texts and there is not one",
    "reference": "it needs held-out real texts to compare with: give a reference (--reference FILE)",
    "train": "it needs the texts that the generator learnt from: give them (--train FILE)",
}


def missing(metric: Metric, given: Given) -> str | None:
    """Return in one sentence why a metric cannot be computed, or None if it can.

    >>> from tokengan.metrics.bleu import Bleu
    >>> missing(Bleu(), Given(samples=[["a"]]))
    'bleu cannot be computed: it needs held-out real texts to compare with: give a reference (--reference FILE).'
    """
    for need in sorted(metric.needs):
        value = given.get(need)
        if value is None or (need in TEXTS and not len(value)):
            return f"{metric.name} cannot be computed: {_REMEDIES.get(need, f'it needs {need}, which is not there')}."
    return None


def no_ngrams(value: float, n: int) -> str:
    """Return the note of an n-gram figure: why it is not a number, or nothing when it is one.

    >>> no_ngrams(math.nan, 3), no_ngrams(0.5, 3)
    ('no sample has 3 tokens', '')
    """
    return f"no sample has {n} tokens" if math.isnan(value) else ""
