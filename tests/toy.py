"""The exactly solvable toy: V = 3, T = 2, so every expectation is a finite sum over nine sequences."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from tokengan.estimators.base import Estimator
from tokengan.generators.base import Autoregressive, Condition, Outputs, State
from tokengan.methods.world import World
from tokengan.noise import Noise
from tokengan.rewards.base import Reward
from tokengan.sampling.decoding import Decoding
from tokengan.sequences import Sequences
from tokengan.spec import Spec

THETA1 = [0.5, -0.2, 0.0]
THETA2 = [[0.1, 0.4, -0.3], [0.0, -0.5, 0.6], [0.3, 0.2, -0.1]]
REWARD = [[1, 0, 0.2], [0.3, 0.8, 0.1], [0.5, 0.4, 0.9]]


class Tabular(Autoregressive):
    """A law with a logit of its own for every choice."""

    def __init__(self, first: Any = THETA1, second: Any = THETA2, dtype: torch.dtype = torch.float64) -> None:
        super().__init__(Spec(vocab_size=len(first), max_length=2))
        self.first = nn.Parameter(torch.tensor(first, dtype=dtype))
        self.second = nn.Parameter(torch.tensor(second, dtype=dtype))

    def start(self, rows: int, condition: Condition) -> tuple[Outputs, State]:
        return {"logits": self.first.expand(rows, -1)}, State({"rows": torch.zeros(rows)})

    def step(self, token: Tensor, state: State) -> tuple[Outputs, State]:
        return {"logits": self.second[token]}, state


class Table(Reward):
    """R(x) read off a table."""

    def __init__(self, values: Any = REWARD) -> None:
        super().__init__()
        self.values = torch.tensor(values, dtype=torch.float64)

    def forward(self, x: Sequences, players: Any) -> Tensor:
        return self.values[x.tokens[:, 0], x.tokens[:, 1]]


def everything(size: int = 3) -> Sequences:
    """Return all sequences of two tokens."""
    tokens = torch.tensor(list(itertools.product(range(size), repeat=2)))
    return Sequences(tokens, torch.ones_like(tokens, dtype=torch.bool))


def players(generator: Autoregressive, seed: int = 0) -> SimpleNamespace:
    """Return what estimators and credits read of a method."""
    rng = torch.Generator().manual_seed(seed)
    return SimpleNamespace(
        world=World(),
        policy=generator,
        generator=generator,
        decoding=Decoding(),
        noise=lambda name, rows: Noise(rng),
        score=generator.score,
    )


def policy_loss(estimator: Estimator, y: Sequences, returns: Tensor, game: Any) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the policy's loss of an estimator's first move, and what it logs."""
    return next(iter(estimator(y, returns, game)))["policy"]


def probabilities(generator: Tabular) -> Tensor:
    """Return p of each of `everything()`."""
    p1, p2 = generator.first.softmax(0), generator.second.softmax(1)
    return (p1[:, None] * p2).flatten()


def gradient(loss: Tensor, generator: Tabular) -> Tensor:
    """Return the gradient of a loss over all parameters, flat."""
    grads = torch.autograd.grad(loss, list(generator.parameters()), retain_graph=True, allow_unused=True)
    pairs = zip(grads, generator.parameters(), strict=True)
    return torch.cat([(torch.zeros_like(p) if g is None else g).flatten() for g, p in pairs])
