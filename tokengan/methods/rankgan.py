"""RankGAN: a ranker in place of the classifier (Lin, Li, He, Zhang, Sun, NeurIPS 2017)."""

from __future__ import annotations

from typing import Any

from tokengan.losses.base import AdversarialLoss
from tokengan.losses.ranking import Ranking
from tokengan.methods.presets import RANKGAN_PRESETS, RANKGAN_USUAL
from tokengan.methods.seqgan import SeqGAN
from tokengan.rewards.base import Reward
from tokengan.rewards.rank import Rank
from tokengan.spec import New
from tokengan.tasks.base import Task

__all__ = ["RankGAN"]


class RankGAN(SeqGAN):
    """SeqGAN whose judge says how near a sentence is to human ones, compared with others, instead of real or fake."""

    presets = RANKGAN_PRESETS
    usual = RANKGAN_USUAL

    def __init__(
        self,
        task: Task,
        reward: New[Reward] = Rank,
        loss: New[AdversarialLoss] = Ranking,
        d_epochs: int = 1,
        **rest: Any,
    ) -> None:
        """Set up the method.

        Args:
            task: What is learnt.
            reward: What a finished sequence is worth.
            loss: The game the ranker plays.
            d_epochs: Epochs over data and samples each time the ranker is trained (the authors: one).
            rest: What `SeqGAN` takes.
        """
        super().__init__(task, reward=reward, loss=loss, d_epochs=d_epochs, **rest)
