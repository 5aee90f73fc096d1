"""Cosines between what moved and what was aimed at, against loops."""

from __future__ import annotations

import math

import pytest
import torch

from tokengan.rewards.goals import intrinsic, reached


def cosine(a, b) -> float:
    size = math.sqrt(sum(float(x) ** 2 for x in a)) * math.sqrt(sum(float(y) ** 2 for y in b))
    return sum(float(x * y) for x, y in zip(a, b, strict=True)) / size


@pytest.fixture
def case() -> tuple[torch.Tensor, torch.Tensor]:
    """Five tokens, which no window of two or three divides."""
    torch.manual_seed(0)
    return torch.randn(3, 5, 4, dtype=torch.float64), torch.randn(3, 6, 4, dtype=torch.float64)


@pytest.mark.parametrize("c", [1, 2, 3, 5, 9])
def test_reached_is_the_slow_one_and_the_last_partial_window_counts(case, c) -> None:
    goals, features = case
    found = reached(goals, features, c)
    for row in range(3):
        for t in range(5):
            moved = features[row, min(t + c, 5)] - features[row, t]
            assert found[row, t].item() == pytest.approx(cosine(moved, goals[row, t]))


@pytest.mark.parametrize("c", [1, 2, 3, 5, 9])
def test_the_workers_reward_is_the_slow_one_for_each_sample_and_step(case, c) -> None:
    goals, features = case
    found = intrinsic(goals, features, c)
    for row in range(3):
        for t in range(5):
            n = t + 1  # tokens read after the choice
            terms = [
                cosine(features[row, n] - features[row, n - i], goals[row, n - i]) for i in range(1, min(c, n) + 1)
            ]
            assert found[row, t].item() == pytest.approx(sum(terms) / len(terms))
    alone = intrinsic(goals[1:2], features[1:2], c)  # no mean over the batch
    torch.testing.assert_close(found[1:2], alone)


def test_parallel_anti_parallel_orthogonal_and_still() -> None:
    features = torch.tensor([[[0.0, 0.0], [2.0, 0.0]]] * 4)
    features[3, 1] = 0
    goals = torch.tensor([[[0.5, 0.0]], [[-3.0, 0.0]], [[0.0, 1.0]], [[1.0, 0.0]]])
    for found in (reached(goals, features, 1), intrinsic(goals, features, 1)):
        assert found.flatten().tolist() == pytest.approx([1.0, -1.0, 0.0, 0.0], abs=1e-6)
