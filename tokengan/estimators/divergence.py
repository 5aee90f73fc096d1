"""How far the policy has gone from a reference policy: estimates of the KL divergence, and the reference itself.

Axes: B batch, T time.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn

from tokengan.estimators.base import Metrics
from tokengan.generators.base import Autoregressive
from tokengan.lagged import Lagged
from tokengan.modes import evaluating
from tokengan.sequences import Sequences

__all__ = ["KL", "Reference", "explain_kl", "kl_tokens"]

# Names as in Schulman's note "Approximating KL divergence" (2020).
KL = Literal["k1", "k2", "k3"]


def kl_tokens(logp: Tensor, reference: Tensor, estimator: KL = "k1") -> Tensor:
    """Return an estimate of KL(pi || ref) from tokens that pi drew, from their log-probabilities (any shape).

    With l = log pi - log ref: k1 = l, k2 = l^2 / 2, k3 = exp(-l) - 1 + l. k1 and k3 are right on average, k3 is never
    negative, and k2 is right up to third order.

    As a reward (detached) k1 is right. As a loss on tokens of pi their gradients average to 0 (k1), to that of
    KL(pi || ref) (k2), and to that of KL(ref || pi), the other direction (k3), unless k3 is multiplied by the
    differentiable ratio pi / pi_old. All this for the log-probabilities of a whole sequence, or of one token.

    >>> logp, reference = torch.tensor([0.5]).log(), torch.tensor([0.25]).log()
    >>> [round(kl_tokens(logp, reference, name).item(), 4) for name in ("k1", "k2", "k3")]
    [0.6931, 0.2402, 0.1931]
    """
    gap = logp - reference
    if estimator == "k1":
        return gap
    if estimator == "k2":
        return gap.square() / 2
    if estimator == "k3":
        return (-gap).expm1() + gap
    raise ValueError(f"the KL estimator is one of k1, k2, k3, not {estimator}")


def explain_kl(kl: float) -> str | None:
    """Return what it means that an estimated KL divergence, nats a sequence, is below 0; None where it is not.

    >>> explain_kl(0.3) is None
    True
    >>> explain_kl(-2.0)[:62]
    'The estimated KL divergence to the reference policy is -2.000 '
    """
    if not kl < 0:
        return None
    return (
        f"The estimated KL divergence to the reference policy is {kl:.3f} nats a sequence, and a divergence is never "
        "negative. Close to 0 this is the noise of a small batch. Otherwise the tokens are not drawn from the law that "
        "is scored: compare how the policy writes (temperature, top_k, top_p, forbidden ids, dropout) with "
        "'behaviour_gap', which is 0 where both laws are the same. The policy is then paid for leaving the reference."
    )


class Reference(nn.Module):
    """A frozen copy of a generator, taken when the game begins."""

    def __init__(self, generator: Autoregressive) -> None:
        """Copy the generator."""
        super().__init__()
        self.frozen = Lagged(generator, 1.0)

    def begin(self) -> None:
        """Take the generator as it is now."""
        self.frozen.catch_up()

    @torch.no_grad()
    def forward(self, y: Sequences, players: Any) -> Tensor:
        """Return the log-probability of each token [B,T], at the temperature at which the policy writes."""
        with evaluating(self.frozen.network):
            return self.frozen.network.score(y, players.decoding.temperature)["logp"]

    @staticmethod
    def monitor(kl: Tensor, y: Sequences) -> Metrics:
        """Return what to log of estimates k1 a token [B,T]: the mean over sequences, and 1 where it is below 0."""
        total = kl.detach().masked_fill(~y.chosen, 0.0).sum(1).mean()
        return {"kl": total, "kl_negative": (total < 0).to(total.dtype)}
