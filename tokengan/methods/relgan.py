"""RelGAN: relational generative adversarial networks (Nie, Narodytska & Patel, ICLR 2019)."""

from __future__ import annotations

from typing import Any

from tokengan.discriminators.base import Discriminator
from tokengan.discriminators.multi_view import MultiView
from tokengan.generators.base import Autoregressive
from tokengan.generators.relational import RelationalMemory
from tokengan.losses.base import AdversarialLoss
from tokengan.losses.relativistic import Relativistic
from tokengan.methods.gan import GAN
from tokengan.methods.presets_relgan import RELGAN_PRESETS, RELGAN_USUAL
from tokengan.optimiser import Optimiser
from tokengan.sampling.relax import GumbelSoftmax
from tokengan.schedules import Schedule
from tokengan.spec import Net, New
from tokengan.tasks.base import Task

__all__ = ["RelGAN"]


class RelGAN(GAN):
    """The relaxed game with a relational memory, a judge of many views, and a sharpness that rises."""

    presets = RELGAN_PRESETS
    usual = RELGAN_USUAL

    def __init__(
        self,
        task: Task,
        generator: Net[Autoregressive] = RelationalMemory,
        discriminator: Net[Discriminator] = MultiView,
        relax: GumbelSoftmax = GumbelSoftmax(Schedule(1.0, end=100.0, over=5000, shape="exponential")),
        loss: New[AdversarialLoss] = Relativistic,
        mle_epochs: int = 150,
        rounds: int = 100,
        d_steps: int = 5,
        policy_optimiser: Optimiser = Optimiser(lr=1e-4),
        discriminator_optimiser: Optimiser = Optimiser(lr=1e-4),
        **rest: Any,
    ) -> None:
        """Set up the method.

        Args:
            task: What is learnt.
            generator: Factory of G.
            discriminator: Factory of D, whose every view plays the game by itself.
            relax: How a draw is relaxed: D sees the soft row, G reads the hard token.
            loss: The game.
            mle_epochs: Epochs of maximum likelihood before the game.
            rounds: Rounds of the game.
            d_steps: Steps of D in a turn, each on a fresh batch of both kinds.
            policy_optimiser: How G moves in the game.
            discriminator_optimiser: How D moves.
            rest: What `GAN` takes.
        """
        super().__init__(
            task,
            generator=generator,
            discriminator=discriminator,
            relax=relax,
            loss=loss,
            mle_epochs=mle_epochs,
            rounds=rounds,
            d_steps=d_steps,
            policy_optimiser=policy_optimiser,
            discriminator_optimiser=discriminator_optimiser,
            **rest,
        )
