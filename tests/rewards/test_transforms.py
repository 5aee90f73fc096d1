"""Transforms: LeakGAN's numbers, ranks that are ranks, and statistics per column, per copy and over all processes."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from reward_toys import rows_of

from tokengan.methods.world import World
from tokengan.rewards.relative import RankTransform, Rescale, Whiten
from tokengan.rewards.running import Running
from tokengan.rewards.transforms import Chain, Clip, Identity, Power
from tokengan.sequences import Sequences

PLAYERS = SimpleNamespace(world=World())
RELATIVE = [RankTransform, Rescale, Whiten]


def batch(rows: int, mask: torch.Tensor | None = None, copies: int = 1, length: int = 1) -> Sequences:
    mask = torch.ones(rows, length, dtype=torch.bool) if mask is None else mask
    return Sequences(torch.zeros_like(mask, dtype=torch.long), mask, copies=copies)


@pytest.mark.parametrize(
    ("form", "mean"), [("code", 0.12695181503855285), ("paper", 0.4921927 / 4), ("symmetric", 0.125)]
)
def test_rescaled_rewards_have_the_cards_mean_whatever_the_rewards(form: str, mean: float) -> None:
    rescale = Rescale(16.0, form, divide=4.0)
    for seed in range(3):
        rewards = torch.rand(64, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) ** 9
        found = rescale(rewards, batch(64), PLAYERS)
        assert found.mean().item() == pytest.approx(mean, abs=1e-8)
    if form == "code":
        ascending = torch.sigmoid(16 * torch.arange(1, 65, dtype=torch.float64) / 64 - 8) / 4
        torch.testing.assert_close(rescale(torch.arange(64.0).double(), batch(64), PLAYERS), ascending)


@pytest.mark.parametrize("make", RELATIVE)
@given(seed=st.integers(0, 10_000), ties=st.booleans())
@settings(max_examples=25, deadline=None)
def test_permuting_rewards_permutes_outputs_and_higher_stays_higher(make, seed: int, ties: bool) -> None:
    """The peers' trap: a rank read off a dictionary's order has nothing to do with the reward."""
    rng = torch.Generator().manual_seed(seed)
    rewards = torch.randint(0, 4 if ties else 10**9, (16,), generator=rng).double()
    order = torch.randperm(16, generator=rng)
    transform = make()
    found = transform(rewards, batch(16), PLAYERS)
    torch.testing.assert_close(transform(rewards[order], batch(16), PLAYERS), found[order], atol=1e-12, rtol=0)
    above = rewards[:, None] > rewards[None, :]
    assert (found[:, None] > found[None, :])[above].all()
    same = rewards[:, None] == rewards[None, :]
    assert (found[:, None] - found[None, :])[same].abs().max() < 1e-12


def test_ranks_go_from_zero_to_one_and_equal_values_share_theirs() -> None:
    found = RankTransform()(torch.tensor([5.0, -1.0, 5.0, 100.0, 0.0]), batch(5), PLAYERS)
    assert found.tolist() == [0.625, 0.0, 0.625, 1.0, 0.25]
    assert RankTransform()(torch.tensor([7.0]), batch(1), PLAYERS).tolist() == [0.5]
    assert RankTransform()(torch.ones(4), batch(4), PLAYERS).tolist() == [0.5] * 4


def test_whitening_is_exact_and_equal_values_give_zero() -> None:
    values = torch.tensor([[1.0, 3.0], [3.0, 3.0], [5.0, 3.0]])
    whiten = Whiten(eps=0.5)
    found = whiten(values, batch(3, length=2), PLAYERS)
    deviation = (8 / 3) ** 0.5
    assert found[:, 0].tolist() == pytest.approx([-2 / (deviation + 0.5), 0.0, 2 / (deviation + 0.5)])
    assert found[:, 1].tolist() == [0.0] * 3
    assert whiten.drain()["flat"].item() == 0.5
    # 0.1 summed and divided is not 0.1: no noise may be blown up.
    assert Whiten(eps=0.0)(torch.full((7,), 0.1), batch(7), PLAYERS).tolist() == [0.0] * 7


@pytest.mark.parametrize("make", [*RELATIVE, Running])
def test_only_rows_that_are_there_count_in_a_column(make) -> None:
    mask = torch.tensor([[True, True, True], [True, True, False], [True, False, False]])
    values = torch.tensor([[1.0, 2.0, 3.0], [2.0, 5.0, 1e6], [4.0, -1e6, 1e6]], dtype=torch.float64)
    x = batch(3, mask).replace(logp=torch.zeros(3, 3))
    found = make()(values, x, PLAYERS)
    assert (found[~mask] == 0).all()
    # What stands outside the mask changes nothing.
    torch.testing.assert_close(make()(torch.where(mask, values, -7.0), x, PLAYERS), found)
    if make is not Running:
        torch.testing.assert_close(found[:2, 1], make()(values[:2, 1], batch(2), PLAYERS))
        torch.testing.assert_close(found[:1, 2], make()(values[:1, 2], batch(1), PLAYERS))


@pytest.mark.parametrize("make", RELATIVE)
def test_copies_are_kept_apart(make) -> None:
    values = torch.rand(12, dtype=torch.float64)
    whole = make()(values, batch(12, copies=3), PLAYERS)
    apart = torch.cat([make()(part, batch(4), PLAYERS) for part in values.split(4)])
    torch.testing.assert_close(whole, apart)
    assert not torch.allclose(whole, make()(values, batch(12), PLAYERS))


class Pretend:
    """One of two processes, both of which are played here one after the other: the first run only listens."""

    def __init__(self, rank: int, heard: dict[int, list]) -> None:
        self.rank, self.size, self.heard, self.at = rank, 2, heard, 0

    share = World.share

    def _both(self, value):
        said = self.heard.setdefault(self.at, [None, None])
        said[self.rank] = value
        self.at += 1
        return [value if one is None else one for one in said]

    def gather(self, value):
        return torch.cat(self._both(value))

    def sum(self, value):
        return sum(self._both(value))


@pytest.mark.parametrize("make", [*RELATIVE, Running])
@pytest.mark.parametrize("length", [None, 3])
def test_two_processes_see_what_one_does(make, length) -> None:
    copies, rows = 2, 8
    shape = (copies, rows) if length is None else (copies, rows, length)
    values = torch.rand(shape, dtype=torch.float64)
    mask = torch.rand(copies, rows, length or 1) < 0.8
    mask[:, :, 0] = True

    def run(part, world):
        own = values[:, part].reshape(-1, *shape[2:])
        inside = mask[:, part].reshape(-1, length or 1)
        x = batch(len(own), inside, copies).replace(logp=torch.zeros(inside.shape))
        return make()(own, x, SimpleNamespace(world=world)).reshape(copies, -1, *shape[2:])

    one = run(slice(None), World())
    heard: dict[int, list] = {}
    halves = {}
    for _ in range(2):  # the second time everybody has heard the other
        for rank in (0, 1):
            halves[rank] = run(slice(rank * 4, rank * 4 + 4), Pretend(rank, heard))
    torch.testing.assert_close(torch.cat([halves[0], halves[1]], dim=1), one)


def test_running_figures_move_after_their_use_and_only_by_what_was_written() -> None:
    running, x = Running(decay=0.5, eps=0.0), rows_of([5], [6])
    wrote = x.replace(logp=torch.zeros(2, 1))
    apply = lambda values, x: running(torch.tensor(values), x, PLAYERS).tolist()  # noqa: E731
    assert apply([3.0, 5.0], x) == [3.0, 5.0]  # nothing known yet, and this was not written by the policy
    assert apply([0.0, 2.0], wrote) == [-1.0, 1.0]  # mean 1, deviation 1
    assert apply([100.0, 102.0], x) == [99.0, 101.0]
    assert apply([4.0, 6.0], wrote) == [3.0, 5.0]  # used before it counts
    assert apply([4.0, 6.0], x) == [3.0, 5.0]  # and its roll-outs are measured as it was
    # Now mean (1 + 5) / 2, mean square (2 + 26) / 2.
    assert apply([3.0, 3.0 + 5**0.5], wrote) == pytest.approx([0.0, 1.0])


def test_running_figures_are_in_the_checkpoint() -> None:
    one, other = Running(), Running()
    for k in range(3):
        one(torch.rand(4) + k, rows_of([5], [6], [7], [8]).replace(logp=torch.zeros(4, 1)), PLAYERS)
    other.load_state_dict(one.state_dict())
    x, values = rows_of([5], [6]), torch.rand(2)
    assert torch.equal(one(values, x, PLAYERS), other(values, x, PLAYERS))


def test_those_that_look_at_nothing_else() -> None:
    values = torch.tensor([-9.0, 0.25, 9.0])
    assert Identity()(values, batch(3), PLAYERS).tolist() == values.tolist()
    assert Clip(-1.0, 2.0)(values, batch(3), PLAYERS).tolist() == [-1.0, 0.25, 2.0]
    assert Clip(None, 2.0)(values, batch(3), PLAYERS).tolist() == [-9.0, 0.25, 2.0]
    assert Power(0.5)(values, batch(3), PLAYERS).tolist() == [-3.0, 0.5, 3.0]


def test_a_chain_does_one_after_the_other() -> None:
    chain = Chain(partial(Clip, 0.0, 4.0), partial(Power, 0.5))
    assert chain(torch.tensor([-9.0, 4.0, 9.0]), batch(3), PLAYERS).tolist() == [0.0, 2.0, 2.0]
    assert chain.alone
    assert not Chain(Identity, Whiten).alone
