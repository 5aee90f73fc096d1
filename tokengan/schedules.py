"""Numbers that change with the iteration: pure functions, so that a resumed run needs no memory of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

__all__ = ["Schedule"]


@dataclass(frozen=True)
class Schedule:
    """A value that goes from `start` to `end` over `over` iterations, then stays.

    Args:
        start: Value at iteration 0 (after the warm-up, where there is one).
        end: Value after the change; None keeps `start`.
        over: Number of iterations of the change, which begins after the warm-up.
        shape: `linear`, `exponential` (a constant factor an iteration), `logarithmic`, `square_root` (both fast at
            first), `quadratic` (fast at last), `sigmoid` (RelGAN's, of 20 (i/over - 1/2)), `cosine` (half a wave), or
            `inverse_sigmoid` (scheduled sampling, Bengio et al. 2015: the share k/(k+exp(i/k)) of the way back to
            `start`, with k such that it is a half at over/2). Neither sigmoid ever quite reaches either value.
        warmup: Number of first iterations in which the value climbs linearly from 0 to `start`.
        cycles: How many times the change is made within `over`, each time from `start` again (cyclical annealing, Fu
            et al. 2019).
        rise: Share of a cycle that the change takes; the rest of the cycle stays at `end`.

    >>> Schedule(1.0, end=0.0, over=10).at(5)
    0.5
    >>> Schedule(0.1, warmup=4).at(0), Schedule(0.1, warmup=4).at(4)
    (0.025, 0.1)
    >>> [round(Schedule(1.0, end=0.0, over=20, shape="inverse_sigmoid").at(i), 3) for i in (0, 5, 10, 15, 20)]
    [0.851, 0.705, 0.5, 0.295, 0.149]
    >>> relgan = Schedule(1.0, end=100.0, over=5000, shape="exponential")
    >>> [round(relgan.at(n), 2) for n in (0, 2000, 2500, 5000)]
    [1.0, 6.31, 10.0, 100.0]
    >>> [Schedule(0.0, end=1.0, over=8, cycles=2, rise=0.5).at(i) for i in range(9)]
    [0.0, 0.5, 1.0, 1.0, 0.0, 0.5, 1.0, 1.0, 1.0]
    """

    start: float = 1.0
    end: float | None = None
    over: int = 0
    shape: Literal[
        "linear",
        "exponential",
        "logarithmic",
        "square_root",
        "quadratic",
        "sigmoid",
        "cosine",
        "inverse_sigmoid",
    ] = "linear"
    warmup: int = 0
    cycles: int = 1
    rise: float = 1.0

    def __post_init__(self) -> None:
        if self.shape == "exponential" and self.end is not None and (self.start <= 0 or self.end <= 0):
            raise ValueError("an exponential schedule needs start and end above 0")
        if self.cycles < 1 or not 0 < self.rise <= 1:
            raise ValueError(
                f"a schedule has 1 cycle or more, and rise is above 0 and at most 1, not {self.cycles}, {self.rise}"
            )

    def at(self, iteration: float) -> float:
        """Return the value at an iteration (0 is the first); parts of one where it counts epochs."""
        if iteration < self.warmup:
            return self.start * (iteration + 1) / self.warmup
        if self.end is None or self.over <= 0:
            return self.start
        since = iteration - self.warmup
        if since < self.over:
            since = min(since * self.cycles % self.over / self.rise, self.over)
        done = min(since / self.over, 1.0)
        if self.shape == "exponential":
            return self.start * (self.end / self.start) ** done
        if self.shape == "inverse_sigmoid":
            k = _half_way(self.over / 2)
            done = 1 - k / (k + math.exp(since / k))
        elif self.shape == "logarithmic":
            done = math.log1p(done * self.over) / math.log1p(self.over)
        else:
            done = SHARES[self.shape](done)
        return self.start + (self.end - self.start) * done


# The share of the way that is gone, of the share of the time.
SHARES: dict[str, Callable[[float], float]] = {
    "linear": lambda done: done,
    "square_root": math.sqrt,
    "quadratic": lambda done: done * done,
    "sigmoid": lambda done: 1 / (1 + math.exp(10 - 20 * done)),
    "cosine": lambda done: (1 - math.cos(math.pi * done)) / 2,
}


def _half_way(middle: float) -> float:
    """Return the k > 1 with k log k = middle, at which k/(k+exp(i/k)) is a half at i = middle (Newton's method)."""
    k = 1 + middle
    for _ in range(50):
        k -= (k * math.log(k) - middle) / (math.log(k) + 1)
    return k
