"""Group estimators by enumeration of all groups: RLOO, mean including self, GRPO and its normalisers."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))
from exact import (
    Seen,
    against,
    close,
    ending,
    everything,
    game_of,
    gradient,
    logp_of,
    moments,
    moments_together,
    objective_gradient,
    policy_loss,
    returns_of,
    toy_rewards,
)

from tokengan.estimators import groups
from tokengan.estimators.baselines import Group, LeaveOneOut
from tokengan.estimators.grpo import GRPO
from tokengan.estimators.reinforce import Reinforce
from tokengan.estimators.rloo import RLOO
from tokengan.methods.world import World
from tokengan.sequences import Sequences

PLAIN = {"loss_type": "sum", "num_generations": None}
ESTIMATORS = {
    "rloo": lambda: RLOO(None, beta=0),
    "leave_one_out": lambda: Reinforce(LeaveOneOut),
    "group": lambda: Reinforce(Group),
    "grpo without std": lambda: GRPO(scale_rewards="none", **PLAIN),
    "grpo": lambda: GRPO(**PLAIN),
    "grpo batch": lambda: GRPO(scale_rewards="batch", **PLAIN),
}
GROUPED = {
    "rloo": lambda size: RLOO(size, beta=0),
    "leave_one_out": lambda size: Reinforce(lambda: LeaveOneOut(size)),
    "group": lambda size: Reinforce(lambda: Group(size)),
    "grpo without std": lambda size: GRPO(size, scale_rewards="none", loss_type="sum"),
    "grpo": lambda size: GRPO(size, loss_type="sum"),
}
CARD = {
    "rloo": [(1, 1, 0.16345), (1, 1, 0.07710), (1, 1, 0.04986)],
    "leave_one_out": [(1, 1, 0.16345), (1, 1, 0.07710), (1, 1, 0.04986)],
    "group": [(1, 1 / 2, 0.04086), (1, 2 / 3, 0.03427), (1, 3 / 4, 0.02804)],
    "grpo without std": [(1, 1 / 2, 0.04086), (1, 2 / 3, 0.03427), (1, 3 / 4, 0.02804)],
    "grpo": [(0.9759, 1.152, 0.28743), (0.9829, 1.707, 0.28135), (0.9885, 1.979, 0.23196)],
}


@pytest.mark.parametrize("name", GROUPED)
@pytest.mark.parametrize("size", [2, 3, 4])
def test_the_cards_cosines_scales_and_variances(name: str, size: int) -> None:
    generator = Seen()
    mean, trace = moments_together(GROUPED[name](size), game_of(generator), size)
    exact = objective_gradient(generator, everything(), toy_rewards())
    cosine, scale, variance = CARD[name][size - 2]
    found = against(mean, exact)
    assert found[0] == pytest.approx(cosine, abs=6e-5)
    assert found[1] == pytest.approx(scale, abs=6e-4)
    assert trace == pytest.approx(variance, abs=6e-6)
    if scale == 1:
        assert close(mean, exact)
    if "group" in name or "without" in name:
        assert close(mean, exact * (size - 1) / size)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_whole_batch_is_one_group(name: str) -> None:
    generator = Seen()
    mean, trace = moments(ESTIMATORS[name](), game_of(generator), 2)
    expected = moments_together(GROUPED[name.removesuffix(" batch")](2), game_of(generator), 2)
    assert close(mean, expected[0])
    assert trace == pytest.approx(expected[1], abs=1e-10)


def test_all_729_ordered_groups_of_three_agree() -> None:
    """The sums above run over unordered groups with their multiplicities; here every ordered one is asked, at once."""
    generator = Seen()
    rows = torch.tensor(list(itertools.product(range(9), repeat=3)))
    y, p = everything().select(rows.T.flatten()), logp_of(generator, everything()).detach().exp()[rows].prod(1)
    leaf = generator.score(y)["logp"].detach().requires_grad_()
    game = game_of(generator)
    game.score = lambda y: {"logp": leaf, "entropy": torch.zeros_like(leaf)}
    loss, _ = policy_loss(RLOO(3, beta=0), y, returns_of(toy_rewards()[rows.T.flatten()], y), game)
    (slope,) = torch.autograd.grad(loss, leaf)
    weight = p.repeat(3).unsqueeze(1) * 729 * slope
    mean = -gradient((weight.detach() * generator.score(y)["logp"]).sum(), generator)
    assert close(mean, objective_gradient(generator, everything(), toy_rewards()))


@pytest.mark.parametrize(
    ("settings", "cosine", "scale"),
    [
        ({"loss_type": "sum"}, 1.0, 3 / 4),
        ({"loss_type": "dr_grpo"}, 1.0, 3 / 8),
        ({"loss_type": "grpo"}, 0.97973, None),
        ({"loss_type": "dapo"}, 0.99944, None),
        ({"loss_type": "bnpo"}, 0.99944, None),
    ],
)
def test_normalisers_where_lengths_differ(settings, cosine, scale) -> None:
    generator, sequences, rewards = ending()
    estimator = GRPO(num_generations=4, scale_rewards="none", **settings)
    mean, _ = moments(estimator, game_of(generator), 4, sequences, rewards)
    exact = objective_gradient(generator, sequences, rewards)
    found = against(mean, exact)
    assert found[0] == pytest.approx(cosine, abs=6e-6)
    if scale is not None:
        assert close(mean, scale * exact)


def test_two_generations_are_compared_with_each_other() -> None:
    rewards = torch.tensor([[0.9], [0.2]])
    found = rewards - groups.leave_one_out(rewards, 2, World())
    torch.testing.assert_close(found, torch.tensor([[0.7], [-0.7]]))


def test_rows_are_copy_major() -> None:
    values = torch.tensor([1.0, 10.0, 100.0, 3.0, 30.0, 300.0])
    assert groups.mean(values, 2, World()).tolist() == [2, 20, 200, 2, 20, 200]
    assert groups.leave_one_out(values, 2, World()).tolist() == [3, 30, 300, 1, 10, 100]
    assert groups.mean(values, 3, World()).tolist() == [pytest.approx(x) for x in [131 / 3, 313 / 3] * 3]
    assert groups.mean(values, None, World()).tolist() == [74] * 6
    assert groups.std(values, 2, World())[:3].tolist() == [pytest.approx(x * 2**0.5) for x in (1, 10, 100)]


def coefficients(estimator, y: Sequences, returns, generator) -> torch.Tensor:
    """Return what each token's log-probability is weighed with."""
    leaf, game = generator.score(y)["logp"].detach().requires_grad_(), game_of(generator)
    game.score = lambda y: {"logp": leaf, "entropy": torch.zeros_like(leaf)}
    loss, _ = policy_loss(estimator, y, returns, game)
    return -torch.autograd.grad(loss, leaf)[0]


@pytest.mark.parametrize("name", ["rloo", "group", "grpo"])
def test_permuting_a_group_permutes_the_advantages_and_a_constant_changes_none(name: str) -> None:
    generator, rows = Seen(), torch.tensor([0, 4, 8, 1, 1])
    y, rewards = everything().select(rows), toy_rewards()[rows]
    order = torch.tensor([3, 0, 4, 1, 2])
    first = coefficients(ESTIMATORS[name](), y, returns_of(rewards, y), generator)
    moved = coefficients(ESTIMATORS[name](), y.select(order), returns_of(rewards[order], y), generator)
    torch.testing.assert_close(moved, first[order])
    shifted = coefficients(ESTIMATORS[name](), y, returns_of(rewards + 7, y), generator)
    torch.testing.assert_close(shifted, first)


@pytest.mark.parametrize("loss_type", ["sum", "grpo", "dr_grpo", "bnpo", "dapo"])
def test_extra_columns_change_no_loss(loss_type: str) -> None:
    generator, sequences, rewards = ending()
    wide = Sequences.cat([sequences, Sequences(torch.zeros(1, 5, dtype=torch.long), torch.ones(1, 5).bool())])
    wide = wide.select(slice(0, len(sequences)))
    assert wide.length == 5
    losses = [
        policy_loss(GRPO(7, loss_type=loss_type), y, returns_of(rewards, y), game_of(generator))[0]
        for y in (sequences, wide)
    ]
    torch.testing.assert_close(*losses)
    directions = [gradient(loss, generator) for loss in losses]
    torch.testing.assert_close(*directions)


def test_equal_rewards_give_no_gradient_and_are_counted() -> None:
    generator, y = Seen(), everything().select(torch.tensor([0, 1, 2, 3]))
    returns = returns_of(torch.tensor([0.5, 1.0, 0.5, 0.0], dtype=torch.float64), y)
    loss, logs = policy_loss(GRPO(2), y, returns, game_of(generator))
    assert logs["frac_reward_zero_std"].item() == 0.5
    slope = coefficients(GRPO(2), y, returns, generator)
    assert slope[[0, 2]].abs().max() == 0
    assert slope[[1, 3]].abs().min() > 0
    assert loss.isfinite()


def test_the_guard_of_the_deviation_stands_outside_the_root() -> None:
    """Rewards 0 and 2e-4: the deviation is 1e-4 sqrt(2), and A = -+1e-4 / (1e-4 sqrt(2) + 1e-4)."""
    generator, y = Seen(), everything().select(torch.tensor([0, 4]))
    returns = returns_of(torch.tensor([0.0, 2e-4], dtype=torch.float64), y)
    slope = coefficients(GRPO(2, loss_type="sum"), y, returns, generator)
    expected = torch.tensor([[-1.0, -1.0], [1.0, 1.0]], dtype=torch.float64) / (2**0.5 + 1) / 2  # a mean over two rows
    torch.testing.assert_close(slope, expected)


def test_truncated_sequences_are_left_out() -> None:
    generator, sequences, rewards = ending()
    returns = returns_of(rewards, sequences)
    slope = coefficients(GRPO(7, mask_truncated_completions=True), sequences, returns, generator)
    assert (slope[:, 0] != 0).tolist() == [True, False, False, True, False, False, True]
    with pytest.raises(ValueError, match="no end token"):
        GRPO(mask_truncated_completions=True).attach(game_of(Seen()))


def test_sequence_level_ratios_are_those_of_trl() -> None:
    """GSPO: exp of the mean log-ratio; RLOO: of its sum. The gradient is that of the ratio times the advantage."""
    from tokengan.estimators.surrogate import ratio

    logp = torch.tensor([[-1.0, -2.0, 9.0]], dtype=torch.float64, requires_grad=True)
    old, where = torch.tensor([[-1.2, -1.9, 0.0]], dtype=torch.float64), torch.tensor([[True, True, False]])
    for level, scale in (("sequence", 1), ("sequence_mean", 2)):
        rho = ratio(logp, old, where, level)
        gap = (logp - old)[:, :2].sum(1, keepdim=True) / scale
        torch.testing.assert_close(rho, gap.exp().expand(-1, 3))
        ours = torch.autograd.grad(torch.where(where, rho, 0.0).sum() / scale, logp)[0]
        torch.testing.assert_close(ours, torch.autograd.grad(gap.exp().sum(), logp)[0])


def test_whole_batches_are_over_all_processes() -> None:
    """Two processes' statistics are those of one with all rows."""

    class Half(World):
        def gather(self, value):
            return torch.cat([theirs[: len(value)], value]) if value.dim() == 1 else value

        def sum(self, value):
            return value

    theirs, mine = torch.tensor([1.0, 2.0]), torch.tensor([6.0, 11.0])
    both, half = torch.cat([theirs, mine]), Half(rank=1, size=2)
    for function in (groups.mean, groups.leave_one_out, groups.std):
        torch.testing.assert_close(function(mine, None, half), function(both, None, World())[2:])
        torch.testing.assert_close(function(mine, 2, half), function(mine, 2, World()))


@pytest.mark.parametrize("make", [RLOO, GRPO, LeaveOneOut, Group])
def test_what_makes_no_sense_is_refused(make) -> None:
    with pytest.raises(ValueError, match="at least 2"):
        make(num_generations=1)
    estimator = make(num_generations=4) if make in (RLOO, GRPO) else Reinforce(lambda: make(num_generations=4))
    y = everything()
    with pytest.raises(ValueError, match="does not divide into groups of 4"):
        policy_loss(estimator, y, returns_of(toy_rewards(), y), game_of(Seen()))
    for settings in ({"epsilon": 1.5}, {"beta": -1.0}, {"num_iterations": 0}):
        if make in (RLOO, GRPO):
            with pytest.raises(ValueError):
                make(**settings)
