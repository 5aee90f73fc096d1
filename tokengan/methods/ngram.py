"""N-gram: the conventional generator, counted rather than trained (Chen & Goodman 1999)."""

from __future__ import annotations

from tokengan.generators.counted import Counted
from tokengan.generators.ngram import NGram as Model
from tokengan.methods.counting import Counting
from tokengan.spec import Net
from tokengan.tasks.base import Task

__all__ = ["NGram"]


class NGram(Counting):
    """Interpolated modified Kneser-Ney counts of the training data: one pass, no gradient, nobody to play against."""

    def __init__(self, task: Task, generator: Net[Counted] = Model, seed: int = 0) -> None:
        """Set up the method.

        Args:
            task: What is learnt.
            generator: Factory of the model; `generator.order` is its longest n-gram.
            seed: Seed of the samples; nothing in learning is drawn.
        """
        super().__init__(task, generator, seed)
