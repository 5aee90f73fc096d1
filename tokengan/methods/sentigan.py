"""SentiGAN: generating sentimental texts via mixture adversarial networks (Wang, Wan, IJCAI 2018)."""

from __future__ import annotations

from typing import Any

from tokengan.estimators.base import Estimator
from tokengan.estimators.penalty import Penalty
from tokengan.generators.base import Autoregressive
from tokengan.generators.per_label import PerLabel
from tokengan.losses.base import AdversarialLoss
from tokengan.losses.multiclass import Multiclass
from tokengan.methods.base import Moves
from tokengan.methods.presets_labels import SENTIGAN_PRESETS, SENTIGAN_USUAL
from tokengan.methods.seqgan import SeqGAN
from tokengan.rewards.base import Reward
from tokengan.rewards.classes import LabelProbability
from tokengan.spec import Net, New
from tokengan.tasks.base import Task

__all__ = ["SentiGAN"]


class SentiGAN(SeqGAN):
    """A generator for each label, a discriminator of k + 1 classes, a penalty on probabilities, and likelihood."""

    presets = SENTIGAN_PRESETS
    usual = SENTIGAN_USUAL

    def __init__(
        self,
        task: Task,
        generator: Net[Autoregressive] = PerLabel,
        reward: New[Reward] = LabelProbability,
        estimator: New[Estimator] = Penalty,
        loss: New[AdversarialLoss] = Multiclass,
        mle_steps: int = 40,
        on_real: bool = False,
        **rest: Any,
    ) -> None:
        """Set up the method.

        Args:
            task: What is learnt; one with labels.
            generator: Factory of the generator: `per_label`, k of them, or `conditional`, one that reads the label.
            reward: What a finished sequence is worth: 1 - V, the probability of its label.
            estimator: The gradient made of that.
            loss: The game D plays.
            mle_steps: Steps of maximum likelihood at the end of a round: without them the penalty has no anchor.
            on_real: Whether each step on samples is followed by one on real sequences, penalised where completions of
                their beginnings are, as in the published code.
            rest: What `SeqGAN` takes.
        """
        super().__init__(
            task, generator=generator, reward=reward, estimator=estimator, loss=loss, mle_steps=mle_steps, **rest
        )
        self.on_real = on_real

    def moves_in_rounds(self) -> tuple[Moves, Moves]:
        """Return those of `SeqGAN`, with a policy step on real sequences beside each where that is asked for."""
        taught, played = super().moves_in_rounds()
        return taught, played and {**played, "policy": played["policy"] * (1 + self.on_real)}

    def step_generator(self, i: int) -> None:
        """Move G against the penalties of fresh samples, then of real ones where that is asked for."""
        super().step_generator(i)
        if self.on_real:
            self.step_policy(self.real())
