"""LabelGAN and AM-GAN for sequences (Salimans et al. 2016; Zhou et al. 2018, who named them, for pictures)."""

from __future__ import annotations

from typing import Any

from tokengan.generators.base import Autoregressive
from tokengan.generators.conditional import Conditional
from tokengan.losses.base import AdversarialLoss
from tokengan.losses.multiclass import Multiclass
from tokengan.methods.presets_labels import LABELGAN_PRESETS, LABELGAN_USUAL
from tokengan.methods.seqgan import SeqGAN
from tokengan.rewards.base import Reward
from tokengan.rewards.classes import ClassProbability
from tokengan.spec import Net, New
from tokengan.tasks.base import Task

__all__ = ["LabelGAN"]


class LabelGAN(SeqGAN):
    """SeqGAN with K + 1 classes: a sequence should look like any real class (`--reward.target any`) or like its own."""

    presets = LABELGAN_PRESETS
    usual = LABELGAN_USUAL

    def __init__(
        self,
        task: Task,
        generator: Net[Autoregressive] = Conditional,
        reward: New[Reward] = ClassProbability,
        loss: New[AdversarialLoss] = Multiclass,
        **rest: Any,
    ) -> None:
        """Set up the method.

        Args:
            task: What is learnt; one with labels.
            generator: Factory of the generator; `conditional` reads the label, `lstm` does not and is for targets that
                do not ask for one (`any`, `dynamic`).
            reward: What a finished sequence is worth; its `target` is `any` (LabelGAN), `given` or `dynamic` (AM-GAN).
            loss: The game D plays.
            rest: What `SeqGAN` takes.
        """
        super().__init__(task, generator=generator, reward=reward, loss=loss, **rest)
