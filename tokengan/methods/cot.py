"""CoT: cooperative training with a mediator (Lu, Yu, Feng, Zhu, Zhang, Yu, ICML 2019)."""

from __future__ import annotations

from typing import Any

from tokengan.generators.base import Autoregressive
from tokengan.generators.recurrent import LSTM
from tokengan.methods.judge import Judge
from tokengan.methods.presets import COT_PRESETS, COT_USUAL
from tokengan.optimiser import Optimiser
from tokengan.spec import Net
from tokengan.tasks.base import Task

__all__ = ["CoT"]


class CoT(Judge):
    """The judge is a mediator M: a likelihood model of half real, half generated text, taught throughout the game.

    At its best M = (P + G) / 2, and KL(G || M) at every state of G's samples leads G to P. Both players maximise
    likelihoods; nobody deceives anybody.
    """

    presets = COT_PRESETS
    usual = COT_USUAL

    def __init__(
        self,
        task: Task,
        mediator: Net[Autoregressive] = LSTM,
        mediator_epochs: int = 0,
        m_steps: int = 1,
        samples: int = 64,
        mle_epochs: int = 0,
        rounds: int = 200,
        updates: int = 100,
        policy_optimiser: Optimiser = Optimiser(lr=1e-3, betas=(0.9, 0.95)),
        mediator_optimiser: Optimiser = Optimiser(lr=3e-3, betas=(0.9, 0.95)),
        **rest: Any,
    ) -> None:
        """Set up the method.

        Args:
            task: What is learnt.
            mediator: Factory of the mediator M, to be larger than G.
            mediator_epochs: Epochs of M alone on real text before the game (the paper: none).
            m_steps: Steps of M after each step of G.
            samples: Sequences that G writes for an update.
            mle_epochs: Epochs of G's maximum likelihood before (the paper: none).
            rounds: Rounds of the game.
            updates: Updates of G in a round.
            policy_optimiser: How G moves in the game.
            mediator_optimiser: How M moves.
            rest: What `Judge` takes.
        """
        super().__init__(
            task,
            judge=mediator,
            judge_epochs=mediator_epochs,
            judge_optimiser=mediator_optimiser,
            judge_patience=None,
            samples=samples,
            mle_epochs=mle_epochs,
            rounds=rounds,
            updates=updates,
            policy_optimiser=policy_optimiser,
            **rest,
        )
        self.m_steps = m_steps

    def step_mediator(self) -> None:
        """Move M up the likelihood of a real batch and a fresh one of G, half and half."""
        real = self.judged_real()
        self.step_judge(real, self.write(len(real) * self.world.size))

    def round(self, i: int) -> None:
        """Play one round: a step of G, then steps of M."""
        del i
        for _ in range(self.updates):
            self.step_generator()
            for _ in range(self.m_steps):
                self.step_mediator()
