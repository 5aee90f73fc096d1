"""Exact expectations: every group of sequences of the toy, weighted by how often it is drawn."""

from __future__ import annotations

import itertools
import math
import sys
from pathlib import Path
from types import SimpleNamespace

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[1]))
from toy import THETA1, THETA2, Table, Tabular, everything, gradient, players, policy_loss

from tokengan.estimators.base import Estimator
from tokengan.estimators.credit import Final
from tokengan.sampling.write import write
from tokengan.sequences import Sequences
from tokengan.spec import Spec


class Seen(Tabular):
    """The toy with a hidden state: which of the four places in the tree it is at, one-hot."""

    gives = frozenset({"logits", "hidden"})
    width = 4

    def start(self, rows, condition):
        outputs, state = super().start(rows, condition)
        return {**outputs, "hidden": self.place(torch.zeros(rows, dtype=torch.long))}, state

    def step(self, token, state):
        outputs, state = super().step(token, state)
        return {**outputs, "hidden": self.place(1 + token)}, state

    def place(self, where):
        # With a slope in the policy's parameters, so that a critic that forgets to detach is caught.
        return torch.eye(4, dtype=self.first.dtype)[where] + (self.first.sum() - self.first.sum().detach())


def ending() -> tuple[Seen, Sequences, Tensor]:
    """Return the toy of variable length: token 2 ends a sequence; its 7 sequences and their rewards."""
    generator = Seen()
    generator.spec = Spec(vocab_size=3, max_length=2, start=0, end=2)
    tokens = torch.tensor([[2, 0], [0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2]])
    mask = torch.ones_like(tokens, dtype=torch.bool)
    mask[0, 1] = False
    return generator, Sequences(tokens, mask), torch.tensor([0.2, 1, 0, 0.6, 0.3, 0.8, 0.1], dtype=torch.float64)


def logp_of(generator, sequences: Sequences) -> Tensor:
    """Return log p of each sequence."""
    return torch.where(sequences.mask, generator.score(sequences)["logp"], 0.0).sum(1)


def game_of(generator, reward=None, seed: int = 0) -> SimpleNamespace:
    """Return what estimators read of a method, `write` and `reward` included."""
    game = players(generator, seed)
    game.reward = reward or Table()
    game.write = lambda rows, decoding, **asked: write(generator, rows, game.noise("write", rows), decoding, **asked)
    return game


def returns_of(rewards: Tensor, sequences: Sequences) -> Tensor:
    """Return R(x) at every place, as `Final` does."""
    return rewards.unsqueeze(1).expand(-1, sequences.length)


def moments(
    estimator: Estimator, game, size: int = 1, sequences: Sequences | None = None, rewards: Tensor | None = None, p=None
) -> tuple[Tensor, float]:
    """Return the exact mean of the ascent direction that groups of `size` give, and the trace of its covariance."""
    generator = game.generator
    sequences = everything() if sequences is None else sequences
    returns = Final()(game.reward, sequences, game) if rewards is None else returns_of(rewards, sequences)
    p = logp_of(generator, sequences).detach().exp() if p is None else p
    mean, square = 0.0, 0.0
    for group in itertools.combinations_with_replacement(range(len(sequences)), size):
        orders = math.factorial(size) / math.prod(math.factorial(group.count(i)) for i in set(group))
        rows = torch.tensor(group)
        weight = orders * p[rows].prod()
        loss, _ = policy_loss(estimator, sequences.select(rows), returns[rows], game)
        direction = -gradient(loss, generator)
        mean, square = mean + weight * direction, square + weight * direction.square().sum()
    return mean, float(square - mean.square().sum())


def moments_together(estimator: Estimator, game, size: int) -> tuple[Tensor, float]:
    """Return the same, of an estimator with groups of `size` and a loss that is a sum: all groups in one batch."""
    generator, sequences, rewards = game.generator, everything(), toy_rewards()
    p = logp_of(generator, sequences).detach().exp()
    rows = torch.tensor(list(itertools.combinations_with_replacement(range(9), size)))
    counts = torch.nn.functional.one_hot(rows, 9).sum(1)
    weight = math.factorial(size) / (counts + 1.0).double().lgamma().exp().prod(1) * p[rows].prod(1)
    y = sequences.select(rows.T.flatten())
    leaf = generator.score(y)["logp"].detach().requires_grad_()
    asked = SimpleNamespace(**vars(game) | {"score": lambda y: {"logp": leaf, "entropy": torch.zeros_like(leaf)}})
    loss, _ = policy_loss(estimator, y, returns_of(rewards[rows.T.flatten()], y), asked)
    slopes = -len(rows) * torch.autograd.grad(loss, leaf)[0].view(size, len(rows), 2)
    logp = generator.score(sequences)["logp"]
    each = torch.stack([torch.stack([gradient(logp[i, t], generator) for t in range(2)]) for i in range(9)])
    directions = torch.einsum("kgt,gktp->gp", slopes, each[rows])
    mean = weight @ directions
    return mean, float(weight @ directions.square().sum(1) - mean.square().sum())


def objective_gradient(generator, sequences: Sequences, rewards: Tensor) -> Tensor:
    """Return the gradient of J = E[R], by the sum over all sequences."""
    return gradient((logp_of(generator, sequences).exp() * rewards).sum(), generator)


def against(mean: Tensor, exact: Tensor) -> tuple[float, float]:
    """Return the cosine of an estimate's mean with the exact gradient, and its scale."""
    return float(torch.nn.functional.cosine_similarity(mean, exact, dim=0)), float(mean @ exact / exact.square().sum())


def close(mean: Tensor, exact: Tensor, within: float = 1e-10) -> bool:
    """Return whether two gradients agree."""
    return bool((mean - exact).abs().max() < within)


def toy_rewards() -> Tensor:
    """Return the rewards of `everything()`."""
    return Table().values.flatten()


def uniform() -> Tabular:
    """Return the toy with equal probabilities."""
    return Seen(torch.zeros_like(torch.tensor(THETA1)).tolist(), torch.zeros_like(torch.tensor(THETA2)).tolist())
