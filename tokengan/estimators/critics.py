"""What predicts returns: a linear layer on the policy's hidden states, through which no gradient reaches the policy.

Axes: B batch, T time, H hidden, V vocabulary.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from tokengan.estimators.base import Metrics
from tokengan.generators.base import Outputs
from tokengan.modes import without_dropout
from tokengan.sequences import Sequences, masked_mean

__all__ = ["Critic", "law_of", "value_metrics"]


class Critic(nn.Module):
    """v(s_t) = w . h_t + c [B,T], or a number for each of V next tokens [B,T,V], from detached h (MIXER's regressor).

    It starts at 0 everywhere, where it is no baseline at all.
    """

    def __init__(self, players: Any, outputs: int | None = None) -> None:
        """Make the layer for the method's generator.

        Args:
            players: The method; its generator must give hidden states.
            outputs: Numbers a state; None for one without an axis of its own.
        """
        super().__init__()
        generator = players.generator
        if "hidden" not in generator.gives:
            raise ValueError(
                f"a learned value reads the generator's hidden states, and {type(generator).__name__} gives none"
            )
        like = next(generator.parameters())
        self.outputs = outputs
        self.linear = nn.Linear(generator.width, outputs or 1, dtype=like.dtype, device=like.device)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, scores: Outputs) -> Tensor:
        """Return the prediction from what the generator said, `hidden` [B,T,H]."""
        values = self.linear(scores["hidden"].detach().to(self.linear.weight.dtype))
        return values.squeeze(-1) if self.outputs is None else values


def value_metrics(values: Tensor, target: Tensor, y: Sequences) -> Metrics:
    """Return what to log of a value: its mean, and its root mean square error."""
    error = masked_mean((values.detach() - target).square(), y.chosen).sqrt()
    return {"value": masked_mean(values.detach(), y.chosen), "value_error": error}


def law_of(y: Sequences, players: Any) -> tuple[Tensor, Outputs]:
    """Return the log-law of each token [B,T,V] with its gradient, as `score` would take it, and all outputs.

    Keeps a number for every word at every place, which `score` avoids.
    """
    if "logits" not in players.generator.gives:
        raise ValueError(f"{type(players.generator).__name__} gives no logits, the law of every token")
    with without_dropout(players.generator):
        outputs = players.generator(y)
    return (outputs["logits"] / players.decoding.temperature).log_softmax(-1), outputs
