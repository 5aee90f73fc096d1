"""REBAR (Tucker et al. 2017): a score-function estimator that a discriminator's slope makes quiet, not biased.

Axes: B batch, T time, V vocabulary, E embedding.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import torch
from torch import Tensor

from tokengan.estimators.base import Estimator, Losses, behaviour_gap, spread, sum_of_chosen
from tokengan.estimators.critics import law_of
from tokengan.modes import without_dropout
from tokengan.sampling.relax import gumbel
from tokengan.sequences import Sequences, masked_mean

__all__ = ["REBAR", "conditional", "prefix_judgements"]


def conditional(law: Tensor, token: Tensor, uniforms: Tensor) -> Tensor:
    """Return z~ [...,V] drawn from p(z | argmax z = token), z = log p + Gumbel noise, differentiable in log p.

    z~_b = -log(-log v_b) at the token b, z~_i = -log(-log v_i / p_i - log v_b) elsewhere; in logarithms, so that a
    word of probability 0 has a slope of 0 and not NaN.

    Args:
        law: Normalised log-probabilities [...,V].
        token: Which entry is the largest [...].
        uniforms: v [...,V].

    >>> law = torch.tensor([[0.7, 0.3]]).log()
    >>> [round(z, 3) for z in conditional(law, torch.tensor([1]), torch.full((1, 2), 0.5))[0].tolist()]
    [-0.521, 0.367]
    """
    noise = gumbel(uniforms)  # -log(-log v)
    index = token.unsqueeze(-1)
    top = noise.gather(-1, index)
    below = -torch.logaddexp(-noise - law, -top)
    return below.scatter(-1, index, top)


def prefix_judgements(soft: Tensor, y: Sequences, discriminator: Any) -> Tensor:
    """Return the discriminator's logit of each prefix y_1 .. y_{t-1}, soft_t of length t [B,T], all in one call."""
    places = torch.arange(y.length, device=y.tokens.device)
    with without_dropout(discriminator):
        hard, relaxed = (discriminator.embed(y.replace(soft=tokens)) for tokens in (None, soft))
        # Rows are [prefix, row]: prefix t has hard tokens before t, the relaxed one at t, and nothing after it.
        at = (places == places.unsqueeze(1))[:, None, :, None]
        keep = (places <= places.unsqueeze(1))[:, None, :] & y.mask
        embedded = torch.where(at, relaxed, hard) * keep.unsqueeze(-1)
        prefixes = y.replace(soft=None, logp=None, outputs={}).repeat(y.length)
        prefixes.mask = prefixes.chosen = keep.flatten(0, 1)
        logits = discriminator.score(embedded.flatten(0, 1), prefixes)["logits"]
    return logits.view(y.length, len(y)).T


class REBAR(Estimator):
    """(Q_t - eta c_t(z~_t)) grad log p(y_t) + eta grad c_t(z_t) - eta grad c_t(z~_t), summed over t (equation 8).

    c_t(z) is the discriminator's judgement of the prefix y_1 .. y_{t-1}, softmax(z / tau): given that prefix it depends
    on z_t alone, so what the first term loses the others give back. z_t ~ p(z) has its argmax at y_t, z~_t ~ p(z | y_t)
    is drawn anew. Unbiased for any eta, tau and judge; quiet where c_t says what Q_t says, so credit and judgement
    should be of one kind. Needs a discriminator that reads relaxed tokens, and keeps a number for every word at every
    place.
    """

    needs = frozenset({"discriminator", "logits"})

    def __init__(
        self, eta: float = 1.0, tau: float = 1.0, judgement: Literal["probability", "logit"] = "probability"
    ) -> None:
        """Set up the estimator.

        Args:
            eta: Weight of the control variate; 0 is REINFORCE.
            tau: Temperature of the relaxation.
            judgement: What is read of the discriminator: D, as in the reward `probability`, or its logit (`log_ratio`).
        """
        super().__init__()
        if tau <= 0:
            raise ValueError(f"the temperature of a relaxation is above 0, not {tau}")
        if judgement not in ("probability", "logit"):
            raise ValueError(f"the judgement is probability or logit, not {judgement}")
        self.eta, self.tau = eta, tau
        self.judgement: Literal["probability", "logit"] = judgement

    def control(self, soft: Tensor, y: Sequences, players: Any) -> Tensor:
        """Return c_t [B,T] of relaxed tokens [B,T,V]; c_t may read the tokens of y before t, and soft at t."""
        logits = prefix_judgements(soft, y, players.discriminator)
        return logits.sigmoid() if self.judgement == "probability" else logits

    def forward(self, y: Sequences, returns: Tensor, players: Any) -> Iterator[Losses]:
        """Yield the one move."""
        law, _ = law_of(y, players)
        logp = law.gather(-1, y.tokens.unsqueeze(-1)).squeeze(-1)
        noise = players.noise("rebar", len(y) * players.world.size)
        u, v = (noise.uniforms(len(y), y.length * law.shape[-1]).view(law.shape).to(law) for _ in range(2))
        # The noise that made y_t the largest, held fixed: z moves with log p as an unconditional draw does.
        z = law + (conditional(law, y.tokens, u) - law).detach()
        free, given = (
            self.control((at / self.tau).softmax(-1), y, players) for at in (z, conditional(law, y.tokens, v))
        )
        weight = (returns - self.eta * given).detach()
        objective = sum_of_chosen(weight * logp + self.eta * (free - given), y, players)
        metrics = {
            "reward": masked_mean(returns, y.chosen),
            "reward_spread": spread(returns, y.chosen),
            "unexplained": spread(weight, y.chosen),
        }
        yield {"policy": (-objective, metrics | behaviour_gap(logp, y))}
