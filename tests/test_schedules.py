"""Shapes of a schedule: RelGAN's policies of the temperature, annealing in cycles."""

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


def test_cycles_begin_at_0_and_end_at_1() -> None:
    """Four cycles, half of each rising: beta is 0 at each start and 1 for the last half; then 1 for good."""
    beta = Schedule(0.0, end=1.0, over=40, cycles=4, rise=0.5)
    for cycle in range(4):
        assert [beta.at(10 * cycle + i) for i in range(10)] == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1, 1, 1, 1, 1])
    assert beta.at(40) == beta.at(1000) == 1
    assert beta.at(12.5) == pytest.approx(0.5)  # parts of an epoch count


@pytest.mark.parametrize("shape", ["linear", "cosine", "inverse_sigmoid"])
def test_one_cycle_that_rises_throughout_is_plain_annealing(shape) -> None:
    plain, one = (Schedule(0.2, end=1.0, over=9, shape=shape, **more) for more in ({}, {"cycles": 1, "rise": 1.0}))
    assert [one.at(i) for i in range(20)] == [plain.at(i) for i in range(20)]
    linear = Schedule(0.0, end=1.0, over=9)
    assert [linear.at(i) for i in range(12)] == pytest.approx([min(1, i / 9) for i in range(12)])


def test_cycles_come_after_the_warmup_and_bad_ones_are_refused() -> None:
    beta = Schedule(1.0, end=3.0, over=4, warmup=2, cycles=2)
    assert [beta.at(i) for i in range(7)] == [0.5, 1, 1, 2, 1, 2, 3]
    for wrong in ({"cycles": 0}, {"rise": 0.0}, {"rise": 1.5}):
        with pytest.raises(ValueError, match="cycle"):
            Schedule(0.0, end=1.0, over=4, **wrong)
