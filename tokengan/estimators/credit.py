"""Credit: from judgements of sequences to a return for every token.

Axes: B batch, T time, N roll-outs, P prefixes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from tokengan.discriminators.base import Discriminator
from tokengan.rewards.base import Reward
from tokengan.sampling.decoding import Decoding
from tokengan.sampling.rollouts import rollouts
from tokengan.sequences import Sequences

__all__ = ["Credit", "Discounted", "Final", "Prefix", "RollOut"]

Completed = tuple[list[int], Sequences]  # prefix lengths and their completions, as `rollouts` gives them
# Tokens judged at once: more than are written at once, since a discriminator's products pay with more rows.
JUDGED = 2**16


def _steady(players: Any, rows: int) -> AbstractContextManager[object]:
    """Return a context in which the discriminator, if there is one, judges so many sequences and does not change."""
    discriminator = getattr(players, "discriminator", None)
    return discriminator.steady(rows) if isinstance(discriminator, Discriminator) else nullcontext()


def _together(items: Iterable[Completed], rows: int) -> Iterator[list[Completed]]:
    """Yield lists of successive items with at most so many rows in all, or one item alone."""
    held: list[Completed] = []
    for item in items:
        if held and sum(len(completed) for _, completed in [*held, item]) > rows:
            yield held
            held = []
        held.append(item)
    if held:
        yield held


class Credit(nn.Module):
    """Turns a reward into returns [B,T]: what the choice of token t is worth. Nothing after it sums again.

    After its end a sequence goes on being worth what it was worth when it ended, so that a statistic over the rows at
    place t (a group's mean, a rank) compares every row with all its siblings; no gradient is taken there.

    Attributes:
        per_step: Whether it takes rewards given per step [B,T] rather than per sequence [B].
    """

    per_step: ClassVar[bool] = False

    def forward(self, reward: Reward, x: Sequences, players: Any) -> Tensor:
        """Return Q(x_<t, x_t) [B,T]."""
        raise NotImplementedError


class Final(Credit):
    """Every token of a sequence is worth what the whole sequence is: Q_t = R(x)."""

    def forward(self, reward: Reward, x: Sequences, players: Any) -> Tensor:
        """Return R(x) at every place [B,T]."""
        return reward(x, players).unsqueeze(1).expand(-1, x.length)


class Discounted(Credit):
    """The discounted sum of the rewards still to come: Q_t = sum_{s >= t} gamma^(s-t) r_s, for a reward per step.

    ScratchGAN (de Masson d'Autume et al. 2019) takes gamma = 0.23; DPGAN's published form gamma = 1.
    """

    per_step: ClassVar[bool] = True

    def __init__(self, gamma: float = 1.0) -> None:
        """Set the discount, in [0, 1]."""
        super().__init__()
        if not 0 <= gamma <= 1:
            raise ValueError(f"the discount is a number between 0 and 1, not {gamma}")
        self.gamma = gamma

    @torch.no_grad()
    def forward(self, reward: Reward, x: Sequences, players: Any) -> Tensor:
        """Return the sums [B,T]; what comes after the end is worth nothing."""
        rewards = reward(x, players)
        rewards = torch.where(x.mask, rewards, rewards.new_zeros(()))
        returns = torch.zeros_like(rewards)
        ahead = rewards.new_zeros(len(rewards))
        for t in reversed(range(x.length)):
            ahead = rewards[:, t] + self.gamma * ahead
            returns[:, t] = ahead
        return returns


class Prefix(Credit):
    """The judge reads the prefix that the choice of token t left: Q_t = R(x_1..x_t) (Li et al. 2017's REGS).

    One judgement a place instead of N roll-outs, by a judge that has to have learnt from prefixes to be worth asking.
    With `difference` a token is worth what it added: Q_t = R(x_1..x_t) - R(x_1..x_{t-1}), and the first one R(x_1).
    """

    def __init__(self, difference: bool = False) -> None:
        """Choose between the judgement and its change."""
        super().__init__()
        self.difference = difference

    @torch.no_grad()
    def forward(self, reward: Reward, x: Sequences, players: Any) -> Tensor:
        """Return the judgement of each prefix [B,T]."""
        columns = []
        for t in range(1, x.length + 1):
            # A batch that carries its log-probabilities is fresh, and running figures take it in: once, as a whole.
            prefix = x.prefix(t) if t == x.length else x.prefix(t).replace(logp=None)
            columns.append(reward(prefix, players))
        values = torch.stack(columns, dim=1)
        if not self.difference:
            return values
        return torch.cat([values[:, :1], values[:, 1:] - values[:, :-1]], dim=1)


class RollOut(Credit):
    """Monte-Carlo search (SeqGAN, equation 4): Q_t is the mean reward of N completions that keep x_1..x_t.

    At the last token, where nothing is left to complete, Q_T = R(x). With `every` c only the prefixes of c, 2c, ...
    tokens are completed, and the tokens before each, back to the one before, are worth what it is (LeakGAN).
    """

    def __init__(self, n: int = 16, cap: int | None = None, every: int = 1) -> None:
        """Set the search.

        Args:
            n: Completions of each prefix, N.
            cap: Most rows completed and judged at once, a limit on memory; None takes what a processor does fastest.
            every: Tokens from one completed prefix to the next.
        """
        super().__init__()
        if every < 1:
            raise ValueError(f"every is a number of tokens, 1 or more, not {every}")
        self.n, self.cap, self.every = n, cap, every

    @torch.no_grad()
    def forward(self, reward: Reward, x: Sequences, players: Any) -> Tensor:
        """Return the mean reward of the completions [B,T]; a row that has ended has R(x) from there on."""
        final = reward(x, players)
        totals = final.new_zeros(len(x), x.length)
        noise = players.noise("rollouts", len(x) * players.world.size)
        decoding: Decoding = players.decoding
        wanted = range(self.every, x.length, self.every)
        completions = rollouts(players.policy, x, self.n, noise, decoding, lengths=wanted, cap=self.cap)
        with _steady(players, self.n * len(wanted) * len(x)):
            for items in _together(completions, self.cap or max(JUDGED // x.length, len(x))):
                copies = sum(completed.copies for _, completed in items)
                whole = Sequences.cat([completed for _, completed in items]).replace(copies=copies)
                judged = self._judge(reward, whole, final, players)
                parts = judged.split([len(completed) for _, completed in items])
                for (lengths, _), own in zip(items, parts, strict=True):
                    # Rows are [prefix, copy, row]; the sum is over copies of the SAME row (a peer averaged over rows).
                    totals[:, torch.tensor(lengths) - 1] += own.view(len(lengths), -1, len(x)).sum(1).T
        places = torch.arange(1, x.length + 1, device=x.tokens.device)
        completed_at = ((places + self.every - 1) // self.every * self.every).clamp(max=x.length)
        done = (completed_at == x.length) | (places >= x.lengths.unsqueeze(1))
        return torch.where(done, final.unsqueeze(1), totals[:, completed_at - 1] / self.n)

    @staticmethod
    def _judge(reward: Reward, completed: Sequences, final: Tensor, players: Any) -> Tensor:
        """Return the reward of every row; a row that had ended within its prefix is the sequence judged already."""
        written = completed.chosen.any(1)
        if not reward.alone or bool(written.all()):
            return reward(completed, players)
        judged = final.repeat(len(completed) // len(final))
        if written.any():
            judged[written] = reward(completed.select(written).trim(), players)
        return judged
