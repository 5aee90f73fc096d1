"""Patterns with slots: how sentences were generated before language models were sampled from."""

from __future__ import annotations

from tokengan.generators.counted import Counted
from tokengan.generators.template import Template as Model
from tokengan.methods.counting import Counting
from tokengan.spec import Net
from tokengan.tasks.base import Task

__all__ = ["Template"]


class Template(Counting):
    """Keeps the corpus as patterns and slot tables; writes fluently, repeats much, has no likelihood."""

    def __init__(self, task: Task, generator: Net[Counted] = Model, seed: int = 0) -> None:
        """Set up the method.

        Args:
            task: What is learnt.
            generator: Factory of a generator that counts.
            seed: Seed of the draws.
        """
        super().__init__(task, generator, seed)
