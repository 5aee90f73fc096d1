"""Probabilities of given tokens under a generator's outputs.

Axes: B batch, T time, V vocabulary.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from tokengan.generators.base import Outputs
from tokengan.sequences import Sequences

__all__ = ["entropy", "kl", "nll"]


def _wide(logits: Tensor) -> Tensor:
    """Return logits in float32 at least: half precision loses the tail of a softmax."""
    return logits if logits.dtype == torch.float64 else logits.float()


def nll(outputs: Outputs, x: Sequences) -> Tensor:
    """Return -log p(x_t | x_<t) in nats [B,T]; entries outside the mask mean nothing.

    >>> import torch
    >>> x = Sequences(torch.zeros(1, 2, dtype=torch.long), torch.ones(1, 2, dtype=torch.bool))
    >>> nll({"logits": torch.zeros(1, 2, 4)}, x).exp().tolist()
    [[4.0, 4.0]]
    """
    logits = _wide(outputs["logits"])
    return functional.cross_entropy(logits.flatten(0, 1), x.tokens.flatten(), reduction="none").view_as(x.tokens)


def entropy(outputs: Outputs) -> Tensor:
    """Return the entropy of each next-token law in nats [B,T]."""
    logp = _wide(outputs["logits"]).log_softmax(-1)
    return -(logp.exp() * logp).sum(-1)


def kl(p: Tensor, q: Tensor) -> Tensor:
    """Return KL(p || q) of two next-token laws given by their logits [...,V], in nats [...]: exact, over all V tokens.

    >>> import torch
    >>> one, other = torch.tensor([0.5, 0.5]).log(), torch.tensor([0.25, 0.75]).log()
    >>> round(kl(one, other).item(), 4), kl(one, one + 3).item()
    (0.1438, 0.0)
    """
    logp, logq = _wide(p).log_softmax(-1), _wide(q).log_softmax(-1)
    return (logp.exp() * (logp - logq)).sum(-1)
