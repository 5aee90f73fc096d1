"""Relative ranking against human references (RankGAN, Lin et al. 2017).

Axes: B batch, C copies, S siblings, U references, H sentences compared with, F features.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from tokengan.losses.ranking import ranks
from tokengan.rewards.base import Reward, judgement
from tokengan.rewards.siblings import gathered, own
from tokengan.sequences import Sequences

__all__ = ["Rank"]


class Rank(Reward):
    """R(x) = |C'| R(x|U,C): how near x is to real sentences, compared with others; 1 where it is as near as those.

    References U and compared sentences C are drawn from the training split anew for each batch that the policy wrote
    (it carries `logp`) and serve its roll-outs too. Times |C'|, the mean does not depend on how many are compared.
    """

    needs = frozenset({"discriminator"})
    reads = frozenset({"ranks"})
    outputs = frozenset({"features"})
    drawn: Tensor

    def __init__(
        self,
        references: int = 16,
        among: Literal["human", "siblings"] = "human",
        compared: int = 32,
        gamma: float = 16.0,
        form: Literal["each", "mean", "sum"] = "each",
        log: bool = False,
    ) -> None:
        """Set the ranking.

        Args:
            references: Real sentences that relevance is measured to, U.
            among: What a sentence is compared with: real sentences (the paper), or the other generated ones (the
                authors' code), which rewards being better than one's siblings, whatever they are.
            compared: Real sentences to compare with, H, for `human`.
            gamma: Sharpness. The mean cosine over U references with gamma = U is the authors' sum with gamma 1.
            form: The mean over references of softmaxes (`each`, the paper), or the softmax of the mean or the sum of
                the cosines, as released code has it.
            log: Give log(|C'| R) instead.
        """
        super().__init__()
        self.references, self.among, self.gamma, self.log = references, among, gamma, log
        self.form: Literal["each", "mean", "sum"] = form
        self.alone = among == "human"
        self.register_buffer("drawn", torch.full((references + (compared if self.alone else 0),), -1))

    @torch.no_grad()
    def forward(self, x: Sequences, players: Any) -> Tensor:
        """Return |C'| times the rank [B]."""
        features = judgement(x, players, "features")
        real = judgement(self._real(x, players), players, "features")
        references, compared = real[: self.references], real[self.references :]
        if self.alone:
            rank = ranks(features, references, compared, self.gamma, self.form) * (len(compared) + 1)
        else:
            siblings = gathered(features, x, players.world)
            rank = ranks(siblings, references, None, self.gamma, self.form) * siblings.shape[1]
            rank = own(rank, x, players.world)
        return rank.log() if self.log else rank

    def _real(self, x: Sequences, players: Any) -> Sequences:
        """Return the real sentences, newly drawn with replacement for a new batch, the same in all processes."""
        train, rows = players.task.train, players.judge_rows
        if x.logp is not None or self.drawn.min() < 0:
            drawn = torch.randint(len(rows), self.drawn.shape, generator=players.streams["references"])
            self.drawn.copy_(rows[drawn])
        return train.select(self.drawn.cpu()).trim().to(x.tokens.device)
