"""WGAN-GP on relaxed sequences (Arjovsky et al. 2017; Gulrajani et al. 2017; Press et al. 2017)."""

from __future__ import annotations

from typing import Any

from tokengan.losses.base import AdversarialLoss
from tokengan.losses.constraints import Constraint
from tokengan.losses.gradient_penalty import GradientPenalty
from tokengan.losses.wasserstein import Wasserstein
from tokengan.methods.gan import GAN
from tokengan.methods.presets import WGAN_PRESETS, WGAN_USUAL
from tokengan.optimiser import Optimiser
from tokengan.sampling.relax import GumbelSoftmax
from tokengan.schedules import Schedule
from tokengan.spec import New
from tokengan.tasks.base import Task

__all__ = ["WGAN"]


class WGAN(GAN):
    """The relaxed game with a Wasserstein critic, which tells soft rows from one-hot ones and still has a slope."""

    presets = WGAN_PRESETS
    usual = WGAN_USUAL

    def __init__(
        self,
        task: Task,
        relax: GumbelSoftmax = GumbelSoftmax(Schedule(1.0)),
        loss: New[AdversarialLoss] = Wasserstein,
        constraint: New[Constraint] = GradientPenalty,
        d_steps: int = 5,
        policy_optimiser: Optimiser = Optimiser(lr=1e-4, betas=(0.5, 0.9)),
        discriminator_optimiser: Optimiser = Optimiser(lr=1e-4, betas=(0.5, 0.9), clip=None),
        **rest: Any,
    ) -> None:
        """Set up the method.

        Args:
            task: What is learnt.
            relax: How a draw is relaxed; the critic sees the soft rows.
            loss: The game.
            constraint: What keeps the critic Lipschitz, with respect to embeddings.
            d_steps: Steps of the critic in a turn (the papers: 5 or 10).
            policy_optimiser: How G moves in the game.
            discriminator_optimiser: How the critic moves.
            rest: What `GAN` takes.
        """
        super().__init__(
            task,
            relax=relax,
            loss=loss,
            constraint=constraint,
            d_steps=d_steps,
            policy_optimiser=policy_optimiser,
            discriminator_optimiser=discriminator_optimiser,
            **rest,
        )
