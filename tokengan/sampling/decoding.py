"""How the next token is drawn from its law."""

from __future__ import annotations

from dataclasses import dataclass

from tokengan.errors import UserError

__all__ = ["Decoding"]


@dataclass(frozen=True)
class Decoding:
    """Settings of the draw, applied in this order: forbidden ids, temperature, top-k, nucleus.

    Args:
        temperature: Divides the logits; 0 is the same as `greedy`.
        top_k: Keep the k likeliest tokens; 0 keeps all.
        top_p: Keep the smallest set of likeliest tokens with at least this mass, the token that crosses it included.
        greedy: Take the likeliest token.
        forbid: Ids never drawn (the unknown word, say).

    >>> Decoding(temperature=-1)
    Traceback (most recent call last):
    ...
    tokengan.errors.UserError: temperature must be at least 0, not -1
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    greedy: bool = False
    forbid: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < float("inf"):
            raise UserError(f"temperature must be at least 0, not {self.temperature}")
        if self.top_k < 0:
            raise UserError(f"top_k must be at least 0 (0 keeps every token), not {self.top_k}")
        if not 0 < self.top_p <= 1:
            raise UserError(f"top_p must be above 0 and at most 1, not {self.top_p}")

    @property
    def plain(self) -> bool:
        """Whether it draws from the law as it is, but for forbidden ids."""
        return self == Decoding(forbid=self.forbid)

    @property
    def likeliest(self) -> bool:
        """Whether the draw is the likeliest token."""
        return self.greedy or self.temperature == 0
