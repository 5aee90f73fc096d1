"""RelGAN as a game, against the card: what carries the gradient, what the sharpness touches, and that it learns."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from tokengan.config import configure
from tokengan.discriminators.multi_view import MultiView
from tokengan.generators.relational import RelationalMemory
from tokengan.methods.presets_relgan import RELGAN_PRESETS
from tokengan.methods.relgan import RelGAN
from tokengan.noise import Noise
from tokengan.optimiser import Optimiser
from tokengan.sampling.relax import GumbelSoftmax
from tokengan.sampling.write import write
from tokengan.schedules import Schedule
from tokengan.sequences import Sequences
from tokengan.spec import Spec
from tokengan.tasks.oracle import OracleTask
from tokengan.training.updater import Updater, players_of

memory = partial(RelationalMemory, embedding=8, heads=2, head_size=8)
many = partial(MultiView, embedding=8, views=4, widths=[1, 2], filters=[8, 8], features=8, dropout=0.0)


def task_of(rows: list[list[int]], size: int = 64) -> OracleTask:
    """Return a task of four tokens whose real sequences are these, over and over."""
    task = OracleTask(vocab_size=4, length=2, size=size, valid=16, test=16, hidden=4)
    tokens = torch.tensor(rows).repeat(size // len(rows), 1)
    task.train = Sequences(tokens, torch.ones_like(tokens, dtype=torch.bool))
    return task


def game(task: OracleTask, **settings: Any) -> RelGAN:
    """Return a small game without likelihood."""
    fast = Optimiser(lr=5e-3)
    chosen = {"batch_size": 32, "rounds": 1, "policy_optimiser": fast, "discriminator_optimiser": fast} | settings
    method = RelGAN(task, generator=memory, discriminator=many, mle_epochs=0, **chosen)
    method.update = Updater(players_of(method), method.world, lambda: None)
    return method.train()


def shares(method: RelGAN) -> Tensor:
    """Return how often each of the sixteen sequences is written."""
    tokens = method.write(2000).tokens
    return torch.bincount(4 * tokens[:, 0] + tokens[:, 1], minlength=16) / len(tokens)


@pytest.mark.parametrize("show", ["soft", "straight_through"])
def test_it_finds_what_is_real(show: Any) -> None:
    """Of (1,3) and (2,0), neither token alone would do. From no likelihood it settles on one of them: a collapse."""
    relax = GumbelSoftmax(Schedule(1.0, end=5.0, over=100, shape="exponential"), show=show)
    method = game(task_of([[1, 3], [2, 0]]), relax=relax, updates=100, d_steps=3)
    before = shares(method)
    method.round(0)
    assert before[[7, 8]].sum() < 0.4
    assert shares(method)[[7, 8]].sum() > 0.9


def test_the_gradient_of_the_game_moves_every_weight_of_the_generator_and_no_real_row() -> None:
    """D judges soft rows whose largest entry is the token; real ones are ids, which nothing is to move."""
    method = game(task_of([[1, 3]]))
    fake, real = method.relaxed(0, grad=True), method.judged_real()
    assert fake.soft is not None
    assert real.soft is None
    assert torch.equal(fake.soft.argmax(-1), fake.tokens)
    loss, _ = method.loss.generator(method.judge(fake), method.judge(real))
    slopes = torch.autograd.grad(loss, list(method.generator.parameters()))
    assert all(slope.abs().max() > 0 for slope in slopes)


@pytest.mark.parametrize("feed", ["hard", "soft"])
def test_the_gradient_enters_by_the_shown_rows_and_the_memory_not_by_what_is_read(feed: Any) -> None:
    """With hard tokens read it is that of the law given those tokens and the same noise; with soft ones it is not."""
    spec = Spec(vocab_size=5, max_length=4)
    torch.manual_seed(0)
    generator, relax = memory(spec), GumbelSoftmax(Schedule(2.0), feed=feed)
    torch.nn.init.normal_(generator.embedding.weight)

    def noise() -> Noise:
        return Noise(torch.Generator().manual_seed(1))

    y = write(generator, 8, noise(), relax=lambda law, u: relax.draw(law, u, 0), grad=True)
    assert y.soft is not None
    uniforms, laws = noise().uniforms(8, 20).view(8, 4, 5), generator(y.replace(soft=None))["logits"]
    given = torch.stack([relax.draw(laws[:, t], uniforms[:, t], 0).shown for t in range(4)], dim=1)
    weight, own = torch.randn_like(given), list(generator.parameters())
    one, other = (torch.autograd.grad((rows * weight).sum(), own) for rows in (y.soft, given))
    same = [torch.allclose(a, b, rtol=1e-3, atol=1e-5) for a, b in zip(one, other, strict=True)]
    assert all(same) if feed == "hard" else not any(same)


def test_the_sharpness_multiplies_and_touches_only_what_is_shown() -> None:
    """Rows sharpen with the step; the tokens drawn and the likelihood (TextGAN-PyTorch's bug) stay those of beta 1."""
    task = task_of([[1, 3]])
    relax = GumbelSoftmax(Schedule(1.0, end=100.0, over=10, shape="exponential"))
    largest, tokens, scores = [], [], []
    for step in (0, 5, 10):
        method = game(task, relax=relax)
        y = method.relaxed(step, grad=False)
        assert y.soft is not None
        largest.append(y.soft.amax(-1).mean().item())
        tokens.append(y.tokens)
        scores.append((method.generator.score(y.replace(soft=None))["logp"], y.logp))
    assert largest == sorted(largest)
    assert largest[0] < 0.8 < 0.97 < largest[2]
    assert torch.equal(tokens[0], tokens[2])
    assert torch.equal(scores[0][0], scores[2][0])
    torch.testing.assert_close(scores[2][0], scores[2][1])


@pytest.mark.parametrize("show", ["soft", "straight_through"])
def test_at_a_low_sharpness_the_judge_wins_on_softness_alone(show: Any) -> None:
    """G's law is the data's: what D tells apart is the softness of rows, and straight-through shows none."""
    every = [[a, b] for a in range(4) for b in range(4)]
    method = game(task_of(every), relax=GumbelSoftmax(Schedule(1.0), show=show), updates=1)
    torch.nn.init.zeros_(method.generator.output.weight)
    for _ in range(60):
        method.step_judge(0)
    method.update.drain()  # pyright: ignore
    for _ in range(20):
        method.step_judge(0)
    accuracy = method.update.drain()["discriminator/train_accuracy"]  # pyright: ignore
    assert accuracy > 0.9 if show == "soft" else 0.4 < accuracy < 0.6


@pytest.mark.parametrize(
    ("name", "steps", "reached"),
    [
        ("coco-100", 2000, 6.31),
        ("coco-1000", 2000, 15.85),
        ("coco-100-reached", 2000, 100.0),
        ("paper-oracle-20", 3000, 1.0),
        ("paper-oracle-40", 3000, 1.52),
    ],
)
def test_the_sharpness_that_ends_the_published_runs(name: str, steps: int, reached: float) -> None:
    """Constants and numbers of steps are those of the scripts, and with them what is really reached."""
    settings = {k: v for k, v in RELGAN_PRESETS[name].items() if not k.startswith(("data", "trainer"))}
    tiny = {"data.vocab_size": 12, "data.length": 4, "data.size": 64, "data.hidden": 4}
    config = configure(
        "relgan", "oracle", preset="none", settings={**settings, **tiny, "discriminator.filters": [2] * 4}
    )
    method = config.build_method(config.build_task())
    assert method.rounds * method.updates == steps
    assert method.relax.sharpness.at(0) == 1
    assert method.relax.sharpness.at(steps) == pytest.approx(reached, abs=0.01)
    assert (method.g_steps, method.d_steps, method.d_rounds, method.mle_epochs) == (1, 5, 0, 150)
    assert (method.relax.feed, method.relax.show) == ("hard", "soft")
    rates = {player: optimiser.lr for player, optimiser in method.optimisers().items()}
    assert rates == {"generator": 1e-2, "policy": 1e-4, "discriminator": 1e-4}
    assert {optimiser.clip for optimiser in method.optimisers().values()} == {5.0}
