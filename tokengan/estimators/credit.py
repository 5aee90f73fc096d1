"""Credit: from judgements of whole sequences to a return for every token.

Axes: B batch, T time, N roll-outs, P prefixes.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from tokengan.rewards.base import Reward
from tokengan.sampling.decoding import Decoding
from tokengan.sampling.rollouts import rollouts
from tokengan.sequences import Sequences

__all__ = ["Credit", "Final", "RollOut"]


class Credit(nn.Module):
    """Turns a reward into returns [B,T]: what the choice of token t is worth. Nothing after it sums again."""

    def forward(self, reward: Reward, x: Sequences, players: Any) -> Tensor:
        """Return Q(x_<t, x_t) [B,T], 0 outside the mask."""
        raise NotImplementedError


class Final(Credit):
    """Every token of a sequence is worth what the whole sequence is: Q_t = R(x)."""

    def forward(self, reward: Reward, x: Sequences, players: Any) -> Tensor:
        """Return R(x) at every real token [B,T]."""
        return reward(x, players).unsqueeze(1) * x.mask


class RollOut(Credit):
    """Monte-Carlo search (SeqGAN, equation 4): Q_t is the mean reward of N completions that keep x_1..x_t.

    At the last token, where nothing is left to complete, Q_T = R(x).
    """

    def __init__(self, n: int = 16, cap: int | None = None) -> None:
        """Set the search.

        Args:
            n: Completions of each prefix, N.
            cap: Most rows completed and judged at once, a limit on memory; None fits the vocabulary to a cache.
        """
        super().__init__()
        self.n, self.cap = n, cap

    @torch.no_grad()
    def forward(self, reward: Reward, x: Sequences, players: Any) -> Tensor:
        """Return the mean reward of the completions [B,T]."""
        final = reward(x, players)
        totals = final.new_zeros(len(x), x.length)
        noise = players.noise("rollouts", len(x) * players.world.size)
        decoding: Decoding = players.decoding
        for lengths, completed in rollouts(players.policy, x, self.n, noise, decoding, cap=self.cap):
            # Rows are [prefix, copy, row]; the sum is over copies of the SAME row (a peer averaged across rows here).
            judged = self._judge(reward, completed, final, players).view(len(lengths), -1, len(x)).sum(1)
            totals[:, torch.tensor(lengths) - 1] += judged.T
        returns = totals / self.n
        last = (x.lengths - 1).unsqueeze(1)
        return returns.scatter(1, last, final.unsqueeze(1)) * x.mask

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
