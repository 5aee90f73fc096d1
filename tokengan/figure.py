"""A number that knows what it is: its split, its better direction, and how it was computed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

__all__ = ["Direction", "Figure"]

Direction = Literal["higher", "lower", "none"]


@dataclass(frozen=True)
class Figure:
    """One number with all that must be known before it stands beside another one.

    Args:
        name: What a table calls it, `BLEU-2`.
        value: The number; not a number where it is not defined, and then `note` says why.
        direction: Which way is better; "none" where neither is by itself.
        split: The data that were read: "samples" alone, or the "train", "valid" or "test" text.
        signature: Parts joined by `|`. Two figures may be compared when these are equal, and only then.
        note: A remark for the reader, or an empty text.

    >>> Figure("BLEU-2", 0.5, "higher", "test", "BLEU-2|refs=9").to_json()["signature"]
    'BLEU-2|refs=9'
    """

    name: str
    value: float
    direction: Direction
    split: str
    signature: str
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the fields for `json.dumps`; a value that JSON cannot write becomes None."""
        return {**asdict(self), "value": self.value if math.isfinite(self.value) else None}

    @classmethod
    def from_json(cls, read: Mapping[str, Any]) -> Figure:
        """Return what `to_json` gave; None becomes not a number again.

        >>> math.isnan(Figure.from_json(Figure("x", math.inf, "none", "test", "x|n=1").to_json()).value)
        True
        """
        return cls(**{**read, "value": math.nan if read["value"] is None else read["value"]})

    def replace(self, **changes: Any) -> Figure:
        """Return a copy with some fields changed."""
        return replace(self, **changes)
