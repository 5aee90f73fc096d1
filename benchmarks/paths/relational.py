"""RelGAN's steps and its memory's, at the paper's shapes, beside the step as the paper writes it down.

B = 64, T = 20, V = 5,000, a memory of 1 x 2 x 256, 64 views. The plain form takes every head by itself, passes the
token's row through the whole block though it is dropped, keeps all logits, and lets a loss make the gradients of both
networks, as the usual `loss.backward()` does.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from cells import playing
from torch import Tensor
from torch.nn import functional

from paths import Forms, HotPath
from paths.plain import highway
from tokengan.discriminators.multi_view import MultiView
from tokengan.generators.base import Autoregressive, Condition, Outputs, State, Token, embed
from tokengan.generators.relational import RelationalMemory
from tokengan.methods.relgan import RelGAN
from tokengan.noise import Noise, seeded
from tokengan.sampling.law import nll
from tokengan.sampling.relax import gumbel
from tokengan.sampling.write import write
from tokengan.sequences import Sequences
from tokengan.tasks.oracle import OracleTask

B, T, V, SENTENCES = 64, 20, 5000, 200


class Plain(Autoregressive):
    """The memory's law, one head after another."""

    def __init__(self, memory: RelationalMemory) -> None:
        super().__init__(memory.spec)
        self.of = memory

    def start(self, rows: int, condition: Condition) -> tuple[Outputs, State]:
        """Return the first law."""
        del condition
        first = torch.eye(self.of.slots, self.of.row).expand(rows, -1, -1)
        return self.step(torch.full((rows,), self.spec.start), State({"memory": first}))

    def step(self, token: Token, state: State) -> tuple[Outputs, State]:
        """Return the next law."""
        of, memory = self.of, state.rows["memory"]
        x = of.enters(embed(of.embedding.weight, token))
        rows = torch.cat([memory, x.unsqueeze(1)], dim=1)
        joined, keys, head = of.normed(of.attends(rows)), of.heads * of.key, of.row // of.heads
        heads = []
        for n in range(of.heads):
            query = joined[..., n * of.key : (n + 1) * of.key] * of.scale
            key = joined[..., keys + n * of.key : keys + (n + 1) * of.key]
            value = joined[..., 2 * keys + n * head : 2 * keys + (n + 1) * head]
            heads.append((query @ key.mT).softmax(-1) @ value)
        rows = of.after_mix(rows + torch.cat(heads, dim=-1))
        rows = of.after_mlp(rows + of.narrow(of.widen(rows).relu()))
        gates = of.gates_of_input(x).unsqueeze(1) + of.gates_of_memory(memory.tanh())
        enter, keep = gates.chunk(2, dim=-1)
        memory = enter.sigmoid() * rows[:, : of.slots].tanh() + (keep + 1).sigmoid() * memory
        return of.project(memory.flatten(1)), State({"memory": memory})

    def relaxed(self, sharpness: float, uniforms: Tensor) -> Tensor:
        """Return relaxed sequences [B,T,V] for uniforms [B,T,V]; the hard token is read next."""
        outputs, state = self.start(len(uniforms), {})
        rows = []
        for t in range(uniforms.shape[1]):
            noisy = outputs["logits"] + gumbel(uniforms[:, t])
            rows.append(torch.softmax(sharpness * noisy, dim=1))
            outputs, state = self.step(noisy.argmax(1), state)
        return torch.stack(rows, dim=1)


def views(judge: MultiView, rows: Tensor) -> Tensor:
    """Return the logits [B,S] of one-hot or relaxed sequences [B,T,V]."""
    embedded = (rows @ judge.embedding.weight).unflatten(2, (judge.views, -1)).transpose(1, 2).flatten(0, 1)
    pooled = [functional.relu(convolution(embedded.transpose(1, 2))) for convolution in judge.convolutions]
    features = highway(
        judge, torch.cat([functional.max_pool1d(part, part.shape[2]).squeeze(2) for part in pooled], dim=1)
    )
    return judge.output(judge.narrow(judge.dropout(features))).view(len(rows), -1)


@lru_cache(maxsize=1)
def method(rows: int = B, vocabulary: int = V) -> RelGAN:
    """Return a RelGAN with fresh networks."""
    return playing(
        RelGAN(
            OracleTask(length=T, vocab_size=vocabulary, size=rows, valid=rows, test=rows),
            generator=lambda spec: RelationalMemory(spec, heads=2, head_size=256),
            discriminator=MultiView,
            batch_size=rows,
        )
    )


def parts_of(game: RelGAN) -> tuple[RelationalMemory, Plain, MultiView]:
    """Return the generator, its plain form and the discriminator."""
    generator, judge = game.generator, game.discriminator
    assert isinstance(generator, RelationalMemory)
    assert isinstance(judge, MultiView)
    return generator, Plain(generator), judge


def fresh(game: RelGAN) -> tuple[Tensor, Tensor]:
    """Return uniforms and a real batch, as rows of numbers."""
    rows = torch.randint(game.spec.vocab_size, (B, T))
    return torch.rand(B, T, game.spec.vocab_size), functional.one_hot(rows, game.spec.vocab_size).float()


def apart() -> float:
    """Return the largest difference of the views' logits at relaxed samples from the same uniforms, of a small case."""
    game = method.__wrapped__(rows=4, vocabulary=40)
    generator, plain, judge = parts_of(game)
    game.eval()
    with torch.no_grad():
        fake = write(generator, 4, Noise(seeded("same", 0)), relax=lambda law, u: game.relax.draw(law, u, 0))
        uniforms = Noise(seeded("same", 0)).uniforms(4, T * 40).view(4, T, 40)
        return (judge(fake)["views"] - views(judge, plain.relaxed(1.0, uniforms))).abs().max().item()


def generated() -> Forms:
    """One step of the generator."""
    game = method()
    generator, plain, judge = parts_of(game)
    optimiser = torch.optim.Adam(generator.parameters(), lr=1e-4)

    def plainly() -> None:
        uniforms, real = fresh(game)
        loss = functional.softplus(views(judge, real) - views(judge, plain.relaxed(1.0, uniforms))).mean()
        game.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(generator.parameters(), 5.0)
        optimiser.step()

    return Forms(lambda: game.step_generator(0), [(plainly, 1)], apart)


def judged() -> Forms:
    """One step of the discriminator."""
    game = method()
    _, plain, judge = parts_of(game)
    optimiser = torch.optim.Adam(judge.parameters(), lr=1e-4)

    def plainly() -> None:
        uniforms, real = fresh(game)
        with torch.no_grad():
            fake = plain.relaxed(1.0, uniforms)
        loss = functional.softplus(views(judge, fake) - views(judge, real)).mean()
        game.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(judge.parameters(), 5.0)
        optimiser.step()

    return Forms(lambda: game.step_judge(0), [(plainly, 1)])


def learnt() -> Forms:
    """Gradients of a likelihood step."""
    generator, plain, _ = parts_of(method())
    tokens = torch.randint(V, (B, T))
    x = Sequences(tokens, torch.ones_like(tokens).bool())

    def ours() -> None:
        generator.zero_grad()
        (-generator.score(x)["logp"].mean()).backward()

    def plainly() -> None:
        generator.zero_grad()
        nll(plain(x), x).mean().backward()

    def differ() -> float:
        with torch.no_grad():
            return (generator(x)["logits"] - plain(x)["logits"]).abs().max().item()

    return Forms(ours, [(plainly, 1)], differ)


def written() -> Forms:
    """Writing sentences."""
    generator, plain, _ = parts_of(method())

    def by(form: Autoregressive) -> Sequences:
        return write(form, SENTENCES, Noise(seeded("speed", 0)))

    return Forms(
        lambda: by(generator),
        [(lambda: by(plain), 1)],
        lambda: float((by(generator).tokens != by(plain).tokens).sum()),
    )


PATHS = [
    HotPath("RelGAN generator step", "relaxed samples, 64 views, gradients of both networks made", generated, 2),
    HotPath("RelGAN discriminator step", "real and generated rows apart", judged, 2),
    HotPath("relational memory, likelihood step", "of 64 sequences, without the optimiser; all logits", learnt, 1),
    HotPath("relational memory, writing", f"{SENTENCES} sentences, the same draw in both", written, 1),
]
