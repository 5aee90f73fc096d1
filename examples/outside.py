"""A reward and a method of one's own, from outside the package: nothing of it is edited and nothing is registered.

    cd examples
    tokengan train seqgan fortunes --preset demo --reward outside.Contains --reward.word time
    tokengan train outside.Reinforced fortunes --reward.word you --epochs 5 --rounds 20

A package of yours makes short names of them with entry points in the groups `tokengan.rewards` and `tokengan.methods`.
Runs that name such classes are read back with `--trust` (`tokengan.load(run, trust=True)`).
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from tokengan.estimators.base import Estimator
from tokengan.estimators.credit import Credit, Final
from tokengan.estimators.reinforce import Reinforce
from tokengan.generators.base import Generator
from tokengan.generators.recurrent import LSTM
from tokengan.methods.base import Method, Phase
from tokengan.optimiser import Optimiser
from tokengan.rewards.base import Reward
from tokengan.sequences import Sequences
from tokengan.spec import Net, New
from tokengan.tasks.base import Task


class Contains(Reward):
    """R(x) = 1 where the text holds a word, 0 elsewhere."""

    def __init__(self, word: str = "the") -> None:
        """Keep the word."""
        super().__init__()
        self.word = word

    def forward(self, x: Sequences, players: Any) -> Tensor:
        """Return the judgement [B]."""
        texts = players.task.decode(x)
        return torch.tensor([float(self.word in text.split()) for text in texts], device=x.tokens.device)


class Reinforced(Method):
    """Maximum likelihood, then REINFORCE on a reward: no discriminator."""

    presets: ClassVar[dict[str, dict[str, Any]]] = {"short": {"epochs": 2, "rounds": 3}}

    def __init__(
        self,
        task: Task,
        generator: Net[Generator] = LSTM,
        reward: New[Reward] = Contains,
        credit: New[Credit] = Final,
        estimator: New[Estimator] = Reinforce,
        epochs: int = 10,
        rounds: int = 100,
        batch_size: int = 64,
        generator_optimiser: Optimiser = Optimiser(lr=1e-2),
        policy_optimiser: Optimiser = Optimiser(lr=1e-3),
        seed: int = 0,
    ) -> None:
        """Set up the method.

        Args:
            task: What is learnt.
            generator: Factory of the policy G.
            reward: What a finished sequence is worth.
            credit: What each token of it is worth.
            estimator: The gradient made of that.
            epochs: Epochs of maximum likelihood.
            rounds: Policy-gradient steps.
            batch_size: Sequences in a batch, B.
            generator_optimiser: How G moves in maximum likelihood.
            policy_optimiser: How G moves in the game.
            seed: Seed of weights, batches and draws.
        """
        moves = {"generator": generator_optimiser, "policy": policy_optimiser}
        super().__init__(task, generator=generator, moves=moves, batch_size=batch_size, seed=seed)
        self.reward, self.credit, self.estimator = reward(), credit(), estimator()
        self.epochs, self.rounds = epochs, rounds

    def phases(self) -> list[Phase]:
        """Return likelihood, then the policy gradient."""
        return [self.mle_phase(self.epochs), Phase("reinforce", self.rounds, self.round)]

    def round(self, i: int) -> None:
        """Move G along sum_t R(y) grad log G(y_t | y_<t)."""
        del i
        y = self.write(self.batch_size)
        returns = self.credit(self.reward, y, self)
        for losses in self.estimator(y, returns, self):
            self.update(**losses)
