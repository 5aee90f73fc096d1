"""Evaluation that can change nothing: not a weight, not a stream, not the global random numbers, not a mode."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import nn

from tokengan.methods.streams import Streams
from tokengan.methods.world import World
from tokengan.modes import evaluating
from tokengan.training.hardware import Hardware
from tokengan.training.rng import forked
from tokengan.training.snapshot import same_bits

if TYPE_CHECKING:
    from tokengan.methods.base import Method

__all__ = ["EvaluationChangedState", "guarded", "plain"]

Result = TypeVar("Result")


class EvaluationChangedState(AssertionError):
    """Evaluation trained something, or drew from the run's own random numbers."""


def guarded(ask: Callable[[Any], Result], method: Method, hardware: Hardware, *seed: object) -> Result:
    """Return `ask(method)`, computed by the leading process alone, with random numbers of its own.

    The answer is a function of the state and `seed`, however often a run was killed or evaluated. Raises
    EvaluationChangedState where a tensor of the method's state differs afterwards.
    """
    answer = None
    if hardware.leads:
        before = {key: value.clone() for key, value in method.state_dict().items()}
        world, method.world = method.world, World()
        try:
            with forked(hardware.device, *seed), evaluating(method), torch.no_grad():
                answer = ask(method)
        finally:
            method.world = world
        after = method.state_dict()
        changed = [key for key in after if key not in before or not same_bits(before[key], after[key])]
        if changed or len(before) != len(after):
            raise EvaluationChangedState(_blame(method, changed or [key for key in before if key not in after]))
    return hardware.everybodys(answer)[0]


def plain(value: Any) -> Any:
    """Return a figure as JSON can hold it: None where it is not finite.

    >>> plain(torch.tensor(0.5)), plain(float("nan")), plain(3), plain([1.0])
    (0.5, None, 3, [1.0])
    """
    if hasattr(value, "to_json"):  # a figure with its signature
        return value.to_json()
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _blame(method: nn.Module, keys: list[str]) -> str:
    streams = tuple(f"{name}." for name, module in method.named_modules() if isinstance(module, Streams))
    drawn = [key for key in keys if key.startswith(streams)] if streams else []
    what = f"drew from the run's stream '{drawn[0]}'" if drawn else f"changed '{keys[0]}'"
    return (
        f"evaluation {what}: it must train nothing and draw only from generators of its own (or the global one, which "
        "is set aside for it), else a run that is evaluated more often would end elsewhere"
    )
