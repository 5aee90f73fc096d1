"""Shapes of a schedule, RelGAN's policies of the temperature among them."""

from __future__ import annotations

import math

import pytest

from tokengan.schedules import Schedule

N = 5000


# The policies as the authors write them: beta at step n, beta_max = b.
POLICIES = {
    "linear": (N - 1, lambda n, b: 1 + n / (N - 1) * (b - 1)),
    "exponential": (N, lambda n, b: b ** (n / N)),
    "logarithmic": (N - 1, lambda n, b: 1 + (b - 1) / math.log(N) * math.log(n + 1)),
    "sigmoid": (N, lambda n, b: (b - 1) / (1 + math.exp((N / 2 - n) * 20 / N)) + 1),
    "quadratic": (N - 1, lambda n, b: (b - 1) / (N - 1) ** 2 * n**2 + 1),
    "square_root": (N - 1, lambda n, b: (b - 1) / math.sqrt(N - 1) * math.sqrt(n) + 1),
}


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("largest", [2.0, 100.0, 1000.0])
def test_relgans_policies(policy: str, largest: float) -> None:
    over, beta = POLICIES[policy]
    schedule = Schedule(1.0, end=largest, over=over, shape=policy)
    values = [schedule.at(n) for n in range(0, over + 1, 7)]
    assert values == pytest.approx([beta(n, largest) for n in range(0, over + 1, 7)])
    assert values == sorted(values)
    assert schedule.at(0) == pytest.approx(1, rel=1e-3 if policy == "sigmoid" and largest < 3 else 0.05)
    assert schedule.at(10 * over) == schedule.at(over) == pytest.approx(largest, rel=1e-4)


def test_no_policy_is_a_constant() -> None:
    assert {Schedule(100.0).at(n) for n in (0, 1, 5000)} == {100.0}


def test_what_the_published_runs_reach() -> None:
    """N is 5000 whatever the number of steps: runs of 2000 and 3000 end at beta_max^0.4 and beta_max^0.6."""
    hundred = Schedule(1.0, end=100.0, over=5000, shape="exponential")
    assert [hundred.at(n) for n in (0, 2000, 2500, 3000, 5000)] == pytest.approx(
        [1, 100**0.4, 10, 100**0.6, 100], rel=1e-12
    )
    assert (round(hundred.at(2000), 2), round(hundred.at(3000), 1)) == (6.31, 15.8)
    thousand = Schedule(1.0, end=1000.0, over=5000, shape="exponential")
    assert round(thousand.at(2000), 1) == 15.8
