"""GAN: the plain adversarial game through a relaxed sample, GSGAN (Kusner & Hernandez-Lobato 2016).

Axes: B batch, T time, V vocabulary.
"""

from __future__ import annotations

from tokengan.discriminators.base import Discriminator
from tokengan.discriminators.cnn import HighwayCNN
from tokengan.generators.base import Autoregressive
from tokengan.generators.recurrent import LSTM
from tokengan.losses.base import AdversarialLoss
from tokengan.losses.constraints import Constraint, Unconstrained
from tokengan.losses.reverse_kl import ReverseKL
from tokengan.methods.base import Method, Phase
from tokengan.methods.parts import check_loss
from tokengan.methods.presets import GAN_PRESETS, GAN_USUAL
from tokengan.modes import without_dropout
from tokengan.optimiser import Optimiser
from tokengan.sampling.relax import GumbelSoftmax
from tokengan.schedules import Schedule
from tokengan.sequences import Sequences
from tokengan.spec import Net, New
from tokengan.tasks.base import Task

__all__ = ["GAN"]


class GAN(Method):
    """G's sample is relaxed, and the gradient of the discriminator goes through it: no reward, no policy gradient."""

    presets = GAN_PRESETS
    usual = GAN_USUAL
    discriminator: Discriminator  # pyright: ignore[reportIncompatibleVariableOverride]  # never None here

    def __init__(
        self,
        task: Task,
        generator: Net[Autoregressive] = LSTM,
        discriminator: Net[Discriminator] = HighwayCNN,
        relax: GumbelSoftmax = GumbelSoftmax(Schedule(1.0), show="straight_through"),
        loss: New[AdversarialLoss] = ReverseKL,
        constraint: New[Constraint] = Unconstrained,
        mle_epochs: int = 120,
        patience: int | None = None,
        d_rounds: int = 0,
        rounds: int = 200,
        updates: int = 20,
        g_steps: int = 1,
        d_steps: int = 1,
        batch_size: int = 64,
        cross_fit: float = 0.0,
        generator_optimiser: Optimiser = Optimiser(lr=1e-2),
        policy_optimiser: Optimiser = Optimiser(lr=1e-3),
        discriminator_optimiser: Optimiser = Optimiser(lr=1e-3),
        seed: int = 0,
    ) -> None:
        """Set up the method.

        Args:
            task: What is learnt.
            generator: Factory of G.
            discriminator: Factory of D, which reads relaxed tokens as mixtures of embeddings.
            relax: How a draw is relaxed; `relax.sharpness` is a schedule over updates of the game.
            loss: The game.
            constraint: What keeps D Lipschitz, where the game needs that.
            mle_epochs: Epochs of maximum likelihood before the game (the paper has none).
            patience: Evaluations without a lower held-out NLL after which maximum likelihood ends early; None for all.
            d_rounds: Rounds of D alone before the game.
            rounds: Rounds of the game.
            updates: Turns in a round: so many times `g_steps`, then `d_steps`.
            g_steps: Steps of G in a turn.
            d_steps: Steps of D in a turn, each on a fresh batch of both kinds.
            batch_size: Sequences in a batch of one kind, B.
            cross_fit: Share of the training data kept from G, so that D's reals are sequences G never saw.
            generator_optimiser: How G moves in maximum likelihood.
            policy_optimiser: How G moves in the game.
            discriminator_optimiser: How D moves.
            seed: Seed of weights, batches and draws.
        """
        super().__init__(
            task,
            generator=generator,
            discriminator=discriminator,
            moves={
                "generator": generator_optimiser,
                "policy": policy_optimiser,
                "discriminator": discriminator_optimiser,
            },
            batch_size=batch_size,
            cross_fit=cross_fit,
            seed=seed,
        )
        self.relax, self.loss, self.constraint = relax, loss(), constraint()
        check_loss(self.loss, self.discriminator)
        self.mle_epochs, self.patience, self.d_rounds, self.rounds = mle_epochs, patience, d_rounds, rounds
        self.updates, self.g_steps, self.d_steps = updates, g_steps, d_steps

    def phases(self) -> list[Phase]:
        """Return likelihood, D alone, the game."""
        steps = {"policy": self.updates * self.g_steps, "discriminator": self.updates * self.d_steps}
        taught = {"discriminator": steps["discriminator"]}
        return [
            self.mle_phase(self.mle_epochs, self.patience),
            Phase("pretrain discriminator", self.d_rounds, self.teach_discriminator, moves=taught),
            Phase("adversarial", self.rounds, self.round, moves=steps),
        ]

    def round(self, i: int) -> None:
        """Play one round: so many turns of g-steps, then d-steps."""
        for k in range(i * self.updates, (i + 1) * self.updates):
            for _ in range(self.g_steps):
                self.step_generator(k)
            for _ in range(self.d_steps):
                self.step_judge(k)

    def relaxed(self, k: int, grad: bool) -> Sequences:
        """Return a batch of relaxed samples at the sharpness of update k; dropout is off."""
        with without_dropout(self.generator):
            return self.write(self.batch_size, relax=lambda law, noise: self.relax.draw(law, noise, k), grad=grad)

    def step_generator(self, k: int) -> None:
        """Move G along the discriminator's gradient at its relaxed samples."""
        fake, real = self.relaxed(k, grad=True), self.judged_real()
        self.update(policy=self.loss.generator(self.judge(fake), self.judge(real)))

    def step_judge(self, k: int) -> None:
        """Move D once on fresh batches of both kinds."""
        self.step_discriminator(self.loss, self.constraint, self.judged_real(), self.relaxed(k, grad=False))

    def teach_discriminator(self, i: int) -> None:
        """Train D alone, at the sharpness of the first update."""
        del i
        for _ in range(self.updates * self.d_steps):
            self.step_judge(0)
