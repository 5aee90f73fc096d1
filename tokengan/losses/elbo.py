"""The evidence lower bound of a latent variable model, and what keeps its KL from vanishing.

Axes: B batch, Z latent units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["FreeBits"]


@dataclass(frozen=True)
class FreeBits:
    """Nats of KL that cost nothing (Kingma et al. 2016): sum_j max(lambda_j, mean_x KL_j).

    The mean over the batch is taken before the maximum: units whose mean KL lies under the threshold get no gradient
    from it, and the loss counts the threshold.

    Args:
        nats: What a sequence's code may hold for nothing, all units together; 0 for none.
        over: `units`: an equal share for each unit. `sum`: one threshold for their sum, which few units may use up.

    >>> from tokengan.methods.world import World
    >>> kl = torch.tensor([[0.1, 2.0], [0.3, 4.0]])
    >>> FreeBits(1.0)(kl, World()).item(), FreeBits(1.0, "sum")(kl, World()).item(), FreeBits()(kl, World()).item()
    (3.5, 3.200000047683716, 3.200000047683716)
    """

    nats: float = 0.0
    over: Literal["units", "sum"] = "units"

    def __post_init__(self) -> None:
        if self.nats < 0:
            raise ValueError(f"free bits are a number of nats, 0 or more, not {self.nats}")

    def __call__(self, kl: Float[Tensor, "B Z"], world: Any) -> Tensor:
        """Return the mean over sequences, by threshold, of KL [B,Z]."""
        if self.over == "sum":
            kl = kl.sum(1, keepdim=True)
        threshold = self.nats / kl.shape[1]
        means = world.sum(kl.mean(0)) / world.size  # everybody's: which units pay may not differ between processes
        return world.mean(torch.where(means > threshold, kl, threshold).sum(1))
