"""Reading a source: the sequence that a conditional generator writes for.

Axes: B batch, S source tokens, E embedding, H hidden units of one direction, M width of what is remembered.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from tokengan.errors import UserError
from tokengan.sequences import Sequences
from tokengan.spec import Spec

__all__ = ["SOURCE", "both_ways", "longest_source", "source_of", "widened"]

SOURCE = "source"


def longest_source(spec: Spec, who: str) -> int:
    """Return how many tokens a source has at most. Raises UserError for a task whose sequences have none.

    >>> longest_source(Spec(vocab_size=9, max_length=4, condition={"source": 6}), "seq2seq")
    6
    """
    if SOURCE not in (spec.condition or {}):
        raise UserError(
            f"{who} writes for a source, and the sequences of this task have none: take the task pairs, or a generator "
            "that needs no source (lstm, transformer)"
        )
    return (spec.condition or {})[SOURCE]


def source_of(condition: Any, limit: int) -> Sequences:
    """Return the source of a condition, cut after its longest row. Raises UserError for one longer than the limit."""
    if SOURCE not in condition:
        raise UserError("there is no source to write for: give one for each text (generate --source FILE)")
    source: Sequences = condition[SOURCE].trim()
    if source.length > limit:
        raise UserError(f"a source of {source.length} tokens is longer than the {limit} that the generator reads")
    return source


def widened(memory: Float[Tensor, "B S M"], width: int) -> Float[Tensor, "B W M"]:
    """Return what was read of a source with zeros behind it: of one width, so that any two states fit together."""
    return functional.pad(memory, (0, 0, 0, width - memory.shape[1]))


def both_ways(
    embedded: Float[Tensor, "B S E"],
    lengths: Int[Tensor, " B"],
    forwards: nn.ModuleList,
    backwards: nn.ModuleList,
    dropout: nn.Module,
) -> Float[Tensor, "B S M"]:
    """Return the states of recurrent layers that read forwards and, from each row's own last token, backwards.

    Both directions' states stand side by side, M = 2 H. What stands after a row's end changes none of its states.
    """
    # Turning round only the real part of each row leaves the padding to be read last, where it changes nothing.
    # (Packed sequences do the same, but train half as fast on a CPU.)
    place, last = torch.arange(embedded.shape[1], device=embedded.device), lengths.unsqueeze(1) - 1
    turned = torch.where(place <= last, last - place, place).unsqueeze(-1)
    hidden = embedded
    for one, other in zip(forwards, backwards, strict=True):
        read = dropout(hidden)
        back, _ = other(read.take_along_dim(turned, dim=1))
        hidden = torch.cat([one(read)[0], back.take_along_dim(turned, dim=1)], dim=-1)
    return hidden
