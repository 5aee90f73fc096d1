"""Annealing in cycles, and what a cycle of one is."""

from __future__ import annotations

import pytest

from tokengan.schedules import Schedule


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
