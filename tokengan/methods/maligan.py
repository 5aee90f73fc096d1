"""MaliGAN: maximum-likelihood augmented discrete GANs (Che, Li, Zhang, Hjelm, Li, Song, Bengio 2017)."""

from __future__ import annotations

from typing import Any

from tokengan.estimators.base import Estimator
from tokengan.estimators.credit import Credit, Final
from tokengan.estimators.maligan import ImportanceWeights
from tokengan.methods.presets import MALIGAN_PRESETS, MALIGAN_USUAL
from tokengan.methods.seqgan import SeqGAN
from tokengan.rewards.base import Reward
from tokengan.rewards.log_ratio import LogRatio
from tokengan.schedules import Schedule
from tokengan.spec import New
from tokengan.tasks.base import Task

__all__ = ["MaliGAN"]


class MaliGAN(SeqGAN):
    """Likelihood on G's own samples, weighted by D / (1 - D), which is p_data / p_G for the best D."""

    presets = MALIGAN_PRESETS
    usual = MALIGAN_USUAL

    def __init__(
        self,
        task: Task,
        reward: New[Reward] = LogRatio,
        credit: New[Credit] = Final,
        estimator: New[Estimator] = ImportanceWeights,
        given: Schedule = Schedule(0.0),
        completions: int = 8,
        **rest: Any,
    ) -> None:
        """Set up the method.

        Args:
            task: What is learnt.
            reward: What a finished sequence is worth: the estimator wants a log-ratio.
            credit: What each token of it is worth.
            estimator: The gradient made of that.
            given: Mixed training: the number of first tokens, N, taken from real sequences and learnt by likelihood, by
                round; 0 is pure MaliGAN. The weights are then normalised over the completions of a prefix
                (`estimator.num_generations` is to equal `completions`).
            completions: Completions of each real prefix, n.
            rest: What `SeqGAN` takes.
        """
        super().__init__(task, reward=reward, credit=credit, estimator=estimator, **rest)
        together = getattr(self.estimator, "num_generations", None)
        if (given.start > 0 or given.end) and together != completions:
            raise ValueError(
                f"mixed training weighs the {completions} completions of a prefix against each other: set "
                f"estimator.num_generations to {completions}, not {together}"
            )
        self.given, self.completions = given, completions

    def step_generator(self, i: int) -> None:
        """Step on samples, or on completions of real prefixes with those prefixes' likelihood."""
        if self.given.start <= 0 and not self.given.end:
            return super().step_generator(i)
        # With no token given every completion has the same, empty prefix: any group of them is one to weigh within.
        given = max(round(self.given.at(i)), 0)
        x = self.real()
        x = x.select(slice(0, max(len(x) // self.completions, 1)))
        lengths = x.lengths.clamp(max=given)
        return self.step_policy(self.continued(x, lengths, self.completions), likelihood=True)
