"""A generator for each label, and one face for all of them (SentiGAN's k generators, Wang & Wan 2018).

Axes: B batch, T time, V vocabulary, K labels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn

from tokengan.generators.base import Autoregressive, Condition, Outputs, State, Token, rows_of
from tokengan.generators.recurrent import LSTM
from tokengan.sequences import Sequences
from tokengan.spec import Net, Spec

__all__ = ["PerLabel"]

Answer = TypeVar("Answer")


class PerLabel(Autoregressive):
    """p(x | y) = p_y(x): members that share nothing, each of which sees the rows of its own label alone.

    A task without labels has one member. Rows may stand in any order, and come back in the same.

    >>> generator = PerLabel(Spec(vocab_size=10, max_length=4, labels=2))
    >>> outputs, state = generator.start(3, {"label": torch.tensor([1, 0, 1])})
    >>> outputs["logits"].shape, torch.equal(outputs["logits"][0], outputs["logits"][2])
    (torch.Size([3, 10]), True)
    """

    def __init__(self, spec: Spec, member: Net[Autoregressive] = LSTM) -> None:
        """Build the members.

        Args:
            spec: Sizes and ids of the task; `labels` says how many members there are.
            member: Factory of one member.
        """
        super().__init__(spec)
        self.members = nn.ModuleList(member(spec) for _ in range(max(spec.labels, 1)))
        first = self._member(0)
        self.width = first.width
        self.gives, self.density = first.gives, first.density  # pyright: ignore[reportAttributeAccessIssue]
        self.needs = first.needs | ({"label"} if spec.labels else set())  # pyright: ignore[reportAttributeAccessIssue]

    def forward(self, x: Sequences) -> Outputs:
        """Return what the members say of their rows."""
        return self._together(self._labels(len(x), x.condition), lambda k, own: self._member(k)(x.select(own)))

    def score(self, x: Sequences, temperature: float = 1.0) -> Outputs:
        """Return the members' scores of their rows."""
        labels = self._labels(len(x), x.condition)
        return self._together(labels, lambda k, own: self._member(k).score(x.select(own), temperature))

    def start(self, rows: int, condition: Condition) -> tuple[Outputs, State]:
        """Return the laws of the first token and the members' states, the labels among them."""
        labels = self._labels(rows, condition)
        return self._stepped(
            labels, {}, lambda k, own: self._member(k).start(len(own), rows_of(condition, own)), labels
        )

    def step(self, token: Token, state: State) -> tuple[Outputs, State]:
        """Let every member read the tokens of its rows."""
        labels = state.rows["label"]
        rows = {name: value for name, value in state.rows.items() if name != "label"}

        def read(k: int, own: Tensor) -> tuple[Outputs, State]:
            return self._member(k).step(
                token[own], State({name: value[own] for name, value in rows.items()}, state.shared.get(str(k), {}))
            )

        return self._stepped(labels, state.shared, read, labels)

    def _member(self, k: int) -> Autoregressive:
        return self.members[k]  # pyright: ignore[reportReturnType]

    def _labels(self, rows: int, condition: Condition) -> Tensor:
        if not self.spec.labels:
            return torch.zeros(rows, dtype=torch.long, device=self.closed.device)
        if "label" not in condition:
            raise ValueError('a generator for each label reads x.condition["label"], and these sequences have none')
        return condition["label"]

    def _each(self, labels: Tensor, ask: Callable[[int, Tensor], Answer]) -> tuple[dict[int, Answer], Tensor]:
        """Return the answers of the members that have rows (of the first where nobody has), and the way back."""
        order = labels.argsort(stable=True)
        counts = labels.bincount(minlength=len(self.members)).tolist()
        parts = {k: own for k, own in enumerate(order.split(counts)) if len(own)} or {0: order}
        return {k: ask(k, own) for k, own in parts.items()}, order.argsort()

    def _together(self, labels: Tensor, ask: Callable[[int, Tensor], Outputs]) -> Outputs:
        answers, back = self._each(labels, ask)
        return _under_each_other(list(answers.values()), back)

    def _stepped(
        self, labels: Tensor, shared: dict, ask: Callable[[int, Tensor], tuple[Outputs, State]], kept: Tensor
    ) -> tuple[Outputs, State]:
        answers, back = self._each(labels, ask)
        outputs = _under_each_other([outputs for outputs, _ in answers.values()], back)
        rows = _under_each_other([state.rows for _, state in answers.values()], back)
        own = {str(k): state.shared for k, (_, state) in answers.items()}
        # A member that has no rows now keeps what it shared: some of an earlier, kept state may be its own.
        return outputs, State(rows | {"label": kept}, shared | own)


def _under_each_other(parts: list[Outputs], back: Tensor) -> Outputs:
    return {name: torch.cat([part[name] for part in parts])[back] for name in parts[0]}
