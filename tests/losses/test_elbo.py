"""Free bits: which units pay for their KL, and what they are pushed by."""

from __future__ import annotations

import pytest
import torch

from tokengan.generators.posterior import Gaussian
from tokengan.losses.elbo import FreeBits
from tokengan.methods.world import World


def test_under_the_threshold_no_gradient_comes_from_the_kl() -> None:
    """Unit 0 has a mean KL of .02, unit 1 of 2.5, the threshold is .5 each: the batch is averaged before the maximum,
    so a single sequence over the threshold (unit 0, row 0) pays nothing, and one under it (unit 1, row 1) pays."""
    mean = torch.tensor([[1.2, 3.0], [0.0, 0.1], [0.0, 2.4]], requires_grad=True)
    logvar = torch.zeros(3, 2, requires_grad=True)
    kl = Gaussian(mean, logvar).kl()
    assert kl[0, 0] > 0.5 > kl[:, 0].mean()
    value = FreeBits(1.0)(kl, World())
    assert value.item() == pytest.approx(0.5 + kl[:, 1].mean().item())
    value.backward()
    torch.testing.assert_close(mean.grad[:, 0], torch.zeros(3))
    torch.testing.assert_close(mean.grad[:, 1], mean.detach()[:, 1] / 3)  # d KL / d mean = mean


def test_one_threshold_for_the_sum_leaves_units_idle() -> None:
    kl = torch.tensor([[4.0, 0.0], [6.0, 0.0]], requires_grad=True)
    assert FreeBits(5.5, "sum")(kl, World()).item() == 5.5
    assert FreeBits(4.5, "sum")(kl, World()).item() == 5.0
    assert FreeBits(9.0, "units")(kl, World()).item() == 5.0 + 4.5  # unit 1 is owed its 4.5


def test_without_free_bits_it_is_the_mean_of_sums() -> None:
    kl = torch.rand(5, 3)
    assert FreeBits()(kl, World()).item() == pytest.approx(kl.sum(1).mean().item())
    with pytest.raises(ValueError, match="0 or more"):
        FreeBits(-1.0)


def test_every_process_lets_the_same_units_pay() -> None:
    """Two halves of a batch, one over and one under the threshold: what counts is everybody's mean."""

    class Half(World):
        def sum(self, value: torch.Tensor) -> torch.Tensor:
            return torch.full_like(value, 2 * 0.6) if value.is_floating_point() else value * 2

    halves = [torch.full((4, 1), 0.2), torch.full((4, 1), 1.0)]
    values = [FreeBits(0.5)(kl, Half(size=2)).item() for kl in halves]
    assert sum(values) / 2 == pytest.approx(0.6)
