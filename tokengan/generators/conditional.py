"""One generator for all labels: the label is a token that is read first (control codes, Keskar et al. 2019).

Axes: B batch, T time, V vocabulary, K labels.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import pad

from tokengan.generators.base import Autoregressive, Condition, Outputs, State, Token
from tokengan.generators.recurrent import LSTM
from tokengan.sequences import Sequences
from tokengan.spec import Net, Spec

__all__ = ["Conditional"]


class Conditional(Autoregressive):
    """p(x | y) = p(x | first token V + y): a member over V + K ids, the last K of which it reads and never writes.

    Any member that steps learns to read a label so, with an embedding of its own for each; nothing in it knows of
    labels. A task without labels leaves the member as it is.

    >>> generator = Conditional(Spec(vocab_size=10, max_length=4, labels=2))
    >>> x = Sequences(torch.zeros(2, 4, dtype=torch.long), torch.ones(2, 4, dtype=torch.bool))
    >>> generator(x.replace(condition={"label": torch.tensor([0, 1])}))["logits"].shape
    torch.Size([2, 4, 10])
    """

    def __init__(self, spec: Spec, member: Net[Autoregressive] = LSTM) -> None:
        """Build the member.

        Args:
            spec: Sizes and ids of the task.
            member: Factory of the generator that reads the label first.
        """
        super().__init__(spec)
        self.extra = 1 if spec.labels else 0
        wide = replace(
            spec, vocab_size=spec.vocab_size + spec.labels, max_length=spec.max_length + self.extra, labels=0
        )
        self.member = member(wide)
        for part in self.member.modules():
            if isinstance(part, Autoregressive):
                part.closed[spec.vocab_size :] = -1e30
        self.gives, self.width, self.density = self.member.gives, self.member.width, self.member.density
        self.needs = self.member.needs | ({"label"} if spec.labels else set())

    def forward(self, x: Sequences) -> Outputs:
        """Return the member's outputs at the places after the label."""
        return self._narrow(self.member(self._wide(x)))

    def score(self, x: Sequences, temperature: float = 1.0) -> Outputs:
        """Return the member's scores after the label, which itself is not scored."""
        return self._narrow(self.member.score(self._wide(x), temperature))

    def start(self, rows: int, condition: Condition) -> tuple[Outputs, State]:
        """Let the member read the label; return its law of the first token."""
        outputs, state = self.member.start(rows, condition)
        if self.extra:
            outputs, state = self.member.step(self._first(condition), state)
        return self._cut(outputs), state

    def step(self, token: Token, state: State) -> tuple[Outputs, State]:
        """Let the member read a token."""
        outputs, state = self.member.step(self._widened(token), state)
        return self._cut(outputs), state

    def _first(self, condition: Condition) -> Tensor:
        if "label" not in condition:
            raise ValueError('a conditional generator reads x.condition["label"], and these sequences have none')
        return condition["label"] + self.spec.vocab_size

    def _widened(self, token: Tensor) -> Tensor:
        return pad(token, (0, self.spec.labels)) if token.is_floating_point() else token

    def _wide(self, x: Sequences) -> Sequences:
        """Return the sequences with the label in front of each; it counts as no token of theirs."""
        if not self.extra:
            return x
        first = self._first(x.condition).unsqueeze(1)
        soft = x.soft
        if soft is not None:
            label = torch.nn.functional.one_hot(first, self.spec.vocab_size + self.spec.labels).to(soft.dtype)
            soft = torch.cat([label, self._widened(soft)], dim=1)
        real = x.mask.new_zeros(len(x), 1)
        return Sequences(
            torch.cat([first, x.tokens], dim=1), torch.cat([real, x.mask], dim=1), condition=x.condition, soft=soft
        )

    def _narrow(self, outputs: Outputs) -> Outputs:
        return self._cut({name: value[:, self.extra :] for name, value in outputs.items()})

    def _cut(self, outputs: Outputs) -> Outputs:
        return outputs | {"logits": outputs["logits"][..., : self.spec.vocab_size]} if "logits" in outputs else outputs
