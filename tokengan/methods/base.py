"""What every method is: networks, streams of random numbers, phases of plain rounds, and one `update`.

Axes: B batch, T time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from tokengan.discriminators.base import Discriminator, Judged
from tokengan.estimators.base import Estimator
from tokengan.generators.base import Autoregressive, Condition, Generator, Outputs, on_device
from tokengan.losses.base import AdversarialLoss
from tokengan.losses.constraints import Constraint
from tokengan.methods.batches import Batches
from tokengan.methods.parts import lend
from tokengan.methods.streams import Streams
from tokengan.methods.world import World
from tokengan.modes import without_dropout
from tokengan.noise import Noise, seeded
from tokengan.optimiser import Optimiser
from tokengan.sampling.decoding import Decoding
from tokengan.sampling.write import write
from tokengan.sequences import Sequences
from tokengan.spec import Net
from tokengan.tasks.base import Task

__all__ = ["Loss", "Method", "Moves", "Phase", "cross_fitted", "generator_state"]

Metrics = Mapping[str, float | Tensor]
Loss = Tensor | tuple[Tensor, Metrics] | Iterable[Tensor | tuple[Tensor, Metrics]]
Moves = Mapping[str, int] | None


class Update(Protocol):
    """What the trainer lends a method: moves of its players, and a place for what there is to say without one."""

    def __call__(self, **losses: Loss) -> None:
        """Move every named player once."""
        ...

    def note(self, figures: Metrics) -> None:
        """Log figures of a round, as those of a loss are logged."""
        ...


@dataclass(frozen=True)
class Phase:
    """A stretch of training: so many rounds of one function.

    Args:
        name: Stands in logs and checkpoints.
        iterations: Number of rounds.
        run: One round; gets its number within the phase, from 0.
        watch: Held-out figure (lower is better) by which the phase's best state is kept; the next phase goes on from
            that state, not from the last one.
        patience: Evaluations of `watch` without a new best after which the phase ends; None runs all rounds.
        eval_every: Rounds between evaluations; None takes the trainer's.
        moves: Updates in a round, each counted for the first player that its call names, where they are known and the
            same in all rounds. The time of a long round is then told from the first part of one.
    """

    name: str
    iterations: int
    run: Callable[[int], None]
    watch: str | None = None
    patience: int | None = None
    eval_every: int | None = None
    moves: Moves = None


def cross_fitted(rows: int, share: float, seed: int) -> tuple[Tensor, Tensor]:
    """Return the training rows of the generator and those of the discriminator: all for both, or parts of a split.

    >>> mine, other = cross_fitted(10, 0.3, seed=0)
    >>> len(mine), len(other), len({*mine.tolist(), *other.tolist()})
    (7, 3, 10)
    """
    if not 0 <= share < 1:
        raise ValueError(f"cross_fit is a share of the training data, 0 or more and below 1, not {share}")
    if share == 0:
        return torch.arange(rows), torch.arange(rows)
    order = torch.randperm(rows, generator=seeded("cross-fit", seed))
    kept = max(round(rows * share), 1)
    return order[kept:], order[:kept]


def generator_state(state: Mapping[str, Tensor], player: str = "generator") -> dict[str, Tensor]:
    """Return the generator's own `state_dict` out of a method's, or that of another of its networks.

    >>> sorted(generator_state({"generator.output": torch.ones(1), "discriminator.output": torch.ones(1)}))
    ['output']
    """
    prefix = f"{player}."
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}


class Method(nn.Module):
    """A way to train a generator.

    A subclass names its phases (`phases`), its players and their optimisers (`moves`) and, where it differs from
    `generator` and `discriminator`, who writes and who judges. The trainer sets `update`, which makes one simultaneous
    move: `self.update(generator=loss)` changes the parameters of the player `generator` and nothing else.

    Args:
        task: The task; its `spec` builds the networks.
        generator: Factory of the generator.
        discriminator: Factory of the discriminator, or None; built first, since a generator may read its features.
        moves: Each player's optimiser settings. The players `generator` (likelihood) and `policy` (the game) are the
            same network with an optimiser each; `discriminator` is the other network.
        batch_size: Rows of a batch, B, over all processes together.
        cross_fit: Share of the training data that the generator never sees: the discriminator's reals are these alone.
            0 gives both the same reals, and a discriminator can then learn that what was memorised is real.
        seed: Seed of every stream of random numbers.

    Attributes:
        presets: Settings by name, each as the flags it stands for (`{"generator.hidden": 64}`).
        usual: The preset taken for a task where nobody asks for one, by the task's short name.
        taught: Steps that `step_discriminator` made; a buffer, where there is a discriminator.
        borrowed: Names of the networks that the generator reads while it writes: its law is theirs too.
    """

    presets: ClassVar[dict[str, dict[str, Any]]] = {}
    usual: ClassVar[dict[str, str]] = {}
    update: Update
    decoding: Decoding = Decoding()  # how the policy writes, and so how it is scored, during the game
    generator: Autoregressive
    discriminator: Discriminator | None
    taught: Tensor

    def __init__(
        self,
        task: Task,
        *,
        generator: Net[Autoregressive],
        moves: dict[str, Optimiser],
        discriminator: Net[Discriminator] | None = None,
        batch_size: int = 64,
        cross_fit: float = 0.0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.task, self.batch_size, self.spec = task, batch_size, task.spec
        self.streams = Streams(seed)
        with self.streams.building():
            self.discriminator = None if discriminator is None else discriminator(self.spec)
            if self.discriminator is not None:
                self.register_buffer("taught", torch.zeros((), dtype=torch.long))
                self.spec = replace(self.spec, features=self.discriminator.features)
            self.generator = generator(self.spec)
        self.borrowed = ("discriminator",) if lend(self.generator, self.discriminator) else ()
        self.rows, self.judge_rows = cross_fitted(len(task.train), cross_fit, seed)
        self.batches = Batches(len(self.rows), batch_size, seed)
        balanced = partial(task.order, self.judge_rows)
        self.judge_batches = Batches(len(self.judge_rows), batch_size, seed + 1, balanced)
        self.moves = moves
        self.world = World()
        self.adopted: dict[str, Iterable[nn.Parameter]] = {}

    # ---- what a subclass says

    def phases(self) -> list[Phase]:
        """Return the phases, in order."""
        raise NotImplementedError

    def trains(self) -> dict[str, Iterable[nn.Parameter]]:
        """Return each player's parameters."""
        networks = {"generator": self.generator, "policy": self.generator, "discriminator": self.discriminator}
        own = {name: network.parameters() for name, network in networks.items() if network is not None}
        return {name: [p for p in (own | self.adopted)[name] if p.requires_grad] for name in self.moves}

    def optimisers(self) -> dict[str, Optimiser]:
        """Return each player's optimiser settings."""
        return self.moves

    @property
    def writer(self) -> Generator:
        """Who writes when the run is used."""
        return self.generator

    @property
    def critic(self) -> Discriminator | None:
        """Who judges when the run is used and evaluated: the discriminator, once it made a step; else None."""
        return None if self.discriminator is None or self.taught == 0 else self.discriminator

    @property
    def laws(self) -> dict[str, Autoregressive]:
        """Further likelihood models, whose held-out NLL evaluation reports by these names."""
        return {}

    # ---- what a subclass calls

    def adopt(self, estimator: Estimator) -> None:
        """Let an estimator build what depends on the networks, and take in the players that it adds."""
        with self.streams.building("estimator"):
            estimator.attach(self)
        self.moves = {**self.moves, **estimator.moves}
        self.adopted |= estimator.trains()

    @property
    def device(self) -> torch.device:
        """Where the networks are, or the tables of one that counts."""
        return next(chain(self.generator.parameters(), self.generator.buffers())).device

    def noise(self, stream: str, rows: int) -> Noise:
        """Return this process's share of a stream, for a batch of `rows` over all processes."""
        return Noise(self.streams[stream, self.device], first=self.world.share(rows).start, total=rows)

    def write(
        self, rows: int, decoding: Decoding = Decoding(), condition: Condition | None = None, **asked: Any
    ) -> Sequences:
        """Return fresh sequences of the generator: `rows` over all processes, less what they cannot share evenly.

        `condition` is this process's share; None takes what the task draws for its training data (`Task.fresh`).
        """
        rows -= rows % self.world.size
        share = self.world.share(rows)
        own = share.stop - share.start
        if condition is None:
            condition = on_device(self.task.fresh(own, self.noise("condition", rows)), self.device)
        return write(self.generator, own, self.noise("write", rows), decoding, condition=condition, **asked)

    def score(self, y: Sequences) -> Outputs:
        """Return the generator's scores of what it wrote, under the very law that wrote it: dropout off, tempered."""
        with without_dropout(self.generator):
            return self.generator.score(y, self.decoding.temperature)

    def real(self) -> Sequences:
        """Return the generator's next batch of training data, cut after its longest row."""
        return self.take(self.task.train, self.rows[self.batches.next()])

    def judged_real(self) -> Sequences:
        """Return the discriminator's next batch of training data: other rows than the generator's with `cross_fit`.

        Its conditions are as frequent as those that the generator writes under, else they alone would tell them apart.
        """
        return self.take(self.task.train, self.judge_batches.next())

    def take(self, x: Sequences, index: Tensor) -> Sequences:
        """Return this process's share of the rows `index` of a split, on the device."""
        return x.select(index[self.world.share(len(index))]).trim().to(self.device)

    def pairs(self, fakes: Sequences, batch_size: int, epochs: int) -> Iterator[tuple[Sequences, Sequences]]:
        """Yield (real, fake) batches of half the size each: `epochs` passes, newly shuffled each time."""
        rng, reals = self.streams["pairs"], self.judge_rows
        fakes = fakes.map(self.world.gather)
        half = self._half(batch_size, len(fakes))
        if half < 1:
            raise ValueError(f"batches of {batch_size} are too small for {self.world.size} processes")
        for _ in range(epochs):
            # Reals come under the same conditions as what is written, else those alone would tell them apart.
            orders = [self.task.order(reals, rng), torch.randperm(len(fakes), generator=rng)]
            for first in range(0, self._paired(half, len(fakes)) * half, half):
                real, fake = (order[first : first + half] for order in orders)
                yield self.take(self.task.train, real), self.take(fakes, fake.to(fakes.tokens.device))

    def pairs_of(self, fakes: int, batch_size: int, epochs: int) -> int:
        """Return how many batches `pairs` yields for so many samples."""
        half = self._half(batch_size, fakes)
        return epochs * self._paired(half, fakes) if half else 0

    def _half(self, batch_size: int, fakes: int) -> int:
        return min(batch_size // 2, len(self.judge_rows), fakes) // self.world.size * self.world.size

    def _paired(self, half: int, fakes: int) -> int:
        return min(len(self.judge_rows), fakes) // half

    def judge(self, x: Sequences) -> Judged:
        """Return what the discriminator says of a batch, together with the batch."""
        assert self.discriminator is not None
        return Judged(self.discriminator(x), x)

    def judge_together(self, real: Sequences, fake: Sequences) -> tuple[Judged, Judged]:
        """Return what `judge` says of each batch, read as one: every weight's gradient is then made once, not twice."""
        assert self.discriminator is not None
        bare = [batch.replace(columns={}) for batch in (real, fake)]  # they may differ, and no network reads them
        x = Sequences.cat(bare, self.spec.pad or 0)
        if real.soft is None and fake.soft is None:
            outputs = self.discriminator(x)
        else:  # each embedded by itself: one has no relaxed tokens
            embedded = [self.discriminator.embed(batch) for batch in (real, fake)]
            wide = [functional.pad(part, (0, 0, 0, x.length - part.shape[1])) for part in embedded]
            outputs = self.discriminator.score(torch.cat(wide), x)
        halves = (slice(0, len(real)), slice(len(real), None))
        first, second = (Judged({name: v[rows] for name, v in outputs.items()}, x.select(rows)) for rows in halves)
        return first, second

    def step_discriminator(
        self, loss: AdversarialLoss, constraint: Constraint, real: Sequences, fake: Sequences
    ) -> None:
        """Move the discriminator once along its loss, its own weight penalty and the constraint's."""
        assert self.discriminator is not None
        value, metrics = loss.discriminator(*self.judge_together(real, fake))
        decay = self.discriminator.weight_penalty()
        uniforms = self.noise("constraint", len(real) * self.world.size).uniforms(len(real), 1).squeeze(1)
        slope, logged = constraint.penalty(self.discriminator, real, fake, uniforms)
        self.update(discriminator=(value + decay + slope, {**metrics, **logged, "weight_penalty": decay.detach()}))
        constraint.after(self.discriminator)
        self.taught += 1

    def mle_loss(self, x: Sequences, epoch: int) -> Loss:
        """Return the negative log-likelihood of real sequences, nats per token."""
        del epoch
        return self.world.mean(-self.generator.score(x)["logp"], x.mask)

    def mle_losses(self, x: Sequences, epoch: int) -> dict[str, Loss]:
        """Return the loss of each player that learns from real sequences; the generator alone by default."""
        return {"generator": self.mle_loss(x, epoch)}

    def mle_phase(self, epochs: int, patience: int | None = None) -> Phase:
        """Return the phase of maximum likelihood.

        With `patience` it ends after so many evaluations without a lower held-out NLL, at its best state.
        """
        per_epoch = self.batches.per_epoch
        phase = self.epochs_phase(
            "pretrain generator",
            epochs,
            lambda k: self.update(**self.mle_losses(self.real(), k // per_epoch)),
            patience,
        )
        return replace(phase, moves={"generator": per_epoch}) if phase.iterations == epochs else phase

    def epochs_phase(self, name: str, epochs: int, step: Callable[[int], None], patience: int | None = None) -> Phase:
        """Return a phase of passes over the training data: a round is an epoch, or 1,000 batches of a longer one.

        Args:
            name: Of the phase.
            epochs: How many passes.
            step: What is done with each batch; gets the batch's number within the phase.
            patience: Evaluations without a lower held-out NLL after which it ends, at its best state; None for never.
        """
        per_epoch, batches = self.batches.per_epoch, epochs * self.batches.per_epoch
        per_round = min(per_epoch, 1000)

        def run(i: int) -> None:
            for k in range(i * per_round, min((i + 1) * per_round, batches)):
                step(k)

        # Held-out likelihood turns within an epoch or two: a phase that stops by it has to look after every round.
        watch, look = (None, None) if patience is None else ("NLL-valid", 1)
        return Phase(name, math.ceil(batches / per_round), run, watch=watch, patience=patience, eval_every=look)
