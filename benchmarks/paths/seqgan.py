"""SeqGAN's generator update and its parts, and writing, at the paper's shapes.

B = 64, T = 20, V = 5,000, embedding = hidden = 32, N = 16 roll-outs of every prefix, the published discriminator.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from cells import playing
from torch import Tensor

from paths import Forms, HotPath, Work
from paths import plain as written_plainly
from tokengan.discriminators.cnn import HighwayCNN
from tokengan.estimators.credit import JUDGED, RollOut
from tokengan.generators.recurrent import LSTM
from tokengan.methods.seqgan import SeqGAN
from tokengan.noise import Noise, seeded
from tokengan.sampling.rollouts import rollouts
from tokengan.sampling.write import write
from tokengan.sequences import Sequences
from tokengan.tasks.oracle import OracleTask

B, T, V, H, N = 64, 20, 5000, 32, 16
SENTENCES = 10_000


@lru_cache(maxsize=1)
def method(rows: int = B, length: int = T, vocabulary: int = V, copies: int = N) -> SeqGAN:
    """Return a SeqGAN with fresh networks."""
    task = OracleTask(length=length, vocab_size=vocabulary, size=rows, valid=rows, test=rows)
    return playing(
        SeqGAN(
            task,
            generator=lambda spec: LSTM(spec, embedding=H, hidden=H),
            discriminator=HighwayCNN,
            credit=lambda: RollOut(n=copies),
            batch_size=rows,
        )
    )


def rows_of(game: SeqGAN, rows: int = B) -> Sequences:
    """Return a batch that the generator wrote."""
    return write(game.generator, rows, Noise(seeded("speed", 0)))


def plain_credit(game: SeqGAN, x: Tensor, copies: int, uniforms: Tensor | None = None) -> Tensor:
    """Return the mean reward of the completions of every prefix [B,T], one roll-out of one prefix at a time."""
    generator, discriminator = game.generator, game.discriminator
    assert isinstance(generator, LSTM)
    assert isinstance(discriminator, HighwayCNN)
    returns = torch.zeros(x.shape)
    with torch.no_grad():
        for copy in range(copies):
            for given in range(1, x.shape[1]):
                own = None if uniforms is None else uniforms[given - 1, copy]
                whole = written_plainly.complete(generator, x, given, own)
                returns[:, given - 1] += torch.sigmoid(written_plainly.judge(discriminator, whole)) / copies
        returns[:, -1] = torch.sigmoid(written_plainly.judge(discriminator, x))
    return returns


def plain_learning(game: SeqGAN) -> None:
    """Write a batch and move the generator along its policy gradient, for returns that are there already."""
    generator = game.generator
    assert isinstance(generator, LSTM)
    x = written_plainly.write(generator, B)
    returns = torch.rand(x.shape)
    start = torch.full((len(x), 1), generator.spec.start)
    states, _ = generator.layers[0](generator.embedding(torch.cat([start, x[:, :-1]], dim=1)))
    logp = torch.log_softmax(generator.output(states), dim=2).gather(2, x.unsqueeze(2)).squeeze(2)
    optimiser = torch.optim.Adam(generator.parameters(), lr=1e-2)
    (-(logp * returns).sum(1).mean()).backward()
    torch.nn.utils.clip_grad_norm_(generator.parameters(), 5.0)
    optimiser.step()
    optimiser.zero_grad()


def credit_apart() -> float:
    """Return the largest difference of returns, the same uniforms given to both, of a small case."""
    game = method.__wrapped__(rows=6, length=7, vocabulary=40, copies=3)
    game.eval()
    x = rows_of(game, 6)
    noise, same = Noise(seeded("apart", 0)), Noise(seeded("apart", 0))
    uniforms = torch.stack([same.uniforms(6, 7, 3) for _ in range(1, 7)])
    totals = torch.zeros(6, 7)
    with torch.no_grad():
        for lengths, completed in rollouts(game.generator, x, 3, noise):
            judged = game.discriminator(completed)["logits"].sigmoid().view(len(lengths), -1, 6).sum(1)
            totals[:, torch.tensor(lengths) - 1] += judged.T / 3
        totals[:, -1] = game.discriminator(x)["logits"].sigmoid()
    expected = plain_credit(game, x.tokens, 3, uniforms)
    return (totals - expected).abs().max().item()


def judged_work(rows: int) -> float:
    """Return the flops of judging so many whole sequences by the published network."""
    judge = method().discriminator
    assert isinstance(judge, HighwayCNN)
    filters = zip(judge.widths, judge.convolutions, strict=True)
    windows = sum(2 * part.out_channels * width * 64 * (T - width + 1) for width, part in filters)  # pyright: ignore
    return rows * (windows + 2 * 2 * judge.features**2)


def written_work(steps: int) -> Work:
    """Return the work of so many row-steps of the generator: the recurrence, the output layer, one pass of a draw."""
    return Work(steps * 2 * H * (4 * H + V), steps * 4 * V)


def update_work() -> Work:
    """Return the work of one update: roll-outs from cached states, and judging all of them."""
    steps = B * N * T * (T - 1) // 2 + 2 * B * T
    writing = written_work(steps)
    return Work(writing.flops + judged_work(B * N * (T - 1) + B), writing.moved)


def update() -> Forms:
    """One update of the generator; the plain form makes one of the sixteen roll-outs."""
    game = method()
    x = rows_of(game)

    def plain() -> None:
        game.eval()
        plain_credit(game, x.tokens, 1)
        game.train()

    parts = [(plain, N), (lambda: plain_learning(game), 1)]
    return Forms(lambda: game.step_generator(0), parts, credit_apart, update_work())


def rolled() -> Forms:
    """All roll-outs of a batch; the plain form makes one of the sixteen."""
    game = method()
    x = rows_of(game)

    def ours() -> None:
        for _ in rollouts(game.generator, x, N, Noise(seeded("speed", 1))):
            pass

    def plain() -> None:
        for given in range(1, T):
            written_plainly.complete(game.generator, x.tokens, given)  # pyright: ignore[reportArgumentType]

    return Forms(ours, [(plain, N)], work=written_work(B * N * T * (T - 1) // 2))


def judged() -> Forms:
    """Judging all completions, while no weight changes; the plain form judges every sixteenth, batch after batch."""
    game = method()
    game.eval()
    noise, judge = Noise(seeded("speed", 2)), game.discriminator
    tokens = torch.cat([whole.tokens for _, whole in rollouts(game.generator, rows_of(game), N, noise)])
    x = Sequences(tokens, torch.ones_like(tokens, dtype=torch.bool))
    few = x.select(slice(0, len(x) // N))
    assert isinstance(judge, HighwayCNN)

    @torch.no_grad()
    def plain() -> Tensor:
        return torch.cat([written_plainly.judge(judge, part.tokens) for part in few.split(B)])

    @torch.no_grad()
    def ours() -> Tensor:
        with judge.steady(len(x)):
            return torch.cat([judge(part)["logits"] for part in x.split(JUDGED // T)])

    return Forms(
        ours,
        [(plain, N)],
        lambda: (ours()[: len(few)] - plain()).abs().max().item(),
        Work(judged_work(len(x))),
    )


def sampled() -> Forms:
    """Writing 10,000 sentences; the plain form writes 640 of them, in batches of 64."""
    game = method()
    game.eval()

    def ours() -> Sequences:
        return write(game.generator, SENTENCES, Noise(seeded("speed", 3)))

    def plain() -> Tensor:
        return written_plainly.write(game.generator, 640)  # pyright: ignore[reportArgumentType]

    def apart() -> float:
        few, length = 5, game.spec.max_length
        uniforms = Noise(seeded("same", 0)).uniforms(few, length)
        empty = torch.zeros(few, length, dtype=torch.long)
        plainly = written_plainly.complete(game.generator, empty, 0, uniforms)  # pyright: ignore[reportArgumentType]
        return float((write(game.generator, few, Noise(seeded("same", 0))).tokens != plainly).sum())

    return Forms(ours, [(plain, SENTENCES / 640)], apart, written_work(SENTENCES * T))


PATHS = [
    HotPath(
        "generator update",
        "16 roll-outs of 64 sequences; every prefix read anew for every roll-out, `multinomial`, a convolution a width",
        update,
        10,
    ),
    HotPath("roll-outs", "of that, the completions alone", rolled, 12),
    HotPath("judging completions", "of that, judging the 19,456 completions", judged, 2),
    HotPath("10,000 sentences", "batches of 64, the whole law and `multinomial` at each step", sampled, 12),
]
