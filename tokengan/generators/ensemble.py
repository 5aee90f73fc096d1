"""Several generators as one: the mean of their laws.

Axes: B batch, T time, V vocabulary, M members.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from tokengan.generators.base import Autoregressive, Condition, Outputs, State, Token
from tokengan.generators.recurrent import LSTM
from tokengan.sequences import Sequences
from tokengan.spec import Net, Spec

__all__ = ["Ensemble", "members_of"]


class Ensemble(Autoregressive):
    """p(x_t | x_<t) = (1/M) sum_m p_m(x_t | x_<t): members that differ by their start and their dropout.

    Likelihood models that overfit differently overfit less together. Each member is trained by itself.

    >>> generator = Ensemble(Spec(vocab_size=10, max_length=4))
    >>> x = Sequences(torch.zeros(2, 4, dtype=torch.long), torch.ones(2, 4, dtype=torch.bool))
    >>> generator(x)["logits"].exp().sum(-1)[0, 0].round(decimals=4).item()
    1.0
    """

    def __init__(self, spec: Spec, member: Net[Autoregressive] = LSTM, members: int = 2) -> None:
        """Build the members.

        Args:
            spec: Sizes and ids of the task.
            member: Factory of one member.
            members: How many, M.
        """
        super().__init__(spec)
        if members < 1:
            raise ValueError(f"an ensemble has at least one member, not {members}")
        self.members = nn.ModuleList(member(spec) for _ in range(members))

    def forward(self, x: Sequences) -> Outputs:
        """Return `logits` [B,T,V], the logarithms of the mean law."""
        return self._mean([member(x)["logits"] for member in members_of(self)])

    def start(self, rows: int, condition: Condition) -> tuple[Outputs, State]:
        """Return the mean law of the first token and the members' states."""
        return self._under_one([member.start(rows, condition) for member in members_of(self)])

    def step(self, token: Token, state: State) -> tuple[Outputs, State]:
        """Let every member read the token."""
        after = []
        for k, member in enumerate(members_of(self)):
            after.append(member.step(token, state.part(str(k))))
        return self._under_one(after)

    def _under_one(self, each: list[tuple[Outputs, State]]) -> tuple[Outputs, State]:
        state = State.joined({str(k): own for k, (_, own) in enumerate(each)})
        return self._mean([outputs["logits"] for outputs, _ in each]), state

    def _mean(self, logits: list[Tensor]) -> Outputs:
        laws = torch.stack([each.log_softmax(-1) for each in logits])
        return {"logits": laws.logsumexp(0) - math.log(len(logits))}


def members_of(generator: Autoregressive) -> list[Autoregressive]:
    """Return the members of an ensemble; of any other generator, itself."""
    return list(generator.members) if isinstance(generator, Ensemble) else [generator]  # pyright: ignore
