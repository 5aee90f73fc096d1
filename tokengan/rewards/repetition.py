"""The repetition penalty (ORGAN, Guimaraes et al. 2017).

Axes: B batch, C copies, S siblings, T time.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from tokengan.errors import UserError
from tokengan.rewards.base import Reward
from tokengan.rewards.functions import function_of, name_of
from tokengan.rewards.keys import sequence_keys, text_keys
from tokengan.rewards.probability import Probability
from tokengan.rewards.siblings import gathered, own
from tokengan.sequences import Sequences
from tokengan.spec import FunctionPath, New

__all__ = ["Repetition", "repetition_weights"]


def repetition_weights(keys: Tensor) -> Tensor:
    """Return u / c for each key along the second axis of [C,S]: u the share of distinct keys, c how often this one is.

    >>> a, b, c = 1, 2, 3
    >>> [round(weight, 3) for weight in repetition_weights(torch.tensor([[a, a, a, b, c]]))[0].tolist()]
    [0.2, 0.2, 0.2, 0.6, 0.6]
    """
    keys = keys.contiguous()
    ordered = keys.sort(1).values
    count = torch.searchsorted(ordered, keys, right=True) - torch.searchsorted(ordered, keys)
    distinct = 1 + (ordered[:, 1:] != ordered[:, :-1]).sum(1, keepdim=True)
    return distinct / keys.shape[1] / count


class Repetition(Reward):
    """R(x) u / c(x): a reward shared by all siblings that are the same sequence.

    u is the share of distinct sequences among the siblings and c(x) the number of them that are x. Meant for rewards
    that are not negative: a negative one is made better by repeating it.
    """

    alone = False

    def __init__(self, reward: New[Reward] = Probability, canonical: FunctionPath | None = None) -> None:
        """Build the reward within.

        Args:
            reward: The reward that is shared.
            canonical: Path `module:function` of a function from a text to the text that stands for all that mean the
                same (canonical SMILES: "OCC" and "CCO" are one molecule), or to None where it has none; None compares
                the tokens.
        """
        super().__init__()
        self.reward = reward()
        self.canonical = None if canonical is None else function_of(canonical)
        self.needs, self.reads, self.outputs = self.reward.needs, self.reward.reads, self.reward.outputs
        self.per_step = self.reward.per_step

    @torch.no_grad()
    def forward(self, x: Sequences, players: Any) -> Tensor:
        """Return the shared reward [B], or [B,T] for one of tokens."""
        values = self.reward(x, players)
        keys = gathered(self._keys(x, players), x, players.world)
        weights = own(repetition_weights(keys), x, players.world).to(values.dtype)
        self.note("weight", weights)
        return values * (weights if values.dim() == 1 else weights.unsqueeze(1))

    def _keys(self, x: Sequences, players: Any) -> Tensor:
        if self.canonical is None:
            return sequence_keys(x)
        texts = players.task.decode(x)
        known: dict[str, str] = {}
        for text in dict.fromkeys(texts):
            try:
                form = self.canonical(text)
            except Exception as error:  # it is somebody else's
                raise UserError(
                    f"{name_of(self.canonical)} raised {type(error).__name__} ({error}) for the sequence {text!r}: it "
                    "should return its canonical form, or None"
                ) from error
            known[text] = text if form is None else str(form)
        return text_keys(known[text] for text in texts).to(x.tokens.device)
