"""LeakGAN: adversarial training with leaked information (Guo, Lu, Cai, Zhang, Yu, Wang, AAAI 2018)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from tokengan.generators.manager_worker import ManagerWorker
from tokengan.methods.base import Loss, Phase
from tokengan.methods.presets_leakgan import LEAKGAN_PRESETS, LEAKGAN_USUAL
from tokengan.methods.seqgan import SeqGAN
from tokengan.optimiser import Optimiser
from tokengan.rewards.goals import intrinsic, reached
from tokengan.rewards.relative import Rescale
from tokengan.rewards.transforms import Transform
from tokengan.schedules import Schedule
from tokengan.sequences import Sequences
from tokengan.spec import Net, New
from tokengan.tasks.base import Task

__all__ = ["LeakGAN"]


class LeakGAN(SeqGAN):
    """SeqGAN whose discriminator leaks its features of what was written so far to a Manager and a Worker.

    The Manager is paid by how the discriminator judges where its goals lead, the Worker by how far it moved the
    features along them. The players `generator` and `policy` are the Worker, `manager` and `manager_policy` the
    Manager, each by likelihood and in the game; one move never changes another's parameters, nor the discriminator's.
    """

    presets = LEAKGAN_PRESETS
    usual = LEAKGAN_USUAL
    generator: ManagerWorker  # pyright: ignore[reportIncompatibleVariableOverride]

    def __init__(
        self,
        task: Task,
        generator: Net[ManagerWorker] = ManagerWorker,
        rescale: New[Transform] = Rescale,
        inter_rounds: int = 10,
        mle_epochs: int = 8,
        d_rounds: int = 5,
        supervise_every: int = 15,
        supervise: float = 0.05,
        beside: Schedule = Schedule(0.0),
        generator_optimiser: Optimiser = Optimiser(lr=1.5e-3),
        policy_optimiser: Optimiser = Optimiser(lr=1.5e-3),
        **rest: Any,
    ) -> None:
        """Set up the method.

        Args:
            task: What is learnt.
            generator: Factory of Manager and Worker; it reads the discriminator that this method owns.
            rescale: The bootstrapped rescaled activation: what a prefix is worth, by its rank in the batch.
            inter_rounds: Rounds of pretraining, in each of which D and then G are trained.
            mle_epochs: Epochs of likelihood in each of them.
            d_rounds: Times that D is trained on fresh samples in each of them.
            supervise_every: Rounds of the game from one stretch of likelihood to the next; 0 for none.
            supervise: Length of each, as a share of an epoch.
            beside: Number of real sequences among which generated prefixes are ranked, by round.
            generator_optimiser: How Worker and Manager move in likelihood, each with a state of its own.
            policy_optimiser: How they move in the game.
            rest: What `SeqGAN` takes.
        """
        super().__init__(
            task,
            generator=generator,
            rescale=rescale,
            mle_epochs=mle_epochs,
            d_rounds=d_rounds,
            generator_optimiser=generator_optimiser,
            policy_optimiser=policy_optimiser,
            **rest,
        )
        self.inter_rounds, self.beside = inter_rounds, beside
        self.supervise_every, self.supervise = supervise_every, supervise
        managers, workers = self.generator.managers, self.generator.workers
        self.adopted |= {"generator": workers, "policy": workers, "manager": managers, "manager_policy": managers}
        self.moves = {**self.moves, "manager": generator_optimiser, "manager_policy": policy_optimiser}

    def phases(self) -> list[Phase]:
        """Return pretraining of D and G in turns, then the game."""
        watch, look = (None, None) if self.patience is None else ("NLL-valid", 1)
        return [
            Phase("pretrain generator", self.inter_rounds, self.pretrain, watch, self.patience, look),
            Phase("adversarial", self.rounds, self.round),
        ]

    def pretrain(self, i: int) -> None:
        """Train D on fresh samples, then Manager and Worker on real sequences under its features."""
        for _ in range(self.d_rounds):
            self.teach_discriminator(i)
        self.learn_likelihood(self.mle_epochs * self.batches.per_epoch)

    def round(self, i: int) -> None:
        """Play one round, and now and then a stretch of likelihood against mode collapse."""
        super().round(i)
        if self.supervise_every and (i + 1) % self.supervise_every == 0:
            self.learn_likelihood(max(round(self.supervise * self.batches.per_epoch), 1))

    def learn_likelihood(self, batches: int) -> None:
        """Move Manager and Worker along so many batches of real sequences."""
        for _ in range(batches):
            self.update(**self.mle_losses(self.real(), 0))

    def mle_losses(self, x: Sequences, epoch: int) -> dict[str, Loss]:
        """Return the Worker's negative log-likelihood, and the Manager's -cos(f_{t+c} - f_t, g_t): as if Q were 1."""
        x = self.generator.seen(x)
        loss = self.mle_loss(x, epoch)
        return {"generator": loss, "manager": self.manager_loss(torch.ones_like(x.mask, dtype=torch.float), x)[0]}

    def manager_loss(self, q: Tensor, x: Sequences) -> tuple[Tensor, dict[str, Tensor]]:
        """Return -mean over tokens of Q_t cos(f_{t+c} - f_t, g_t), and the mean cosine."""
        cosine = reached(*self.generator.plan(x), self.generator.window)
        return -self.world.mean(q * cosine, x.mask), {"cosine": self.world.mean(cosine.detach(), x.mask)}

    def step_policy(self, y: Sequences, likelihood: bool = False) -> None:
        """Move the Manager along what its goals led to, and the Worker along what it did for them, at once."""
        y = self.generator.seen(y)
        q, notes = self.worth(y)
        with torch.no_grad():
            pay = intrinsic(*self.generator.plan(y), self.generator.window)
        self.move_along(y, pay, notes, likelihood, manager_policy=self.manager_loss(q, y))

    def worth(self, y: Sequences) -> tuple[Tensor, dict[str, Tensor]]:
        """Return what each prefix is worth among the batch's and, with `beside`, those of real sequences."""
        rows = round(self.beside.at(self.iteration)) // self.world.size
        if not rows:
            return super().worth(y)
        real = self.judged_real()
        q, notes = super().worth(Sequences.cat([y, real.select(slice(0, rows))], self.spec.pad or 0))
        return q[: len(y), : y.length], notes
