"""LeakGAN's generator: a Manager sets goals in the discriminator's feature space, a Worker picks words that go there.

Axes: B batch, T time, V vocabulary, E embedding, H hidden, F features, k goal size, c window.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from tokengan.errors import UserError
from tokengan.generators.base import Condition, Outputs, State, Token, embed
from tokengan.generators.projected import Projected
from tokengan.generators.reader import Reader
from tokengan.modes import evaluating
from tokengan.sequences import Sequences
from tokengan.spec import Spec

__all__ = ["ManagerWorker"]

SEEN = "prefixes"  # among a batch's outputs


class ManagerWorker(Projected):
    """Two LSTMs (Guo et al. 2018). f_t are the discriminator's features of the first t tokens, read at every step.

    Manager: g_t = normalised linear layer on LSTM(f_0..f_t), a direction [F]. Worker: O_t = linear layer on
    LSTM(y_0..y_t-1), a matrix [V,k]. The goal that it follows is w_t = normalised psi(sum of c of the g), and

        G(. | y_<t) = softmax(O_t w_t + b).

    O_t is never made: O_t w_t is one linear layer on the outer product of the LSTM's state and w_t.
    """

    gives: ClassVar[frozenset[str]] = frozenset({"logits", "hidden", "goals", "features"})
    reads: ClassVar[frozenset[str]] = frozenset({"reader"})

    def __init__(
        self,
        spec: Spec,
        embedding: int = 32,
        hidden: int = 32,
        goal: int = 16,
        window: int = 4,
        goals: Literal["sliding", "piecewise"] = "sliding",
        dropout: float = 0.0,
        init_std: float | None = 0.1,
    ) -> None:
        """Build the network.

        Args:
            spec: Sizes and ids of the task, with the width of the discriminator's features.
            embedding: Width of the token embeddings, E.
            hidden: Width of both LSTMs, H.
            goal: Width of the goal that the Worker follows, k.
            window: Number of the Manager's goals that are summed, c, and the horizon that they are set for.
            goals: Which are summed: at every step the last c, the newest one among them (`sliding`, the paper), or for
                c steps those of the c steps before (`piecewise`, the authors' code), after one that is learnt.
            dropout: On the Worker's embeddings and before the output; off while writing and scoring.
            init_std: Every weight starts N(0, init_std); None keeps PyTorch's own start.
        """
        if not spec.features:
            raise UserError(
                "the generator ManagerWorker reads a discriminator's features at every step, and there is no "
                "discriminator that gives any: take it with a method that trains one (leakgan)"
            )
        if min(goal, window) < 1:
            raise ValueError(f"goal and window are at least 1, not {goal} and {window}")
        super().__init__(spec, embedding, (hidden + 1) * goal, tied=False)
        self.window, self.goals = window, goals
        self.manager = nn.LSTM(spec.features, hidden, batch_first=True)
        self.direction = nn.Linear(hidden, spec.features)
        self.worker = nn.LSTM(embedding, hidden, batch_first=True)
        self.psi = nn.Linear(spec.features, goal, bias=False)
        self.first = nn.Parameter(torch.empty(spec.features)) if goals == "piecewise" else None
        self.dropout = nn.Dropout(dropout)
        for parameter in self.parameters():
            if init_std is not None or parameter is self.first:
                nn.init.normal_(parameter, std=init_std or 0.1)
        for lstm in (self.manager, self.worker):  # one bias a gate, as in `LSTM`
            assert isinstance(lstm.bias_hh_l0, Tensor)
            nn.init.zeros_(lstm.bias_hh_l0).requires_grad_(False)

    # ---- who is who, for their optimisers

    @property
    def managers(self) -> list[nn.Parameter]:
        """The Manager's parameters."""
        return [*self.manager.parameters(), *self.direction.parameters()]

    @property
    def workers(self) -> list[nn.Parameter]:
        """All others: the Worker's, psi among them, and the learnt first goal."""
        managers = {id(parameter) for parameter in self.managers}
        return [parameter for parameter in self.parameters() if id(parameter) not in managers]

    # ---- all steps at once

    def seen(self, x: Sequences) -> Sequences:
        """Return the batch with the features of its prefixes, which hold until the discriminator changes.

        They are most of the work of `plan` and `score`, which read them there instead of making them once more.
        """
        return x.replace(outputs={**x.outputs, SEEN: self._features(x)})

    def _features(self, x: Sequences) -> Float[Tensor, "B T1 F"]:
        kept = x.outputs.get(SEEN)
        if kept is not None and kept.shape[1] == x.length + 1:  # not of a batch that was cut since
            return kept
        with self._reading() as reader:
            return reader.prefixes(x).to(self.psi.weight.dtype)

    def plan(self, x: Sequences) -> tuple[Float[Tensor, "B T F"], Float[Tensor, "B T1 F"]]:
        """Return the Manager's goals [B,T,F] and the features of the first 0 to T tokens [B,T+1,F], no gradient."""
        features = self._features(x)
        hidden, _ = self.manager(features[:, :-1])
        return self._aim(hidden), features

    def trace(self, x: Sequences) -> Outputs:
        """Return `hidden` [B,T,(H+1)k], `goals` and `features` [B,T,F]: those before each token."""
        goals, features = self.plan(x)
        hidden, _ = self.worker(self.dropout(self.read(x)))
        return {"hidden": self._meet(hidden, self._sums(goals)), "goals": goals, "features": features[:, :-1]}

    def hidden(self, x: Sequences) -> Float[Tensor, "B T H"]:
        """Return the outer products of the Worker's states and goals that the law is linear in."""
        return self.trace(x)["hidden"]

    def _sums(self, goals: Float[Tensor, "B T F"]) -> Float[Tensor, "B T F"]:
        """Return the sum of goals that the Worker follows at each step."""
        length, c = goals.shape[1], self.window
        if self.first is None:
            late = functional.pad(goals, (0, 0, c - 1, 0))
            return torch.stack([late[:, i : i + length] for i in range(c)]).sum(0)
        blocks = functional.pad(goals, (0, 0, 0, -length % c)).unflatten(1, (-1, c)).sum(2)
        late = torch.cat([self.first.expand(len(goals), 1, -1), blocks], dim=1)
        return late.repeat_interleave(c, dim=1)[:, :length]

    # ---- one step at a time

    def start(self, rows: int, condition: Condition) -> tuple[Outputs, State]:
        """Return the law of the first token and the state before it."""
        del condition
        weight = self.psi.weight
        with self._reading() as reader:
            features, judge = reader.start(rows)
        zero = weight.new_zeros(rows, self.direction.in_features)
        followed = weight.new_zeros(weight.shape[1]) if self.first is None else self.first
        goals = {"recent": weight.new_zeros(rows, self.window, weight.shape[1]), "sum": followed.expand(rows, -1)}
        blank = State({"h": zero, "c": zero})
        state = State.joined({"judge": judge, "manager": blank, "worker": blank, "goal": State(goals, {"read": 0})})
        token = torch.full((rows,), self.spec.start, device=weight.device)
        return self._advance(token, features.to(weight.dtype), state)

    def step(self, token: Token, state: State) -> tuple[Outputs, State]:
        """Read one token, and with it the discriminator's features of all so far; return the law of the next one."""
        with self._reading() as reader:
            features, judge = reader.step(token, state.part("judge"))
        parts = {name: state.part(name) for name in ("manager", "worker", "goal")}
        return self._advance(token, features.to(self.psi.weight.dtype), State.joined({**parts, "judge": judge}))

    def _advance(self, token: Token, features: Tensor, state: State) -> tuple[Outputs, State]:
        led, manager = _step(self.manager, features, state.part("manager"))
        aim = self._aim(led)
        goal = self._follow(aim, state.part("goal"))
        embedded = self.dropout(embed(self.embedding.weight, token))
        hidden, worker = _step(self.worker, embedded, state.part("worker"))
        outputs = {**self.project(self._meet(hidden, goal.rows["sum"])), "goals": aim, "features": features}
        return outputs, State.joined({"judge": state.part("judge"), "manager": manager, "worker": worker, "goal": goal})

    def _follow(self, aim: Float[Tensor, "B F"], state: State) -> State:
        """Return the last c goals [B,c,F] with a new one, and the sum that the Worker follows."""
        recent, followed, read = state.rows["recent"], state.rows["sum"], state.shared["read"]
        if self.first is not None and read > 0 and read % self.window == 0:
            followed = recent.sum(1)
        recent = torch.cat([recent[:, 1:], aim.unsqueeze(1)], dim=1)
        if self.first is None:
            followed = recent.sum(1)
        return State({"recent": recent, "sum": followed}, {"read": read + 1})

    # ---- what both faces share

    @contextmanager
    def _reading(self) -> Iterator[Reader]:
        """Give the discriminator as it judges: dropout off, no gradient, its own precision; all is put back after."""
        judge = self.lent.module
        with evaluating(judge), torch.no_grad(), torch.autocast(self.closed.device.type, enabled=False):
            yield judge

    def _aim(self, hidden: Float[Tensor, "*rows H"]) -> Float[Tensor, "*rows F"]:
        return functional.normalize(self.direction(hidden), dim=-1)

    def _meet(self, hidden: Float[Tensor, "*rows H"], goals: Float[Tensor, "*rows F"]) -> Float[Tensor, "*rows Hk"]:
        towards = functional.normalize(self.psi(goals), dim=-1)
        hidden = functional.pad(self.dropout(hidden), (0, 1), value=1.0)  # the 1 carries the bias of O_t
        return (hidden.unsqueeze(-1) * towards.unsqueeze(-2)).flatten(-2)


def _step(lstm: nn.LSTM, below: Tensor, state: State) -> tuple[Tensor, State]:
    before = (state.rows["h"].unsqueeze(0), state.rows["c"].unsqueeze(0))
    _, (h, c) = lstm(below.unsqueeze(1), before)
    return h[0], State({"h": h[0], "c": c[0]})
