"""Judge: a better likelihood model as judge, and the exact expectation over the vocabulary at every step.

What gains where a real-or-fake discriminator does not (docs/methods/judge.md).

Axes: B batch, T time, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor

from tokengan.generators.base import Autoregressive
from tokengan.generators.ensemble import members_of
from tokengan.generators.recurrent import LSTM
from tokengan.methods.base import Method, Phase
from tokengan.methods.presets import JUDGE_PRESETS, JUDGE_USUAL
from tokengan.modes import evaluating, without_dropout
from tokengan.optimiser import Optimiser
from tokengan.sampling.law import kl
from tokengan.sequences import Sequences
from tokengan.spec import Net
from tokengan.tasks.base import Task

__all__ = ["Judge"]

ROWS = 32  # whose logits are held at once


class Judge(Method):
    """G writes, and at every state it visits moves its whole next-token law towards the judge's."""

    presets = JUDGE_PRESETS
    usual = JUDGE_USUAL

    def __init__(
        self,
        task: Task,
        generator: Net[Autoregressive] = LSTM,
        judge: Net[Autoregressive] = LSTM,
        direction: Literal["reverse", "forward"] = "reverse",
        mle_epochs: int = 120,
        patience: int | None = None,
        judge_epochs: int = 40,
        judge_patience: int | None = 3,
        rounds: int = 16,
        round_patience: int | None = None,
        updates: int = 10,
        samples: int = 256,
        batch_size: int = 64,
        cross_fit: float = 0.0,
        generator_optimiser: Optimiser = Optimiser(lr=1e-2),
        policy_optimiser: Optimiser = Optimiser(lr=2e-3),
        judge_optimiser: Optimiser = Optimiser(lr=1e-2),
        seed: int = 0,
    ) -> None:
        """Set up the method.

        Args:
            task: What is learnt.
            generator: Factory of the generator G.
            judge: Factory of the judge J, a likelihood model that is to know more than G: larger, better regularised,
                or an `ensemble`.
            direction: `reverse` minimises KL(G || J), `forward` KL(J || G), both exactly at each state that G visits.
            mle_epochs: Epochs of G's maximum likelihood before.
            patience: Evaluations without a lower held-out NLL of G after which that ends early; None for all.
            judge_epochs: Epochs of J's maximum likelihood.
            judge_patience: Evaluations without a lower held-out NLL of J after which that ends early; None for all.
            rounds: Rounds of learning from J.
            round_patience: Evaluations without a lower held-out NLL of G after which that ends, at its best; None: all.
            updates: Updates of G in a round.
            samples: Sequences that G writes for an update.
            batch_size: Sequences in a batch of maximum likelihood, B.
            cross_fit: Share of the training data kept from G, which J alone learns from.
            generator_optimiser: How G moves in maximum likelihood.
            policy_optimiser: How G moves towards J.
            judge_optimiser: How J moves.
            seed: Seed of weights, batches and draws.
        """
        moves = {"generator": generator_optimiser, "policy": policy_optimiser, "judge": judge_optimiser}
        super().__init__(task, generator=generator, moves=moves, batch_size=batch_size, cross_fit=cross_fit, seed=seed)
        with self.streams.building("judge"):
            self.judging = judge(self.spec)
        self.adopted["judge"] = list(self.judging.parameters())
        self.direction: Literal["reverse", "forward"] = direction
        self.mle_epochs, self.patience = mle_epochs, patience
        self.judge_epochs, self.judge_patience = judge_epochs, judge_patience
        self.rounds, self.round_patience, self.updates, self.samples = rounds, round_patience, updates, samples

    @property
    def laws(self) -> dict[str, Autoregressive]:
        """The judge, whose held-out likelihood is reported too."""
        return {"judge": self.judging}

    def phases(self) -> list[Phase]:
        """Return G's likelihood, J's likelihood, learning from J."""
        stop = None if self.round_patience is None else "NLL-valid"
        return [
            self.mle_phase(self.mle_epochs, self.patience),
            self.judge_phase(),
            Phase("learn from the judge", self.rounds, self.round, watch=stop, patience=self.round_patience),
        ]

    def judge_phase(self) -> Phase:
        """Return the phase in which J learns: a round is an epoch."""
        watch = None if self.judge_patience is None else "NLL-valid (judge)"
        return Phase("train the judge", self.judge_epochs, self.teach, watch, self.judge_patience, eval_every=1)

    def teach(self, i: int) -> None:
        """Train J for an epoch of real sequences."""
        del i
        for _ in range(self.judge_batches.per_epoch):
            self.step_judge(self.judged_real())

    def step_judge(self, *batches: Sequences) -> None:
        """Move J (every member of an ensemble) up the mean likelihood of the batches."""
        losses = [
            self.world.mean(-member.score(x)["logp"], x.mask) for member in members_of(self.judging) for x in batches
        ]
        self.update(judge=torch.stack(losses).sum() / len(batches))

    def round(self, i: int) -> None:
        """Make the round's updates of G."""
        del i
        for _ in range(self.updates):
            self.step_generator()

    def step_generator(self) -> None:
        """Move G by the exact divergence of its next-token laws from J's, at the states of its own samples."""
        y = self.write(self.samples)
        with without_dropout(self.generator), evaluating(self.judging):
            self.update(policy=self._divergences(y))

    def _divergences(self, y: Sequences) -> Iterator[Tensor]:
        total = self.world.sum(y.mask.sum()) / self.world.size
        for part in y.split(ROWS):
            law = self.generator(part)["logits"]
            with torch.no_grad():
                judged = self.judging(part)["logits"]
            distance = kl(law, judged) if self.direction == "reverse" else kl(judged, law)
            yield torch.where(part.mask, distance, 0.0).sum() / total
