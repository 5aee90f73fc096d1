"""N-gram: the conventional generator, counted rather than trained (Chen & Goodman 1999)."""

from __future__ import annotations

from typing import Any, ClassVar

from tokengan.generators.ngram import NGram as Model
from tokengan.methods.base import Method, Phase
from tokengan.spec import Net
from tokengan.tasks.base import Task

__all__ = ["NGram"]


class NGram(Method):
    """Interpolated modified Kneser-Ney counts of the training data: one pass, no gradient, nobody to play against."""

    presets: ClassVar[dict[str, dict[str, Any]]] = {}
    generator: Model  # pyright: ignore[reportIncompatibleVariableOverride]

    def __init__(self, task: Task, generator: Net[Model] = Model, seed: int = 0) -> None:
        """Set up the method.

        Args:
            task: What is learnt.
            generator: Factory of the model; `generator.order` is its longest n-gram.
            seed: Seed of the samples; nothing in learning is drawn.
        """
        super().__init__(task, generator=generator, moves={}, seed=seed)

    def phases(self) -> list[Phase]:
        """Return the one pass."""
        return [Phase("count", 1, self.count)]

    def count(self, i: int) -> None:
        """Count the training data."""
        del i
        self.generator.count(self.task.train)
