"""What methods have in common that learn by counting once through the data."""

from __future__ import annotations

from typing import cast

from tokengan.generators.base import Autoregressive
from tokengan.generators.counted import Counted
from tokengan.methods.base import Method, Phase
from tokengan.spec import Net
from tokengan.tasks.base import Task

__all__ = ["Counting"]


class Counting(Method):
    """One phase of one round; nothing moves, so there is no player and no optimiser."""

    def __init__(self, task: Task, generator: Net[Counted], seed: int = 0) -> None:
        """Set up the method.

        Args:
            task: What is learnt.
            generator: Factory of the generator that counts.
            seed: Seed of the draws; counting needs none.
        """
        # Not every one that counts steps: what a game would ask of it besides, this method never does.
        super().__init__(task, generator=cast(Net[Autoregressive], generator), moves={}, seed=seed)

    def phases(self) -> list[Phase]:
        """Return the one phase."""
        return [Phase("count", 1, self.count)]

    def count(self, i: int) -> None:
        """Count the training data; every process counts all of them."""
        del i
        counted = cast(Counted, self.generator)
        said = counted.count(self.task.train.select(self.rows).to(self.device))
        self.update.note({f"generator/{name}": value for name, value in said.items()})
