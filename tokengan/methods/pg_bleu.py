"""PG-BLEU: naive reinforcement learning on a score of the text, no discriminator; MIXER and SCST as settings.

Williams 1992; Ranzato et al. 2016 (MIXER); Rennie et al. 2017 (SCST: `--estimator.baseline self_critical`).
"""

from __future__ import annotations

from tokengan.estimators.base import Estimator
from tokengan.estimators.credit import Credit, Final
from tokengan.estimators.reinforce import Reinforce
from tokengan.generators.base import Autoregressive
from tokengan.generators.recurrent import LSTM
from tokengan.methods.base import Phase
from tokengan.methods.policy_gradient import PolicyGradient
from tokengan.methods.presets import PG_BLEU_PRESETS, PG_BLEU_USUAL
from tokengan.optimiser import Optimiser
from tokengan.rewards.base import Reward
from tokengan.rewards.bleu import Bleu
from tokengan.rewards.transforms import Identity, Transform
from tokengan.schedules import Schedule
from tokengan.spec import Net, New
from tokengan.tasks.base import Task

__all__ = ["PGBLEU"]


class PGBLEU(PolicyGradient):
    """Likelihood, then the policy gradient of a fixed reward, BLEU against training sentences by default."""

    presets = PG_BLEU_PRESETS
    usual = PG_BLEU_USUAL

    def __init__(
        self,
        task: Task,
        generator: Net[Autoregressive] = LSTM,
        reward: New[Reward] = Bleu,
        credit: New[Credit] = Final,
        rescale: New[Transform] = Identity,
        estimator: New[Estimator] = Reinforce,
        mixer_tokens: int = 0,
        mixer_rounds: int = 50,
        mle_epochs: int = 120,
        patience: int | None = None,
        rounds: int = 200,
        g_steps: int = 1,
        batch_size: int = 64,
        lag: float = 0.0,
        temperature: Schedule = Schedule(1.0),
        generator_optimiser: Optimiser = Optimiser(lr=1e-2),
        policy_optimiser: Optimiser = Optimiser(lr=1e-3),
        seed: int = 0,
    ) -> None:
        """Set up the method.

        Args:
            task: What is learnt.
            generator: Factory of the policy G.
            reward: What a finished sequence is worth; one that reads a discriminator is refused.
            credit: What each token of it is worth.
            rescale: A change of scale of the returns, across the batch.
            estimator: The gradient made of that.
            mixer_tokens: MIXER's delta: in stage k the last k * delta tokens are G's own, learnt by policy gradient,
                and those before them real, learnt by likelihood (the paper: 3). 0: whole sequences are G's own.
            mixer_rounds: Rounds in a stage.
            mle_epochs: Epochs of maximum likelihood before.
            patience: Evaluations without a lower held-out NLL after which maximum likelihood ends early; None for all.
            rounds: Rounds of reinforcement.
            g_steps: Policy-gradient steps in a round.
            batch_size: Sequences in a batch, B.
            lag: Share of its old weights that the roll-out policy keeps at each step; 0 rolls out with G itself.
            temperature: Temperature at which G writes and is scored, by round.
            generator_optimiser: How G moves in maximum likelihood.
            policy_optimiser: How G moves in reinforcement.
            seed: Seed of weights, batches and draws.
        """
        moves = {"generator": generator_optimiser, "policy": policy_optimiser}
        super().__init__(task, generator=generator, moves=moves, batch_size=batch_size, seed=seed)
        self.learn_by(reward, credit, rescale, estimator, lag, temperature)
        self.mle_epochs, self.patience, self.rounds, self.g_steps = mle_epochs, patience, rounds, g_steps
        self.mixer_tokens, self.mixer_rounds = mixer_tokens, mixer_rounds

    def phases(self) -> list[Phase]:
        """Return likelihood, then reinforcement."""
        return [
            self.mle_phase(self.mle_epochs, self.patience),
            Phase("reinforce", self.rounds, self.round),
        ]

    def round(self, i: int) -> None:
        """Make the round's policy-gradient steps."""
        self.begin_round(i)
        for _ in range(self.g_steps):
            if self.mixer_tokens == 0:
                self.step_policy(self.write(self.batch_size, self.decoding))
            else:
                x = self.real()
                given = (x.lengths - self.mixer_tokens * (1 + i // self.mixer_rounds)).clamp(min=0)
                self.step_policy(self.continued(x, given), likelihood=True)
