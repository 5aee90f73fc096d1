"""VAE: sentences from a continuous space (Bowman et al. 2016), and four ways to keep the code from being ignored.

Axes: B batch, T time, Z latent units.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from tokengan.generators.latent import Latent
from tokengan.generators.posterior import Inferring, mutual_information
from tokengan.losses.elbo import FreeBits
from tokengan.methods.base import Method, Phase
from tokengan.methods.batches import Batches
from tokengan.methods.presets_vae import VAE_PRESETS, VAE_USUAL
from tokengan.modes import evaluating
from tokengan.noise import Noise, seeded
from tokengan.optimiser import Optimiser
from tokengan.schedules import Schedule
from tokengan.sequences import Sequences
from tokengan.spec import Net
from tokengan.tasks.base import Task

__all__ = ["VAE"]

BLOCK = 15  # steps of the encoder whose mean loss is compared with that of the block before (He et al. 2019)
READ = 1000  # held-out sequences whose mutual information is measured


class VAE(Method):
    """max E_q(z|x) log p(x|z) - beta KL(q(z|x) || N(0, 1)): a code for each sentence, by amortised inference."""

    presets = VAE_PRESETS
    usual = VAE_USUAL
    generator: Inferring  # pyright: ignore[reportIncompatibleVariableOverride]
    aggressive: Tensor
    information: Tensor

    def __init__(
        self,
        task: Task,
        generator: Net[Inferring] = Latent,
        epochs: int = 40,
        kl_weight: Schedule = Schedule(0.0, end=1.0, over=10),
        free_bits: FreeBits = FreeBits(),
        encoder_steps: int = 0,
        batch_size: int = 64,
        generator_optimiser: Optimiser = Optimiser(lr=1e-3),
        patience: int | None = None,
        seed: int = 0,
    ) -> None:
        """Set up the method.

        Args:
            task: What is learnt.
            generator: Factory of the decoder and its inference network.
            epochs: Passes over the training data.
            kl_weight: beta by epoch, parts of one counted: a constant (`kl_weight.start 0.4`), linear annealing
                (`kl_weight.over 10`) or cyclical (`kl_weight.cycles 4`, `kl_weight.rise 0.5`).
            free_bits: Nats of KL that cost nothing.
            encoder_steps: Aggressive inference (He et al. 2019): most steps of the encoder alone before each of the
                decoder (the paper: 99), fewer where its loss stops falling, until the mutual information of held-out
                sequences and codes falls for the first time; 0 moves both together.
            batch_size: Sequences in a batch, B.
            generator_optimiser: How decoder and encoder move.
            patience: Stop after so many evaluations without a lower held-out bound, and keep the weights that had the
                lowest: with annealing those may be of a time when the code was ignored. None for all epochs.
            seed: Seed of weights, batches and draws.
        """
        players = ["generator", "encoder", "decoder"] if encoder_steps else ["generator"]
        moves = dict.fromkeys(players, generator_optimiser)
        super().__init__(task, generator=generator, moves=moves, batch_size=batch_size, seed=seed)
        self.epochs, self.patience = epochs, patience
        self.kl_weight, self.free_bits, self.encoder_steps = kl_weight, free_bits, encoder_steps
        self.encoder_batches = Batches(len(self.rows), batch_size, seed + 2)
        self.register_buffer("aggressive", torch.tensor(encoder_steps > 0))
        self.register_buffer("information", torch.tensor(-torch.inf))

    def phases(self) -> list[Phase]:
        """Return the one phase."""
        return [self.epochs_phase("train", self.epochs, self.step, self.patience)]

    def trains(self) -> dict[str, Iterable[nn.Parameter]]:
        """Return the parameters of both networks, and of each where they move apart."""
        encoder = set(self.generator.encoder.parameters()) if self.encoder_steps else set()
        decoder = [p for p in self.generator.parameters() if p not in encoder]
        parts = {"generator": self.generator.parameters(), "encoder": encoder, "decoder": decoder}
        return {name: parts[name] for name in self.moves}

    def step(self, k: int) -> None:
        """Move both networks with one batch; while inference is aggressive, the encoder first and the decoder then."""
        beta = self.kl_weight.at(k / self.batches.per_epoch)
        if not self.aggressive:
            self.update(generator=self.loss(self.real(), beta))
            return
        self.catch_up(beta)
        self.update(decoder=self.loss(self.real(), beta))
        if (k + 1) % self.batches.per_epoch == 0:
            self.look()

    def loss(self, x: Sequences, beta: float) -> tuple[Tensor, dict[str, Tensor]]:
        """Return -E log p(x|z) + beta KL: both are sums over a sentence, and then means over sentences."""
        q = self.generator.infer(x)
        z = q.draw(self.noise("latent", len(x) * self.world.size).normals(*q.mean.shape).to(q.mean))
        logp = self.generator.score(self.generator.given(x, z))["logp"]
        reconstruction = self.world.mean(-torch.where(x.mask, logp, 0.0).sum(1))
        kl = q.kl()
        value = reconstruction + beta * self.free_bits(kl, self.world)
        logged = {"reconstruction": reconstruction.detach(), "kl": self.world.mean(kl.detach().sum(1))}
        return value, {**logged, "kl_weight": torch.tensor(beta)}

    def catch_up(self, beta: float) -> None:
        """Move the encoder alone until its loss, by blocks of steps, is no lower than in the block before."""
        before, block = float("inf"), 0.0
        for n in range(1, self.encoder_steps + 1):
            x = self.take(self.task.train, self.rows[self.encoder_batches.next()])
            value, logged = self.loss(x, beta)
            self.update(encoder=(value, logged))
            block += float(self.world.sum(value)) / self.world.size / BLOCK
            if n % BLOCK == 0:
                if block >= before:
                    return
                before, block = block, 0.0

    @torch.no_grad()
    def look(self) -> None:
        """End aggressive inference for good where held-out codes tell less of their sequences than before."""
        x = self.task.valid.select(slice(0, READ)).to(self.device)
        with evaluating(self.generator):
            q = self.generator.infer(x)
        normals = Noise(seeded("mutual information", self.streams.seed, self.device)).normals(*q.mean.shape)
        now = self.information.new_tensor(mutual_information(q, normals.to(q.mean)))
        self.aggressive.logical_and_(now >= self.information)
        self.information.copy_(now)
