"""Log-probabilities without logits against the plain form, in value, entropy and gradient."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from tokengan.generators import projected
from tokengan.generators.projected import linear_logp

N, H, V = 70, 6, 50
Form = Callable[[Tensor, Tensor, Tensor, Tensor, float], tuple[Tensor, Tensor]]


def inputs(dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    random = torch.Generator().manual_seed(0)
    hidden, weight, bias = (torch.randn(*size, generator=random, dtype=dtype) for size in ((N, H), (V, H), (V,)))
    bias[3] = -1e30  # an id that is never written
    return hidden * 3, weight * 2, bias, torch.randint(4, V, (N,), generator=random)


def plain(hidden: Tensor, weight: Tensor, bias: Tensor, target: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    law = ((hidden @ weight.T + bias) / temperature).log_softmax(-1)
    return law.gather(1, target[:, None]).squeeze(1), torch.distributions.Categorical(logits=law).entropy()


@pytest.mark.parametrize("temperature", [1.0, 0.7])
@pytest.mark.parametrize("chunk", [V * 16, V * 33, 2**19])
@pytest.mark.parametrize(("dtype", "close"), [(torch.float64, 1e-12), (torch.float32, 2e-6)])
@pytest.mark.parametrize("most", [0, 2**20], ids=["made again", "kept"])
def test_values_and_gradients_are_the_plain_ones(monkeypatch, temperature, chunk, dtype, close, most):
    monkeypatch.setattr(projected, "CHUNK", chunk)
    monkeypatch.setattr(projected, "KEPT", most)
    *parts, target = inputs(dtype)
    weights = torch.linspace(-1, 1, N, dtype=torch.float64)
    found: list[Tensor] = []
    expected: list[Tensor] = []
    forms: list[tuple[Form, list[Tensor], list[Tensor]]]
    forms = [(linear_logp, parts, found), (plain, [part.double() for part in parts], expected)]
    for form, given, kept in forms:
        leaves = [part.clone().requires_grad_() for part in given]
        logp, entropy = form(leaves[0], leaves[1], leaves[2], target, temperature)
        kept += [logp.detach(), entropy.detach()]
        kept += torch.autograd.grad((logp * weights.to(logp.dtype)).sum(), leaves)
    # The entropy is a difference of numbers as large as the logits, so that it keeps fewer digits.
    for one, other, digits in zip(found, expected, (1, 10, 1, 1, 1), strict=True):
        assert one.dtype == dtype
        assert (one.double() - other).norm() <= digits * close * other.norm()


def test_the_gradient_is_that_of_finite_differences():
    hidden, weight, bias, target = inputs(torch.float64)
    bias = bias.clamp(min=-5)
    parts = [part[:9].clone().requires_grad_() for part in (hidden, weight, bias)]
    assert torch.autograd.gradcheck(lambda h, w, b: linear_logp(h, w, b, target[:9] % 9, 0.8)[0], parts)


def test_large_logits_stay_finite():
    hidden, weight, bias, target = inputs(torch.float32)
    logp, entropy = linear_logp(hidden * 1e3, weight, bias, target)
    assert logp.isfinite().all()
    assert entropy.isfinite().all()
