"""Maximum likelihood: the baseline that everything else starts from and is compared with."""

from __future__ import annotations

from tokengan.generators.base import Autoregressive
from tokengan.generators.recurrent import LSTM
from tokengan.methods.base import Loss, Method, Phase
from tokengan.methods.batches import Batches, bucketed
from tokengan.methods.presets import MLE_PRESETS, MLE_USUAL
from tokengan.optimiser import Optimiser
from tokengan.sampling.law import nll
from tokengan.sampling.write import write
from tokengan.schedules import Schedule
from tokengan.sequences import Sequences
from tokengan.spec import Net
from tokengan.tasks.base import Task

__all__ = ["MLE"]


class MLE(Method):
    """Teacher forcing, -(1/n) sum_t log G(x_t | x_<t), with scheduled sampling as a setting (Bengio et al. 2015)."""

    presets = MLE_PRESETS
    usual = MLE_USUAL

    def __init__(
        self,
        task: Task,
        generator: Net[Autoregressive] = LSTM,
        epochs: int = 40,
        batch_size: int = 64,
        generator_optimiser: Optimiser = Optimiser(lr=1e-2),
        patience: int | None = None,
        gold: Schedule = Schedule(1.0),
        bucket: int = 1,
        seed: int = 0,
    ) -> None:
        """Set up the method.

        Args:
            task: What is learnt.
            generator: Factory of the generator (`lstm`, `gru`, `transformer`, or a class path).
            epochs: Passes over the training data.
            batch_size: Sequences in a batch, B.
            generator_optimiser: How the generator moves.
            patience: Stop after so many evaluations without a lower held-out NLL, and keep the weights that had the
                lowest; None trains all epochs and keeps the last weights.
            gold: Scheduled sampling: the share of inputs that are the data's own tokens, by epoch. 1 is teacher
                forcing. Below 1 the rest are drawn from the model, and the optimum is no longer the data's law.
            bucket: Batches that are sorted by length together, so that there is less padding to read (100 is usual);
                1 leaves batches to chance.
            seed: Seed of weights, batches and draws.

        Raises:
            ValueError: For a bucket of no batches.
        """
        if bucket < 1:
            raise ValueError(f"a bucket holds at least 1 batch, not {bucket}")
        moves = {"generator": generator_optimiser}
        super().__init__(task, generator=generator, moves=moves, batch_size=batch_size, seed=seed)
        if bucket > 1:
            order = bucketed(task.train.lengths[self.rows], batch_size, bucket)
            self.batches = Batches(len(self.rows), batch_size, seed, order)
        self.epochs, self.patience, self.gold = epochs, patience, gold

    def phases(self) -> list[Phase]:
        """Return the one phase."""
        return [self.mle_phase(self.epochs, self.patience)]

    def mle_loss(self, x: Sequences, epoch: int) -> Loss:
        """Return the loss on the data's tokens, after inputs of which a share was drawn from the model."""
        share = self.gold.at(epoch)
        if share >= 1:
            return super().mle_loss(x, epoch)
        rows = len(x) * self.world.size
        coin = self.noise("gold", rows).uniforms(len(x), self.spec.max_length)[:, : x.length] < share
        force = (x.tokens, coin.to(self.device))
        fed = write(
            self.generator,
            len(x),
            self.noise("write", rows),
            condition=x.condition,
            force=force,
            keep=["logits"],
            grad=True,
        )
        return self.world.mean(nll({"logits": fed.outputs["logits"]}, x), x.mask)
