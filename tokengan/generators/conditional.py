"""One generator for all labels: the label is a token that is read first, and again with every other one.

Axes: B batch, T time, V vocabulary, K labels.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import one_hot, pad

from tokengan.generators.base import Autoregressive, Condition, Outputs, State, Token
from tokengan.generators.recurrent import LSTM
from tokengan.sequences import Sequences
from tokengan.spec import Net, Spec

__all__ = ["Conditional"]


class Conditional(Autoregressive):
    """p(x | y) of a member over V + K ids, the last K of which, the labels, it reads and never writes.

    It reads the label before the first token, and beside every token: a relaxed token with weight 1 on both, whose
    embedding is the sum of theirs. So any member that steps learns an embedding of each label, and nothing in it knows
    of labels. A task without labels leaves the member as it is.

    >>> generator = Conditional(Spec(vocab_size=10, max_length=4, labels=2))
    >>> x = Sequences(torch.zeros(2, 4, dtype=torch.long), torch.ones(2, 4, dtype=torch.bool))
    >>> generator(x.replace(condition={"label": torch.tensor([0, 1])}))["logits"].shape
    torch.Size([2, 4, 10])
    """

    def __init__(self, spec: Spec, member: Net[Autoregressive] = LSTM) -> None:
        """Build the member.

        Args:
            spec: Sizes and ids of the task.
            member: Factory of the generator that reads the label.
        """
        super().__init__(spec)
        self.extra = 1 if spec.labels else 0
        self.wide = spec.vocab_size + spec.labels
        self.member = member(replace(spec, vocab_size=self.wide, max_length=spec.max_length + self.extra, labels=0))
        for part in self.member.modules():
            if isinstance(part, Autoregressive):
                part.closed[spec.vocab_size :] = -1e30
        self.width = self.member.width
        self.gives, self.density = self.member.gives, self.member.density  # pyright: ignore[reportAttributeAccessIssue]
        self.needs = self.member.needs | ({"label"} if spec.labels else set())  # pyright: ignore[reportAttributeAccessIssue]

    def forward(self, x: Sequences) -> Outputs:
        """Return the member's outputs at the places after the label."""
        return self._narrow(self.member(self._with_label(x)))

    def score(self, x: Sequences, temperature: float = 1.0) -> Outputs:
        """Return the member's scores after the label, which itself is not scored."""
        return self._narrow(self.member.score(self._with_label(x), temperature))

    def start(self, rows: int, condition: Condition) -> tuple[Outputs, State]:
        """Let the member read the label; return its law of the first token."""
        outputs, state = self.member.start(rows, condition)
        if not self.extra:
            return outputs, state
        label = self._label(condition)
        outputs, state = self.member.step(label + self.spec.vocab_size, state)
        return self._cut(outputs), State(state.rows | {"label": label}, state.shared)

    def step(self, token: Token, state: State) -> tuple[Outputs, State]:
        """Let the member read a token and the label."""
        if not self.extra:
            return self.member.step(token, state)
        label = state.rows["label"]
        rows = {name: value for name, value in state.rows.items() if name != "label"}
        outputs, after = self.member.step(self._beside(token, label), State(rows, state.shared))
        return self._cut(outputs), State(after.rows | {"label": label}, after.shared)

    def _label(self, condition: Condition) -> Tensor:
        if "label" not in condition:
            raise ValueError('a conditional generator reads x.condition["label"], and these sequences have none')
        return condition["label"]

    def _beside(self, token: Tensor, label: Tensor) -> Tensor:
        """Return tokens [...] or [...,V] as relaxed ones with the label beside each [...,V+K]."""
        hot = token if token.is_floating_point() else one_hot(token, self.spec.vocab_size).to(self.closed.dtype)
        named = one_hot(label, self.spec.labels).to(hot.dtype)
        return pad(hot, (0, self.spec.labels)) + pad(named, (self.spec.vocab_size, 0))

    def _with_label(self, x: Sequences) -> Sequences:
        """Return the sequences with the label in front and beside each token; it counts as no token of theirs."""
        if not self.extra:
            return x
        label = self._label(x.condition).unsqueeze(1)
        first = label + self.spec.vocab_size
        read = self._beside(x.tokens if x.soft is None else x.soft, label)
        soft = torch.cat([one_hot(first, self.wide).to(read.dtype), read], dim=1)
        mask = torch.cat([x.mask.new_zeros(len(x), 1), x.mask], dim=1)
        return Sequences(torch.cat([first, x.tokens], dim=1), mask, condition=x.condition, soft=soft)

    def _narrow(self, outputs: Outputs) -> Outputs:
        return self._cut({name: value[:, self.extra :] for name, value in outputs.items()})

    def _cut(self, outputs: Outputs) -> Outputs:
        return outputs | {"logits": outputs["logits"][..., : self.spec.vocab_size]} if "logits" in outputs else outputs
