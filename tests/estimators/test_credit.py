"""Credit of each place: discounted sums and judged prefixes, against closed forms and enumeration."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))
from exact import Seen, close, ending, game_of, gradient, logp_of, objective_gradient, policy_loss

from tokengan.estimators.credit import Discounted, Prefix
from tokengan.estimators.reinforce import Reinforce
from tokengan.rewards.base import Reward
from tokengan.sequences import Sequences


class Worth(Reward):
    """A token is worth its id plus 1, or 1: at its place (padding shows what must not be read), or in sum."""

    def __init__(self, per_step: bool = True, ones: bool = False) -> None:
        super().__init__()
        self.per_step, self.ones, self.fresh = per_step, ones, 0

    def forward(self, x, players):
        self.fresh += x.logp is not None
        worth = torch.where(x.mask, torch.ones_like(x.tokens) if self.ones else x.tokens + 1, 99).double()
        return worth if self.per_step else torch.where(x.mask, worth, 0.0).sum(1)


def rows() -> Sequences:
    """Tokens worth 1, 2, 4, and worth 3, 1 and the end."""
    mask = torch.tensor([[True, True, True], [True, True, False]])
    return Sequences(torch.tensor([[0, 1, 3], [2, 0, 0]]), mask, logp=torch.zeros(2, 3))


@pytest.mark.parametrize(
    ("gamma", "expected"),
    [(0.0, [[1, 2, 4], [3, 1, 0]]), (0.5, [[3, 4, 4], [3.5, 1, 0]]), (1.0, [[7, 6, 4], [4, 1, 0]])],
)
def test_discounted_sums_of_what_is_to_come(gamma: float, expected) -> None:
    assert Discounted(gamma)(Worth(), rows(), None).tolist() == expected


def test_prefixes_are_judged_and_differences_add_up_to_the_whole() -> None:
    """r_t = R(x_1..x_t) - R(x_1..x_{t-1}), Bahdanau's shaped reward; one judgement alone is of a fresh batch."""
    whole = Worth(per_step=False)
    assert Prefix()(whole, rows(), None).tolist() == [[1, 3, 7], [3, 4, 4]]
    assert whole.fresh == 1
    steps = Prefix(difference=True)(whole, rows(), None)
    assert steps.tolist() == [[1, 2, 4], [3, 1, 0]]
    assert steps.sum(1).tolist() == whole(rows(), None).tolist()


def mean_direction(credit, reward) -> tuple[Seen, torch.Tensor, torch.Tensor]:
    """Return the toy of variable length, its sequences' sums of steps, and the exact mean of REINFORCE's direction."""
    generator, sequences, _ = ending()
    game, mean = game_of(generator), torch.zeros(12, dtype=torch.float64)
    for i, p in enumerate(logp_of(generator, sequences).detach().exp()):
        y = sequences.select(torch.tensor([i]))
        loss, _ = policy_loss(Reinforce(), y, credit(reward, y, game), game)
        mean = mean - p * gradient(loss, generator)
    totals = torch.where(sequences.mask, reward(sequences, game), 0.0).sum(1)
    return generator, mean, objective_gradient(generator, sequences, totals)


def test_what_is_still_to_come_is_enough_to_be_unbiased() -> None:
    """Rewards before a token do not depend on it; an end token is worth something too."""
    _, mean, exact = mean_direction(Discounted(), Worth())
    assert close(mean, exact)


def test_ones_without_a_future_move_nothing_on_average_and_with_one_pay_for_length() -> None:
    _, mean, _ = mean_direction(Discounted(0.0), Worth(ones=True))
    assert mean.abs().max() < 1e-12
    _, mean, exact = mean_direction(Discounted(1.0), Worth(ones=True))
    assert close(mean, exact)
    assert mean[2] < -0.1  # token 2 ends a sequence
