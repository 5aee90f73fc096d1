"""What every method has in common that moves a generator along a reward: write, judge, credit, estimate, step.

Axes: B batch, T time.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn.functional import pad

from tokengan.estimators.base import Estimator, sum_of_chosen
from tokengan.estimators.credit import Credit
from tokengan.generators.base import Autoregressive
from tokengan.lagged import Lagged
from tokengan.methods.base import Loss, Method
from tokengan.methods.parts import check_parts
from tokengan.rewards.base import Reward
from tokengan.rewards.transforms import Transform
from tokengan.sampling.decoding import Decoding
from tokengan.schedules import Schedule
from tokengan.sequences import Sequences
from tokengan.spec import New

__all__ = ["PolicyGradient"]


class PolicyGradient(Method):
    """A method whose generator is a policy; a subclass calls `learn_by` once its networks are built.

    Attributes:
        iteration: The round of the game, for a reward that changes with it.
    """

    iteration: int = 0

    def learn_by(
        self,
        reward: New[Reward],
        credit: New[Credit],
        rescale: New[Transform],
        estimator: New[Estimator],
        lag: float,
        temperature: Schedule,
    ) -> None:
        """Build the chain from rewards to updates. Raises UserError for parts that do not fit each other.

        Args:
            reward: What a finished sequence is worth.
            credit: What each token of it is worth.
            rescale: A change of scale of the returns, across the batch.
            estimator: The gradient made of that.
            lag: Share of its old weights that the roll-out policy keeps at each step.
            temperature: Temperature at which the policy writes and is scored, by round.
        """
        self.reward, self.credit, self.rescale, self.estimator = reward(), credit(), rescale(), estimator()
        check_parts(self)
        self.adopt(self.estimator)
        self.rollout_policy = Lagged(self.generator, lag)
        self.temperature = temperature

    @property
    def policy(self) -> Autoregressive:
        """Who completes the prefixes."""
        return self.rollout_policy.network

    def begin_round(self, i: int) -> None:
        """Set the round's temperature; in the first one, let copies catch up with the generator."""
        self.iteration = i
        self.decoding = Decoding(temperature=self.temperature.at(i))
        if i == 0:
            self.rollout_policy.catch_up()
            self.estimator.begin()

    def step_policy(self, y: Sequences, likelihood: bool = False) -> None:
        """Move G along sum_t Q(y_<t, y_t) grad log G(y_t | y_<t), in as many moves as the estimator makes.

        With `likelihood`, the tokens of `y` that were given rather than chosen are learnt by maximum likelihood in the
        same moves: -mean over sequences of sum over given t of log G(y_t | y_<t).
        """
        self.move_along(y, *self.worth(y), likelihood=likelihood)

    def worth(self, y: Sequences) -> tuple[Tensor, dict[str, Tensor]]:
        """Return what the choice of each token was worth [B,T], and what the parts noted on the way."""
        q = self.rescale(self.credit(self.reward, y, self), y, self)
        return q, {**self.reward.drain(), **self.rescale.drain()}

    def move_along(
        self, y: Sequences, q: Tensor, notes: Mapping[str, Tensor], likelihood: bool = False, **beside: Loss
    ) -> None:
        """Make the estimator's moves along returns; losses of further players are part of the first one."""
        given = y.replace(chosen=y.mask & ~y.chosen) if likelihood else None
        for losses in self.estimator(y, q, self):
            loss, metrics = losses["policy"]
            if given is not None:
                loss = loss - sum_of_chosen(self.generator.score(given)["logp"], given, self)
            self.update(**{**losses, "policy": (loss, {**metrics, **notes})}, **beside)
            beside = {}
        self.rollout_policy.follow()

    def continued(self, x: Sequences, lengths: Tensor, copies: int = 1) -> Sequences:
        """Return `copies` continuations of the first `lengths` [B] tokens of real sequences."""
        room = self.spec.max_length - x.length
        tokens, mask = pad(x.tokens, (0, room), value=self.spec.pad or 0), pad(x.mask, (0, room))
        where = mask & (torch.arange(self.spec.max_length, device=mask.device) < lengths.unsqueeze(1))
        tokens, where = tokens.repeat(copies, 1), where.repeat(copies, 1)
        condition = x.repeat(copies).condition
        y = self.write(len(tokens) * self.world.size, self.decoding, condition, force=(tokens, where))
        return y.replace(columns={name: list(values) * copies for name, values in x.columns.items()})
