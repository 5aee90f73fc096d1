"""What every estimator is: returns in, updates of a policy out.

Axes: B batch, T time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from tokengan.optimiser import Optimiser
from tokengan.sequences import Sequences, masked_mean

__all__ = ["Estimator", "Losses", "Metrics", "behaviour_gap", "spread", "sum_of_chosen"]

Metrics = dict[str, Tensor]
# One simultaneous move: a loss for each player that moves, with what to log.
Losses = dict[str, tuple[Tensor, Metrics]]


class Estimator(nn.Module):
    """Makes updates of the policy from what its tokens were worth.

    `estimator(y, returns, players)` yields one move after another, lazily, so that the second is computed after the
    first was made: REINFORCE yields once, PPO once a minibatch and epoch. A caller writes

        for losses in self.estimator(y, returns, self):
            self.update(**losses)

    Of `players` (the method) it reads `generator`, `score(y)` (log-probabilities under the law that wrote, dropout
    off), `world`, `decoding`, `write`, `reward` and `credit`.

    Attributes:
        needs: What it reads that not every method has: `discriminator`, `hidden` (a generator that gives its hidden
            states), `logits`, `alone` (a reward that judges one sequence by itself).
        moves: Optimisers of the players that it adds to the method (`value`).
    """

    needs: ClassVar[frozenset[str]] = frozenset()

    def __init__(self) -> None:
        super().__init__()
        self.moves: dict[str, Optimiser] = {}

    @property
    def moves_each(self) -> int:
        """Moves made on one batch."""
        return 1

    def attach(self, players: Any) -> None:
        """Build what depends on the method's networks (a value head, a reference policy); called once."""

    def begin(self) -> None:
        """Called when the game begins: a reference policy is taken here."""

    def trains(self) -> Mapping[str, list[nn.Parameter]]:
        """Return the parameters of each player in `moves`."""
        return {}

    def forward(self, y: Sequences, returns: Tensor, players: Any) -> Iterator[Losses]:
        """Yield moves.

        Args:
            y: Sequences that the policy wrote; only `chosen` tokens count. `logp` is under the law that drew them.
            returns: What the choice of each token is worth [B,T].
            players: The method.
        """
        raise NotImplementedError


def sum_of_chosen(values: Tensor, y: Sequences, players: Any) -> Tensor:
    """Return the mean over sequences of the sum over chosen tokens: the one normaliser that leaves E[R] its gradient.

    Every other (a mean over tokens, a division by the length) changes what is maximised.
    """
    return players.world.mean(torch.where(y.chosen, values, values.new_zeros(())).sum(1))


def spread(values: Tensor, where: Tensor) -> Tensor:
    """Return the standard deviation of the values that count."""
    picked = values[where]
    return picked.std(correction=0) if len(picked) else values.new_zeros(())


def behaviour_gap(logp: Tensor, y: Sequences) -> Metrics:
    """Return how far scores are from the law that drew the tokens; 0 where they are under the very same law."""
    if y.logp is None:
        return {}
    return {"behaviour_gap": masked_mean((logp.detach() - y.logp).abs(), y.chosen)}
