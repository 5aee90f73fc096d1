"""ORGAN: objective-reinforced generative adversarial networks (Guimaraes, Sanchez-Lengeling et al. 2017)."""

from __future__ import annotations

from typing import Any

from tokengan.methods.presets import ORGAN_PRESETS, ORGAN_USUAL
from tokengan.methods.seqgan import SeqGAN
from tokengan.rewards.base import Reward
from tokengan.rewards.organ import ObjectiveReinforced
from tokengan.spec import New
from tokengan.tasks.base import Task

__all__ = ["ORGAN"]


class ORGAN(SeqGAN):
    """SeqGAN whose reward is lambda D(x) + (1 - lambda) O(x), with O any function of the text; lambda 0 is naive RL."""

    presets = ORGAN_PRESETS
    usual = ORGAN_USUAL

    def __init__(self, task: Task, reward: New[Reward] = ObjectiveReinforced, g_steps: int = 2, **rest: Any) -> None:
        """Set up the method.

        Args:
            task: What is learnt.
            reward: What a finished sequence is worth.
            g_steps: Policy-gradient steps in a round.
            rest: What `SeqGAN` takes.
        """
        super().__init__(task, reward=reward, g_steps=g_steps, **rest)
