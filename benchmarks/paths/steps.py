"""An epoch of the discriminator's and of likelihood training, at SeqGAN's shapes, by twenty batches of it."""

from __future__ import annotations

import torch
from torch.nn import functional

from paths import Forms, HotPath, Work
from paths import plain as written_plainly
from paths.seqgan import B, H, T, V, judged_work, method, rows_of
from tokengan.discriminators.cnn import HighwayCNN
from tokengan.generators.recurrent import LSTM

BATCHES = 20


def taught() -> Forms:
    """Twenty steps of D, each on 64 real and 64 generated sequences."""
    game = method()
    real, fake = rows_of(game), rows_of(game)
    judge = game.discriminator
    assert isinstance(judge, HighwayCNN)
    optimiser = torch.optim.Adam(judge.parameters(), lr=1e-4)
    labels = torch.cat([torch.ones(B), torch.zeros(B)])

    def ours() -> None:
        for _ in range(BATCHES):
            game.step_discriminator(game.loss, game.constraint, real, fake)

    def plain() -> None:
        for _ in range(BATCHES):
            logits = torch.cat([written_plainly.judge(judge, real.tokens), written_plainly.judge(judge, fake.tokens)])
            loss = functional.binary_cross_entropy_with_logits(logits, labels)
            loss = loss + judge.l2 / 2 * sum(part.square().sum() for part in judge.output.parameters())
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()

    return Forms(ours, [(plain, 1)], work=Work(3 * BATCHES * judged_work(2 * B)))


def learnt() -> Forms:
    """Twenty steps of likelihood on 64 sequences."""
    game = method()
    generator = game.generator
    assert isinstance(generator, LSTM)
    real = rows_of(game)
    optimiser = torch.optim.Adam(generator.parameters(), lr=1e-2)

    def ours() -> None:
        for _ in range(BATCHES):
            game.update(generator=game.mle_loss(real, 0))

    def plain() -> None:
        for _ in range(BATCHES):
            optimiser.zero_grad()
            written_plainly.likelihood(generator, real.tokens).backward()
            torch.nn.utils.clip_grad_norm_(generator.parameters(), 5.0)
            optimiser.step()

    def apart() -> float:
        with torch.no_grad():
            ours = -generator.score(real)["logp"].mean()
            return abs(ours.item() - written_plainly.likelihood(generator, real.tokens).item())

    tokens = BATCHES * B * T
    # Forward, backward, and the gradients and moments of Adam for every weight.
    weights = 2 * V * H + 8 * H * H
    return Forms(
        ours, [(plain, 1)], apart=apart, work=Work(3 * tokens * 2 * H * (8 * H + V), BATCHES * weights * 4 * 7)
    )


PATHS = [
    HotPath("discriminator steps", "20 of them; real and generated rows apart, a convolution a width", taught, 2),
    HotPath("likelihood steps", "20 of them; all logits, cross entropy over every place", learnt, 2),
]
