"""A language model as judge (DP-GAN, Xu et al. 2018): what it did not expect is worth more.

Axes: B batch, T time.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from tokengan.rewards.base import Reward, judgement
from tokengan.sequences import Sequences

__all__ = ["LanguageModel", "Words"]


class LanguageModel(Reward):
    """Word reward r_t = -log D(x_t | x_<t), sentence reward their mean, or the product of the two.

    D is a language model of generated text, so novel text is worth more, without a bound at which rewards saturate.
    Where words count, the credit sums: at the product level Q_k = R_s sum over i >= k of g^(i-k) r_i with a discount g.
    """

    needs = frozenset({"discriminator"})
    outputs = frozenset({"logp"})

    def __init__(self, level: Literal["word", "sentence", "product"] = "product", limit: float = 12.0) -> None:
        """Set the level.

        Args:
            level: `word` [B,T], `sentence` [B], or their `product` [B,T].
            limit: Largest word reward, in nats: one token that D holds impossible must not outweigh the batch.
        """
        super().__init__()
        self.level, self.limit = level, limit
        self.per_step = level != "sentence"

    @torch.no_grad()
    def forward(self, x: Sequences, players: Any) -> Tensor:
        """Return the reward of every token [B,T], 0 after the end, or of the sequence [B]."""
        surprise = (-judgement(x, players, "logp")).clamp(max=self.limit)
        words = torch.where(x.mask, surprise, 0.0)
        sentence = words.sum(1) / x.lengths.clamp(min=1)
        if self.level == "sentence":
            return sentence
        return words if self.level == "word" else words * sentence.unsqueeze(1)


class Words(LanguageModel):
    """The word rewards alone: what weighs the tokens of real sequences."""

    def __init__(self, limit: float = 12.0) -> None:
        """Set the limit.

        Args:
            limit: Largest word reward, in nats.
        """
        super().__init__("word", limit)
