"""LeakGAN's update, and the features of every prefix that its generator reads, at the paper's shapes.

B = 64, T = 20, V = 5,000, both LSTMs 32, goals of 16, the published discriminator, four roll-outs of every fourth
prefix, as in the authors' code. The plain form gives the discriminator every prefix with padding behind it, at each
step of each roll-out, and makes the matrix O [B,V,k] of the Worker.

Axes: B batch, T time, V vocabulary, F features, k goal size, c window.
"""

from __future__ import annotations

from functools import lru_cache, partial

import torch
from cells import playing
from torch import Tensor
from torch.nn import functional

from paths import Forms, HotPath, Work
from paths.plain import advance, drawn, highway
from tokengan.discriminators.cnn import HighwayCNN
from tokengan.estimators.credit import RollOut
from tokengan.generators.manager_worker import ManagerWorker
from tokengan.methods.leakgan import LeakGAN
from tokengan.noise import Noise, seeded
from tokengan.sampling.rollouts import rollouts
from tokengan.sampling.write import write
from tokengan.sequences import Sequences
from tokengan.spec import Spec
from tokengan.tasks.oracle import OracleTask

B, T, V, H, N, EVERY = 64, 20, 5000, 32, 4, 4
LENGTH = 32  # of the sequences whose prefixes are read


@lru_cache(maxsize=1)
def method(rows: int = B, length: int = T, vocabulary: int = V, copies: int = N) -> LeakGAN:
    """Return a LeakGAN with fresh networks."""
    return playing(
        LeakGAN(
            OracleTask(length=length, vocab_size=vocabulary, size=rows, valid=rows, test=rows),
            generator=lambda spec: ManagerWorker(spec, embedding=H, hidden=H),
            discriminator=lambda spec: HighwayCNN(spec, dropout=0.0),
            credit=lambda: RollOut(n=copies, every=EVERY),
            batch_size=rows,
        )
    )


def features_of(judge: HighwayCNN, tokens: Tensor, given: int) -> Tensor:
    """Return the features [B,F] of the first `given` tokens, with zeros behind them up to T."""
    signal = judge.embedding(tokens) * (torch.arange(tokens.shape[1]) < given).unsqueeze(1)
    pooled = []
    for width, convolution in zip(judge.widths, judge.convolutions, strict=True):
        answers = convolution(signal.transpose(1, 2))[:, :, : max(given - width, 0) + 1]
        pooled.append(functional.relu(answers).amax(2))
    return highway(judge, torch.cat(pooled, dim=1))


def complete(
    generator: ManagerWorker, judge: HighwayCNN, x: Tensor, given: int, uniforms: Tensor | None = None
) -> tuple[Tensor, list[Tensor], list[Tensor], list[Tensor]]:
    """Return sequences [B,T] that keep the first `given` tokens of x, with laws, goals and features at every step."""
    rows, length = x.shape
    tokens, token = x.clone(), torch.full((rows,), generator.spec.start)
    led = worked = tuple(torch.zeros(rows, H) for _ in range(2))
    matrix = generator.output.weight.view(generator.spec.vocab_size, H + 1, -1)  # pyright: ignore
    laws, goals, seen = [], [], []
    for t in range(length):
        with torch.no_grad():
            seen.append(features_of(judge, tokens, t))
        led = advance(generator.manager, seen[-1], *led)
        goals.append(functional.normalize(generator.direction(led[0]), dim=1))
        worked = advance(generator.worker, generator.embedding(token), *worked)
        with_one = functional.pad(worked[0], (0, 1), value=1.0)
        options = torch.einsum("bh,vhk->bvk", with_one, matrix)
        towards = functional.normalize(generator.psi(torch.stack(goals[-generator.window :]).sum(0)), dim=1)
        law = torch.softmax(torch.bmm(options, towards.unsqueeze(2)).squeeze(2) + generator.output.bias, dim=1)
        if t >= given:
            token = drawn(law.detach(), None if uniforms is None else uniforms[:, t])
            tokens[:, t] = token
        else:
            token = x[:, t]
        laws.append(law)
    return tokens, laws, goals, seen


def judged(judge: HighwayCNN, tokens: Tensor) -> Tensor:
    """Return the probability of being real [B]."""
    answers = judge.output(features_of(judge, tokens, tokens.shape[1]))
    return torch.sigmoid(answers[:, 1] - answers[:, 0])


@torch.no_grad()
def credit(game: LeakGAN, x: Tensor, copies: int, uniforms: Tensor | None = None) -> Tensor:
    """Return the mean reward of the completions of every fourth prefix [B,T/4]."""
    judge = game.discriminator
    assert isinstance(judge, HighwayCNN)
    starts = range(EVERY, x.shape[1], EVERY)
    returns = torch.zeros(len(x), len(starts))
    for copy in range(copies):
        for place, given in enumerate(starts):
            own = None if uniforms is None else uniforms[place, copy]
            returns[:, place] += judged(judge, complete(game.generator, judge, x, given, own)[0]) / copies
    return returns


def learning(game: LeakGAN) -> None:
    """Write a batch and move Manager and Worker, for returns that are there already."""
    generator, judge = game.generator, game.discriminator
    assert isinstance(judge, HighwayCNN)
    empty = torch.zeros(B, T, dtype=torch.long)
    with torch.no_grad():
        x = complete(generator, judge, empty, 0)[0]
    returns = torch.rand(B, T)
    _, laws, goals, seen = complete(generator, judge, x, T)
    with torch.no_grad():
        seen.append(features_of(judge, x, T))
    logp = torch.stack([law.gather(1, x[:, t : t + 1]).squeeze(1) for t, law in enumerate(laws)], dim=1).log()
    later = [seen[min(t + generator.window, T)] - seen[t] for t in range(T)]
    reached = torch.stack([functional.cosine_similarity(a, g) for a, g in zip(later, goals, strict=True)], dim=1)
    losses = (-(returns * reached).mean(), -(returns * reached.detach() * logp).mean())
    for loss, players in zip(losses, (generator.managers, generator.workers), strict=True):
        own = [p for p in players if p.requires_grad]
        loss.backward(retain_graph=True, inputs=own)
        torch.optim.Adam(own).step()
    generator.zero_grad()


def rows_of(game: LeakGAN, rows: int = B) -> Sequences:
    """Return a batch that the generator wrote."""
    return write(game.generator, rows, Noise(seeded("speed", 0)))


def apart() -> float:
    """Return the largest difference of returns, the same uniforms given to both, of a small case."""
    game = method.__wrapped__(rows=5, length=20, vocabulary=40, copies=2)
    game.eval()
    x, starts = rows_of(game, 5), list(range(EVERY, 20, EVERY))
    noise, same = Noise(seeded("apart", 0)), Noise(seeded("apart", 0))
    uniforms = torch.stack([same.uniforms(5, 20, 2) for _ in starts])
    totals = torch.zeros(5, len(starts))
    with torch.no_grad():
        for lengths, completed in rollouts(game.generator, x, 2, noise, lengths=starts):
            means = game.discriminator(completed)["logits"].sigmoid().view(len(lengths), -1, 5).sum(1) / 2
            totals[:, [starts.index(length) for length in lengths]] += means.T
    return (totals - credit(game, x.tokens, 2, uniforms)).abs().max().item()


def work() -> Work:
    """Return the work of one update: a window of every filter and the highway for each token, and the laws."""
    judge = method().discriminator
    assert isinstance(judge, HighwayCNN)
    steps = B * N * sum(T - given for given in range(EVERY, T, EVERY)) + 3 * B * T
    window = sum(2 * part.weight.numel() for part in judge.convolutions)  # pyright: ignore
    highway = 2 * 2 * judge.features**2
    lstms = 2 * 4 * H * (judge.features + 3 * H) + 2 * H * judge.features
    return Work(steps * (window + highway + lstms + 2 * (H + 1) * 16 * V), steps * 4 * V)


def update() -> Forms:
    """One update of Manager and Worker; the plain form makes one of the four roll-outs."""
    game = method()
    x = rows_of(game)

    def plain() -> None:
        game.eval()
        credit(game, x.tokens, 1)
        game.train()

    return Forms(lambda: game.step_generator(0), [(plain, N), (lambda: learning(game), 1)], apart, work())


# ---- features of every prefix

# Widths, filters and embedding of the presets `quick` and `text`, and the published ones.
JUDGES = {
    "quick": ([1, 2, 3, 4, 5], [50, 100, 100, 100, 100], 64),
    "text": ([1, 2, 3, 4, 5], [100, 200, 200, 100, 100], 64),
    "published": (None, None, 256),
}


def stepped(judge: HighwayCNN, x: Sequences) -> Tensor:
    """Return the features of every prefix by `start` and `step` [B,T+1,F]."""
    features, state = judge.start(len(x))
    read = [features]
    for t in range(x.length):
        features, state = judge.step(x.tokens[:, t], state)
        read.append(features)
    return torch.stack(read, dim=1)


def prefixes(name: str) -> Forms:
    """Features of all prefixes, as the generator reads them: token after token."""
    widths, filters, embedding = JUDGES[name]
    torch.manual_seed(0)
    tokens = torch.randint(V, (B, LENGTH))
    x = Sequences(tokens, torch.ones_like(tokens, dtype=torch.bool))
    judge = HighwayCNN(Spec(vocab_size=V, max_length=LENGTH), embedding, widths, filters).eval()

    @torch.no_grad()
    def plain() -> Tensor:
        return torch.stack([features_of(judge, tokens, t) for t in range(LENGTH + 1)], dim=1)

    @torch.no_grad()
    def ours() -> Tensor:
        return stepped(judge, x)

    steps = B * (LENGTH + 1)
    window = sum(2 * part.weight.numel() for part in judge.convolutions)  # pyright: ignore
    return Forms(
        ours,
        [(plain, 1)],
        lambda: (ours() - plain()).abs().max().item(),
        Work(steps * (window + 4 * judge.features**2)),
    )


PATHS = [
    HotPath(
        "LeakGAN update",
        "4 roll-outs of every fourth prefix of 64 sequences; the padded prefix judged anew at every step of each",
        update,
        10,
    ),
    *(
        HotPath(
            f"prefix features, {name}",
            f"of 64 sequences of {LENGTH} tokens, token after token; each padded prefix read anew ({of})",
            partial(prefixes, name),
            5,
            5,
        )
        for name, of in (("quick", "450 filters"), ("text", "700 filters"), ("published", "2,040 filters, E = 256"))
    ),
]
