"""Baselines: what is taken off the return before it weighs a token's gradient.

Axes: B batch, T time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from tokengan.estimators import groups
from tokengan.estimators.base import Losses
from tokengan.estimators.critics import Critic, value_metrics
from tokengan.generators.base import Outputs
from tokengan.optimiser import Optimiser
from tokengan.sampling.decoding import Decoding
from tokengan.sequences import Sequences

__all__ = ["EMA", "Baseline", "Group", "LabelEMA", "LeaveOneOut", "SelfCritical", "Value", "Zero"]


class Baseline(nn.Module):
    """A number that does not depend on the token it is compared with, so that the gradient stays unbiased.

    Attributes:
        needs: What it reads that not every method has (see `Estimator.needs`).
        moves: Optimisers of the players that it adds to the method.
    """

    needs: ClassVar[frozenset[str]] = frozenset()

    def __init__(self) -> None:
        super().__init__()
        self.moves: dict[str, Optimiser] = {}

    def attach(self, players: Any) -> None:
        """Build what depends on the method's networks; called once."""

    def trains(self) -> Mapping[str, list[nn.Parameter]]:
        """Return the parameters of each player in `moves`."""
        return {}

    def forward(self, returns: Tensor, y: Sequences, scores: Outputs, players: Any) -> Tensor:
        """Return the baseline, broadcastable to [B,T]; `scores` is what the generator said of `y`."""
        raise NotImplementedError

    def losses(self, returns: Tensor, y: Sequences, baseline: Tensor, players: Any) -> Losses:
        """Return the losses of its own players, made from what it just said."""
        del returns, y, baseline, players
        return {}


class Zero(Baseline):
    """No baseline, as in the published SeqGAN."""

    def forward(self, returns: Tensor, y: Sequences, scores: Outputs, players: Any) -> Tensor:
        """Return 0."""
        del y, scores, players
        return returns.new_zeros(())


class EMA(Baseline):
    """A running mean of the returns, brought up to date only after it was used.

    b <- decay b + (1 - decay) mean(Q). The first batch has no past, so its baseline is 0.
    """

    mean: Tensor

    def __init__(self, decay: float = 0.9) -> None:
        """Set the decay; the mean is part of the checkpoint."""
        super().__init__()
        self.decay = decay
        self.register_buffer("mean", torch.zeros((), dtype=torch.float64))
        self.register_buffer("used", torch.zeros((), dtype=torch.long))

    @torch.no_grad()
    def forward(self, returns: Tensor, y: Sequences, scores: Outputs, players: Any) -> Tensor:
        """Return the mean so far, then take the batch in."""
        del scores
        past = self.mean.clone()
        chosen = players.world.sum(torch.stack([(returns * y.chosen).sum(), y.chosen.sum()]).double())
        now = chosen[0] / chosen[1].clamp(min=1)
        self.mean.copy_(now if self.used == 0 else self.decay * self.mean + (1 - self.decay) * now)
        self.used += 1
        return past.to(returns.dtype)


class LabelEMA(Baseline):
    """A running mean for each label, brought up to date after it was used: b_y <- decay b_y + (1 - decay) mean_y(Q).

    A label that is easier to write for has higher returns whatever was written; one mean for all would push its
    sequences up and the others down. Without labels it is `EMA`.
    """

    mean: Tensor
    used: Tensor

    def __init__(self, decay: float = 0.9) -> None:
        """Set the decay; the means are part of the checkpoint."""
        super().__init__()
        self.decay = decay

    def attach(self, players: Any) -> None:
        """Make a mean for each label."""
        count = max(players.generator.spec.labels, 1)
        self.register_buffer("mean", torch.zeros(count, dtype=torch.float64))
        self.register_buffer("used", torch.zeros(count, dtype=torch.long))

    @torch.no_grad()
    def forward(self, returns: Tensor, y: Sequences, scores: Outputs, players: Any) -> Tensor:
        """Return each row's mean so far [B,1], then take the batch in."""
        del scores
        none = torch.zeros(len(y), dtype=torch.long, device=returns.device)
        labels = y.condition["label"] if len(self.mean) > 1 else none
        past = self.mean[labels].unsqueeze(1)
        each = torch.stack([torch.where(y.chosen, returns, 0.0).sum(1), y.chosen.sum(1)], dim=1).double()
        totals = players.world.sum(each.new_zeros(len(self.mean), 2).index_add(0, labels, each))
        there = totals[:, 1] > 0
        now = totals[:, 0] / totals[:, 1].clamp(min=1)
        kept = torch.where(self.used == 0, now, self.decay * self.mean + (1 - self.decay) * now)
        self.mean.copy_(torch.where(there, kept, self.mean))
        self.used += there
        return past.to(returns.dtype)


class LeaveOneOut(Baseline):
    """The mean return of the row's siblings: b_i = mean over j != i of Q_j (RLOO, Kool et al. 2019).

    Unbiased, since no sibling depends on the row's own tokens. With two rows Q - b is R_1 - R_2 and R_2 - R_1.
    """

    def __init__(self, num_generations: int | None = None) -> None:
        """Set the group.

        Args:
            num_generations: Rows of a group, K (row i of B is in group i % (B/K)); null or 0 for the whole batch.
        """
        super().__init__()
        self.num_generations = groups.check_generations(num_generations)

    def forward(self, returns: Tensor, y: Sequences, scores: Outputs, players: Any) -> Tensor:
        """Return the siblings' mean at each place [B,T]."""
        del y, scores
        return groups.leave_one_out(returns, self.num_generations, players.world)


class Group(LeaveOneOut):
    """The mean return of the row's group, itself included.

    The direction stays exact; the size of the gradient becomes (K-1)/K of it.
    """

    def forward(self, returns: Tensor, y: Sequences, scores: Outputs, players: Any) -> Tensor:
        """Return the group's mean at each place [B,T]."""
        del y, scores
        return groups.mean(returns, self.num_generations, players.world)


class Value(Baseline):
    """A learned prediction of the return before the token is chosen: b_t = v(s_t), a linear layer on hidden states.

    v is fitted to the returns by least squares as a player of its own, `value`. No gradient of it reaches the policy
    (MIXER, Ranzato et al. 2016). Unbiased for any v.
    """

    needs = frozenset({"hidden"})
    critic: Critic

    def __init__(self, optimiser: Optimiser = Optimiser(lr=1e-3)) -> None:
        """Set how the prediction learns.

        Args:
            optimiser: How v moves.
        """
        super().__init__()
        self.moves = {"value": optimiser}

    def attach(self, players: Any) -> None:
        """Make the layer."""
        self.critic = Critic(players)

    def trains(self) -> Mapping[str, list[nn.Parameter]]:
        """Return the layer's parameters."""
        return {"value": list(self.critic.parameters())}

    def forward(self, returns: Tensor, y: Sequences, scores: Outputs, players: Any) -> Tensor:
        """Return v(s_t) [B,T]."""
        del returns, y, players
        return self.critic(scores)

    def losses(self, returns: Tensor, y: Sequences, baseline: Tensor, players: Any) -> Losses:
        """Return the mean squared error over chosen tokens."""
        loss = players.world.mean((baseline - returns).square(), y.chosen)
        return {"value": (loss, value_metrics(baseline, returns, y))}


class SelfCritical(Baseline):
    """The reward of the sequence that the policy writes greedily (SCST, Rennie et al. 2017).

    What beats today's best guess is made likelier. One greedy sequence serves all rows where nothing is given, else one
    for each row's condition; a reward a step is summed. Unbiased: it does not depend on what was drawn.
    """

    needs = frozenset({"alone"})

    @torch.no_grad()
    def forward(self, returns: Tensor, y: Sequences, scores: Outputs, players: Any) -> Tensor:
        """Return R(greedy) [1,1] or [B,1]."""
        del scores
        decoding = Decoding(greedy=True, forbid=players.decoding.forbid)
        if y.condition:
            greedy = players.write(len(y) * players.world.size, decoding, condition=y.condition)
        else:
            greedy = players.write(players.world.size, decoding)
        # Without its log-probabilities it is no fresh batch: figures that a reward keeps of those stay as they are.
        reward = players.reward(greedy.replace(logp=None), players)
        if reward.dim() > 1:
            reward = torch.where(greedy.mask, reward, reward.new_zeros(())).sum(1)
        return reward.to(returns.dtype).unsqueeze(1)
