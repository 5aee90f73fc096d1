"""What a network must offer to be read from while a sequence is written.

Axes: B batch, T time, F features.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from tokengan.generators.base import State, Token
from tokengan.sequences import Sequences

__all__ = ["Reader"]


@runtime_checkable
class Reader(Protocol):
    """Gives features of every prefix. Two faces, one number: `prefixes` at once, `start` and `step` token by token.

    The features of the whole prefix are those that it gives of a finished sequence; after its end they stay.
    """

    def prefixes(self, x: Sequences) -> Float[Tensor, "B T1 F"]:
        """Return the features of the first 0 to T tokens [B,T+1,F]."""
        ...

    def start(self, rows: int) -> tuple[Float[Tensor, "B F"], State]:
        """Return the features of nothing and the state before the first token."""
        ...

    def step(self, token: Token, state: State) -> tuple[Float[Tensor, "B F"], State]:
        """Read one token and return the features of all that was read, and the new state."""
        ...
