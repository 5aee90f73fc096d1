"""The hot paths, each beside the straightforward code that a paper's reader would write.

A path is a `HotPath` in the list `PATHS` of a module of this folder, and the module's name stands in `MODULES`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

__all__ = ["HotPath", "Work", "found"]

MODULES = ("seqgan", "steps", "leaking", "relational")


@dataclass(frozen=True)
class Work:
    """The least that a machine has to do for a path.

    Args:
        flops: Floating-point operations, a multiplication and an addition counted as two.
        moved: Bytes read and written by what is no matrix product.
    """

    flops: float
    moved: float = 0.0

    def seconds(self, peak: float, bandwidth: float) -> float:
        """Return the seconds at so many flops and bytes a second."""
        return self.flops / peak + self.moved / bandwidth


Part = tuple[Callable[[], Any], float]  # a piece of work, and how many times it is done


@dataclass(frozen=True)
class Forms:
    """Both forms of a path on the same inputs.

    Args:
        ours: One call of the package's.
        plain: The plain form, in parts: what takes too long is done fewer times than it should be.
        apart: Returns the largest difference of results, of a small case.
        work: What the machine has to do at least for one call of `ours`, or None.
    """

    ours: Callable[[], Any]
    plain: Sequence[Part]
    apart: Callable[[], float] | None = None
    work: Work | None = None


@dataclass(frozen=True)
class HotPath:
    """One row of the page.

    Args:
        name: What it is called.
        about: Shapes, and what the plain form does.
        make: Returns both forms.
        goal: The ratio that is aimed at.
        times: Pairs of calls whose median ratio is given.
    """

    name: str
    about: str
    make: Callable[[], Forms]
    goal: float
    times: int = 3


def found() -> dict[str, HotPath]:
    """Return all paths by name."""
    modules = [import_module(f"paths.{name}") for name in MODULES]
    return {path.name: path for module in modules for path in module.PATHS}
