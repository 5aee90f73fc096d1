"""SeqGAN: sequence generative adversarial nets with policy gradient (Yu, Zhang, Wang, Yu, AAAI 2017, algorithm 1)."""

from __future__ import annotations

from tokengan.discriminators.base import Discriminator
from tokengan.discriminators.cnn import HighwayCNN
from tokengan.estimators.base import Estimator
from tokengan.estimators.credit import Credit, RollOut
from tokengan.estimators.reinforce import Reinforce
from tokengan.generators.base import Autoregressive
from tokengan.generators.recurrent import LSTM
from tokengan.losses.base import AdversarialLoss
from tokengan.losses.constraints import Constraint, Unconstrained
from tokengan.losses.minimax import Minimax
from tokengan.methods.base import Moves, Phase
from tokengan.methods.policy_gradient import PolicyGradient
from tokengan.methods.presets import SEQGAN_PRESETS, SEQGAN_USUAL
from tokengan.optimiser import Optimiser
from tokengan.rewards.base import Reward
from tokengan.rewards.probability import Probability
from tokengan.rewards.transforms import Identity, Transform
from tokengan.schedules import Schedule
from tokengan.spec import Net, New
from tokengan.tasks.base import Task

__all__ = ["SeqGAN"]


class SeqGAN(PolicyGradient):
    """Policy gradient on a discriminator's judgement of completed prefixes."""

    presets = SEQGAN_PRESETS
    usual = SEQGAN_USUAL
    discriminator: Discriminator  # pyright: ignore[reportIncompatibleVariableOverride]  # never None here

    def __init__(
        self,
        task: Task,
        generator: Net[Autoregressive] = LSTM,
        discriminator: Net[Discriminator] = HighwayCNN,
        reward: New[Reward] = Probability,
        credit: New[Credit] = RollOut,
        estimator: New[Estimator] = Reinforce,
        rescale: New[Transform] = Identity,
        loss: New[AdversarialLoss] = Minimax,
        constraint: New[Constraint] = Unconstrained,
        mle_epochs: int = 120,
        patience: int | None = None,
        d_rounds: int = 50,
        rounds: int = 200,
        g_steps: int = 1,
        d_steps: int = 5,
        d_epochs: int = 3,
        mle_steps: int = 0,
        batch_size: int = 64,
        cross_fit: float = 0.0,
        lag: float = 0.0,
        temperature: Schedule = Schedule(1.0),
        generator_optimiser: Optimiser = Optimiser(lr=1e-2),
        policy_optimiser: Optimiser = Optimiser(lr=1e-2),
        discriminator_optimiser: Optimiser = Optimiser(lr=1e-4, clip=None),
        seed: int = 0,
    ) -> None:
        """Set up the method.

        Args:
            task: What is learnt.
            generator: Factory of the policy G.
            discriminator: Factory of D.
            reward: What a finished sequence is worth.
            credit: What each token of it is worth.
            estimator: The gradient made of that.
            rescale: A change of scale of the returns, across the batch.
            loss: The game D plays.
            constraint: What keeps D Lipschitz, where the game needs that.
            mle_epochs: Epochs of maximum likelihood before the game.
            patience: Evaluations without a lower held-out NLL after which maximum likelihood ends early; None for all.
            d_rounds: Rounds of D's training before the game.
            rounds: Rounds of the game.
            g_steps: Policy-gradient steps in a round.
            d_steps: Times in a round that D is trained on fresh samples.
            d_epochs: Epochs over data and samples each time.
            mle_steps: Steps of maximum likelihood at the end of a round, which hold G near the data.
            batch_size: Sequences in a batch, B.
            cross_fit: Share of the training data kept from G, so that D's reals are sequences G never saw.
            lag: Share of its old weights that the roll-out policy keeps at each step; 0 rolls out with G itself.
            temperature: Temperature at which G writes and is scored during the game, by round.
            generator_optimiser: How G moves in maximum likelihood.
            policy_optimiser: How G moves in the game.
            discriminator_optimiser: How D moves.
            seed: Seed of weights, batches and draws.
        """
        moves = {
            "generator": generator_optimiser,
            "policy": policy_optimiser,
            "discriminator": discriminator_optimiser,
        }
        super().__init__(
            task,
            generator=generator,
            discriminator=discriminator,
            moves=moves,
            batch_size=batch_size,
            cross_fit=cross_fit,
            seed=seed,
        )
        self.loss, self.constraint = loss(), constraint()
        self.learn_by(reward, credit, rescale, estimator, lag, temperature)
        self.mle_epochs, self.patience, self.d_rounds, self.rounds = mle_epochs, patience, d_rounds, rounds
        self.g_steps, self.d_steps, self.d_epochs, self.mle_steps = g_steps, d_steps, d_epochs, mle_steps

    def phases(self) -> list[Phase]:
        """Return algorithm 1: pre-train G, pre-train D, play."""
        taught, played = self.moves_in_rounds()
        return [
            self.mle_phase(self.mle_epochs, self.patience),
            Phase("pretrain discriminator", self.d_rounds, self.teach_discriminator, moves=taught),
            Phase("adversarial", self.rounds, self.round, moves=played),
        ]

    def moves_in_rounds(self) -> tuple[Moves, Moves]:
        """Return the updates in a round of D's training and of the game; None where they differ from round to round."""
        judged = "discriminator" in self.reward.needs
        steps = self.pairs_of(len(self.judge_rows), self.batch_size, self.d_epochs) if judged else 0
        others = {"policy": self.g_steps * self.estimator.moves_each, "generator": self.mle_steps}
        return {"discriminator": steps}, {**others, "discriminator": self.d_steps * steps}

    def round(self, i: int) -> None:
        """Play one round: g-steps, d-steps, steps of likelihood."""
        self.begin_round(i)
        for _ in range(self.g_steps):
            self.step_generator(i)
        for _ in range(self.d_steps):
            self.teach_discriminator(i)
        for _ in range(self.mle_steps):
            self.update(generator=self.mle_loss(self.real(), self.mle_epochs))

    def step_generator(self, i: int) -> None:
        """Move G along the policy gradient at fresh samples Y ~ G."""
        del i
        self.step_policy(self.write(self.batch_size, self.decoding))

    def teach_discriminator(self, i: int) -> None:
        """Train D on fresh samples, as many as there are data."""
        if "discriminator" not in self.reward.needs:
            return
        fakes = self.write(len(self.judge_rows), self.decoding)
        for real, fake in self.pairs(fakes, self.batch_size, self.d_epochs):
            self.step_discriminator(self.loss, self.constraint, real, fake)
