"""Gaussian codes: what an inference network says of a sequence, and what a generator with such a network offers.

Axes: B batch, Z latent units, S samples.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tokengan.generators.base import Autoregressive
from tokengan.noise import Noise
from tokengan.sequences import Sequences

__all__ = ["LATENT", "Gaussian", "Inferring", "active_units", "mutual_information"]

LATENT = "latent"  # the condition that holds the codes [B,Z]


@dataclass(frozen=True)
class Gaussian:
    """Independent normal laws, one a unit: q(z|x) = N(mean, exp(logvar)).

    Args:
        mean: Means [B,Z].
        logvar: Logarithms of the variances [B,Z].

    >>> q = Gaussian(torch.tensor([[1.0, 0.0]]), torch.zeros(1, 2))
    >>> q.kl().tolist(), q.draw(torch.tensor([[0.5, 2.0]])).tolist()
    ([[0.5, 0.0]], [[1.5, 2.0]])
    """

    mean: Tensor
    logvar: Tensor

    @classmethod
    def standard(cls, like: Tensor) -> Gaussian:
        """Return N(0, 1) for every entry of a tensor [B,Z]."""
        return cls(torch.zeros_like(like), torch.zeros_like(like))

    def draw(self, normals: Float[Tensor, "*S B Z"]) -> Float[Tensor, "*S B Z"]:
        """Return mean + std * normals: a draw through which a gradient reaches mean and variance."""
        return self.mean + (self.logvar / 2).exp() * normals

    def kl(self) -> Float[Tensor, "B Z"]:
        """Return KL(q || N(0, 1)) = (mean² + var - log var - 1) / 2 of each unit, nats."""
        # var - 1 - log var with expm1: near the prior the plain difference would round to below 0.
        return (self.mean.square() + self.logvar.expm1() - self.logvar) / 2

    def log_density(self, z: Float[Tensor, "*S B Z"]) -> Float[Tensor, "*S B"]:
        """Return log q(z), each row of z under its own row's law."""
        scaled = (z - self.mean).square() / self.logvar.exp()
        return -(scaled + self.logvar + math.log(2 * math.pi)).sum(-1) / 2

    def log_mixture(self, z: Float[Tensor, "N Z"]) -> Float[Tensor, " N"]:
        """Return the log-density of codes under the mean of all rows' laws, the aggregate posterior."""
        precision = (-self.logvar).exp()
        # |z - m|² / v, multiplied out: [N,B] without an [N,B,Z] tensor.
        squares = z.square() @ precision.T - 2 * z @ (self.mean * precision).T
        constants = (self.mean.square() * precision + self.logvar + math.log(2 * math.pi)).sum(-1)
        return (-(squares + constants) / 2).logsumexp(-1) - math.log(len(self.mean))


def mutual_information(q: Gaussian, normals: Float[Tensor, "B Z"]) -> float:
    """Return an estimate of I(x, z) under q = E log q(z|x) - E log q(z), nats; at most log B.

    q(z) is the mixture of the batch. Both terms are taken at the same draws, so that one estimate scatters less than
    one whose first term is analytic, and never exceeds log B.

    >>> abs(mutual_information(Gaussian(torch.zeros(4, 2), torch.zeros(4, 2)), torch.randn(4, 2))) < 1e-9  # one code
    True
    >>> far = Gaussian(torch.tensor([[0.0], [100.0]]), torch.zeros(2, 1))
    >>> round(mutual_information(far, torch.randn(2, 1)), 4) == round(math.log(2), 4)
    True
    """
    q, normals = Gaussian(q.mean.double(), q.logvar.double()), normals.double()
    z = q.draw(normals)
    return (q.log_density(z) - q.log_mixture(z)).mean().item()


def active_units(mean: Float[Tensor, "B Z"], threshold: float = 0.01) -> int:
    """Return how many units have a mean that varies with x: Var_x(mean_j) >= threshold (Burda et al. 2016).

    >>> active_units(torch.tensor([[0.0, 1.0], [1.0, 1.0]]))
    1
    """
    return int((mean.var(0) >= threshold).sum())


class Inferring(Autoregressive):
    """A generator of p(x|z) with z ~ N(0, 1), and an inference network q(z|x) of its own.

    The likelihood of a sequence is an integral over z: what can be had of it is a bound.

    Attributes:
        encoder: The inference network: what moves alone where inference has to catch up.
    """

    encoder: nn.Module
    density: ClassVar[Literal["exact", "bound", "none"]] = "bound"
    needs: ClassVar[frozenset[str]] = frozenset({LATENT})

    def infer(self, x: Sequences) -> Gaussian:
        """Return q(z|x)."""
        raise NotImplementedError

    def given(self, x: Sequences, z: Float[Tensor, "B Z"]) -> Sequences:
        """Return the batch under these codes."""
        return x.replace(condition={**x.condition, LATENT: z})

    def bound(self, x: Sequences, noise: Noise, samples: int = 1, temperature: float = 1.0) -> Float[Tensor, " B"]:
        """Return log 1/S sum_s p(x|z_s) p(z_s) / q(z_s|x) <= log p(x) in expectation (Burda et al. 2016).

        For S = 1 the expectation is the ELBO; it rises with S towards log p(x).
        """
        q = self.infer(x)
        weights = []
        for normals in noise.normals(len(x), q.mean.shape[1], copies=samples).to(q.mean):
            z = q.draw(normals)
            logp = torch.where(x.mask, self.score(self.given(x, z), temperature)["logp"], 0.0).sum(1)
            weights.append(logp + Gaussian.standard(z).log_density(z) - q.log_density(z))
        return torch.stack(weights).logsumexp(0) - math.log(samples)
