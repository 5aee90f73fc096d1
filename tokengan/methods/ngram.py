"""N-grams with interpolated modified Kneser-Ney smoothing: the conventional generator, and the quickest (Chen 1998)."""

from __future__ import annotations

from tokengan.generators.counted import Counted
from tokengan.generators.ngram import NGram
from tokengan.methods.counting import Counting
from tokengan.spec import Net
from tokengan.tasks.base import Task

__all__ = ["NGramCounts"]


class NGramCounts(Counting):
    """Counts all n-grams once; their law is exact, so that it is measured like any network's."""

    def __init__(self, task: Task, generator: Net[Counted] = NGram, seed: int = 0) -> None:
        """Set up the method.

        Args:
            task: What is learnt.
            generator: Factory of a generator that counts.
            seed: Seed of the draws.
        """
        super().__init__(task, generator, seed)
