"""Is the latent code used? What a generator's own inference network says of held-out sequences.

Axes: B batch, T time, Z latent units.
"""

from __future__ import annotations

import math

import torch

from tokengan.generators.posterior import Gaussian, Inferring, active_units, mutual_information
from tokengan.metrics.base import Figure, Given, Metric
from tokengan.metrics.law import ROWS, Spread
from tokengan.modes import evaluating
from tokengan.noise import Noise, seeded
from tokengan.sequences import Sequences
from tokengan.training.health import ACTIVE_UNITS, AGGREGATE_VARIANCE, INFORMATION, LATENT_KL

__all__ = ["Codes", "posterior_of"]

MOST = 1000  # sequences read: the mutual information compares each code with the posterior of every sequence
ACTIVE = 0.01


@torch.no_grad()
def posterior_of(law: Inferring, x: Sequences) -> Gaussian:
    """Return q(z|x) of all rows, a few at a time, with dropout off."""
    with evaluating(law):
        parts = [law.infer(part) for part in x.split(4 * ROWS)]
    return Gaussian(torch.cat([part.mean for part in parts]), torch.cat([part.logvar for part in parts]))


class Codes(Metric):
    """KL, reconstruction, -ELBO, active units, mutual information and the aggregate posterior's variance.

    A low -ELBO alone hides a code that is ignored. KL and mutual information together do not: where KL is above 0 and
    the mutual information is not, q differs from the prior and ignores x.
    """

    name = "codes"
    needs = frozenset({"inference", "heldout"})
    direction = "none"
    bounds = (0.0, math.inf)
    split = "heldout"

    @torch.no_grad()
    def compute(self, given: Given) -> list[Figure]:
        """Return the figures, all of the same held-out sequences."""
        law: Inferring = given.extra["inference"]
        x: Sequences = given.extra["heldout"].select(slice(0, MOST))
        q = posterior_of(law, x)
        normals = Noise(seeded("codes", 0, q.mean.device)).normals(*q.mean.shape).to(q.mean)
        coded = law.given(x, q.draw(normals))
        with evaluating(law):
            losses = [-torch.where(part.mask, law.score(part)["logp"], 0.0).sum(1) for part in coded.split(ROWS)]
        reconstruction, kl = torch.cat(losses).double(), q.kl().sum(1).double()
        units, size = q.mean.shape[1], f"n={len(x)}"
        elbo = Spread.of(reconstruction + kl, x.lengths)
        information = mutual_information(q, normals)
        # The whole variance of q(z) = E_x q(z|x), a mean over units: 1 where it is the prior's.
        variance = (q.mean.var(0) + q.logvar.exp().mean(0)).mean().item()

        def figure(name: str, value: float, *parts: str, note: str = "") -> Figure:
            return self.figure(name, value, given, size, *parts, note=note)

        each = "nats per sequence"
        return [
            figure(LATENT_KL, kl.mean().item(), each),
            figure("reconstruction", reconstruction.mean().item(), each, "1 draw of z"),
            figure("-ELBO", elbo.mean, "nats per token, EOS counted", "1 draw of z", note=f"+-{elbo.error:.4f}"),
            figure(ACTIVE_UNITS, float(active_units(q.mean, ACTIVE)), f"variance>={ACTIVE}", note=f"of {units}"),
            figure(INFORMATION, information, "nats", "1 draw of z", note=f"at most log n = {math.log(len(x)):.2f}"),
            figure(AGGREGATE_VARIANCE, variance, "mean over units", note="1 is the prior's"),
        ]
