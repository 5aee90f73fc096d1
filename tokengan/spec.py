"""What a network must know of the task before it can be built; saved in every run as `spec.json`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from typing import Annotated, TypeVar

from tokengan.errors import UserError

__all__ = ["FUNCTION", "FunctionPath", "Net", "New", "Spec"]

FUNCTION = "path of a function"
FunctionPath = Annotated[str, FUNCTION]  # a setting that names a function: to read it is to run its module


@dataclass(frozen=True)
class Spec:
    """Sizes and ids of the sequences of one task.

    Args:
        vocab_size: Number of token ids, V.
        max_length: Longest sequence, T; a final EOS counts, the start symbol does not.
        start: Id fed to a generator before the first token.
        end: Id of EOS, or None where every sequence has `max_length` tokens (the SeqGAN oracle).
        pad: Id that fills the places after EOS, or None where there are none.
        unk: Id of the unknown word, or None.
        labels: Number of labels, 0 for none.
        condition: Sizes of the other conditions by name.
        features: Width of the features that the discriminator leaks, 0 for none.

    >>> Spec(vocab_size=10, max_length=4, start=1, end=2, pad=0).never
    (0, 1)
    >>> Spec(vocab_size=10, max_length=4, start=0).never          # here the start id is also a word
    ()
    >>> Spec.from_json(Spec(vocab_size=10, max_length=4).to_json()) == Spec(vocab_size=10, max_length=4)
    True
    """

    vocab_size: int
    max_length: int
    start: int = 0
    end: int | None = None
    pad: int | None = None
    unk: int | None = None
    labels: int = 0
    condition: dict[str, int] | None = None
    features: int = 0

    @property
    def never(self) -> tuple[int, ...]:
        """Ids that no generator may write: PAD, and the start symbol where it is not a word."""
        if self.pad is None:
            return ()
        return tuple(sorted({self.pad, self.start}))

    def to_json(self) -> str:
        """Return the fields as JSON text."""
        return json.dumps(asdict(self), indent=2)

    @classmethod
    def from_json(cls, text: str) -> Spec:
        """Read what `to_json` wrote. Raises UserError for anything else."""
        try:
            return cls(**json.loads(text))
        except (TypeError, ValueError) as error:
            known = ", ".join(field.name for field in fields(cls))
            raise UserError(f"spec.json is not a specification ({error}); its keys are {known}") from None


# A part that needs the sizes is given as a factory of a Spec, any other part as a factory of nothing: never as an
# instance, which two runs in one process would share.
Part = TypeVar("Part")
Net = Callable[[Spec], Part]
New = Callable[[], Part]
