"""What every generator is. Two faces, one distribution: `forward` in parallel, `start` and `step` one token at a time.

Axes: B batch, T time, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from tokengan.borrowed import Borrowed
from tokengan.sequences import Sequences
from tokengan.spec import Spec

if TYPE_CHECKING:
    from tokengan.noise import Noise

__all__ = ["Autoregressive", "Condition", "Generator", "Outputs", "State", "Token", "embed", "on_device", "rows_of"]

Outputs = dict[str, Tensor]
Condition = Mapping[str, Any]
# What `step` reads: ids, or relaxed tokens (rows of weights over the vocabulary that sum to 1).
Token = Int[Tensor, " B"] | Float[Tensor, "B V"]


@dataclass(frozen=True)
class State:
    """What a generator remembers of the tokens so far. Never changed in place, so a kept state stays valid.

    Args:
        rows: Tensors with one entry a row, batch first.
        shared: What holds for all rows (a table computed once per call).

    >>> State({"h": torch.zeros(2, 3)}).repeat(2).rows["h"].shape
    torch.Size([4, 3])
    """

    rows: dict[str, Tensor]
    shared: dict[str, Any] = field(default_factory=dict)

    def select(self, index: Tensor) -> State:
        """Return the state of some rows."""
        return State({name: value[index] for name, value in self.rows.items()}, self.shared)

    def repeat(self, copies: int) -> State:
        """Return `copies` blocks of all rows, block after block."""
        rows = {name: value.repeat(copies, *[1] * (value.dim() - 1)) for name, value in self.rows.items()}
        return State(rows, self.shared)

    def under(self, other: State) -> State:
        """Return the rows of both, the other's last. Both have read equally many tokens."""
        rows = {name: torch.cat([value, other.rows[name]]) for name, value in self.rows.items()}
        return State(rows, self.shared)

    def part(self, name: str) -> State:
        """Return the state of one of several networks whose states `joined` put together."""
        own = f"{name}."

        def parts(values: dict[str, Any]) -> dict[str, Any]:
            return {key.removeprefix(own): value for key, value in values.items() if key.startswith(own)}

        return State(parts(self.rows), parts(self.shared))

    @staticmethod
    def joined(states: Mapping[str, State]) -> State:
        """Return the states of several networks as one.

        >>> both = State.joined({"a": State({"h": torch.zeros(2, 3)}), "b": State({"h": torch.ones(2, 1)})})
        >>> sorted(both.rows), both.part("b").rows["h"].shape
        (['a.h', 'b.h'], torch.Size([2, 1]))
        """
        rows = {f"{name}.{key}": value for name, state in states.items() for key, value in state.rows.items()}
        shared = {f"{name}.{key}": value for name, state in states.items() for key, value in state.shared.items()}
        return State(rows, shared)


class Generator(nn.Module):
    """Anything that writes sequences.

    Attributes:
        density: Whether log-probabilities of a sequence are `exact`, a `bound`, or `none`.
        needs: Names of the conditions it cannot do without.
        reads: What it reads of other networks of the method while it writes; `reader`: the discriminator's features of
            what was written so far (`generators.reader.Reader`). The method lends it that network, as `lent`.
        gives: Names of its outputs: `logits` [B,T,V] for one that writes token by token, `hidden` [B,T,H] where there
            are some.
        width: Width H of the hidden states it gives, 0 for none.
    """

    density: ClassVar[Literal["exact", "bound", "none"]] = "none"
    gives: ClassVar[frozenset[str]] = frozenset()
    width: int = 0
    needs: ClassVar[frozenset[str]] = frozenset()
    reads: ClassVar[frozenset[str]] = frozenset()
    lent: Borrowed[Any]

    closed: Tensor

    def __init__(self, spec: Spec) -> None:
        """Keep the sizes and which ids are closed."""
        super().__init__()
        self.spec = spec
        # Added to the output bias. Finite, also when divided by a low temperature: 0 * -inf in an entropy would be NaN.
        closed = torch.zeros(spec.vocab_size)
        closed[list(spec.never)] = -1e30
        self.register_buffer("closed", closed, persistent=False)

    def prior(self, rows: int, noise: Noise) -> Condition:
        """Return the conditions that the generator draws itself (latents); none by default."""
        del rows, noise
        return {}

    def write(self, rows: int, noise: Noise, decoding: Any, condition: Condition) -> Sequences:
        """Return whole sequences: for a generator that does not write one token at a time.

        Args:
            rows: Number of sequences, B.
            noise: Where the uniforms come from.
            decoding: How is drawn, a `Decoding`; one that the generator cannot follow is refused with a UserError.
            condition: What is fixed during each sequence, the generator's own prior in it.
        """
        raise NotImplementedError(f"{type(self).__name__} neither steps nor writes")

    def bound(self, x: Sequences, noise: Noise, samples: int = 1, temperature: float = 1.0) -> Float[Tensor, " B"]:
        """Return a lower bound on log p(x), nats per sequence: for a generator whose density is a `bound`.

        Args:
            x: Sequences; the conditions that the generator's prior draws are not needed.
            noise: Where the uniforms come from.
            samples: Draws for each sequence, S: the more, the tighter.
            temperature: Divides the logits.
        """
        raise NotImplementedError(f"the density of a {type(self).__name__} is {self.density}")


class Autoregressive(Generator):
    """A generator whose law is a product of next-token laws.

    `forward(x)["logits"][:, t]` is the law of `x.tokens[:, t]` given the tokens before it; the start symbol and the
    shift by one are the generator's own business. Ids that may never be written (`spec.never`) have probability 0.
    """

    density: ClassVar[Literal["exact", "bound", "none"]] = "exact"
    gives: ClassVar[frozenset[str]] = frozenset({"logits"})

    def forward(self, x: Sequences) -> Outputs:
        """Return outputs for every position at once: `logits` [B,T,V] and whatever else the network offers.

        By default the loop over `step`, feeding the tokens of `x`, the relaxed ones where it has them.
        """
        tokens = x.tokens if x.soft is None else x.soft
        outputs, state = self.start(len(x), x.condition)
        kept = [outputs]
        for t in range(x.length - 1):
            outputs, state = self.step(tokens[:, t], state)
            kept.append(outputs)
        return {name: torch.stack([one[name] for one in kept], dim=1) for name in kept[0]}

    def score(self, x: Sequences, temperature: float = 1.0) -> Outputs:
        """Return `logp` and `entropy` [B,T] of the tokens of `x` under the law that a temperature draws from.

        Entries outside the mask mean nothing; the entropy carries no gradient.
        """
        outputs = self(x)
        law = (outputs["logits"] / temperature).log_softmax(-1)
        entropy = -torch.linalg.vecdot(law.detach().exp(), law.detach())
        return {**outputs, "logp": law.gather(-1, x.tokens.unsqueeze(-1)).squeeze(-1), "entropy": entropy}

    def start(self, rows: int, condition: Condition) -> tuple[Outputs, State]:
        """Return the law of the first token, `logits` [rows,V], and the state before it."""
        raise NotImplementedError

    def step(self, token: Token, state: State) -> tuple[Outputs, State]:
        """Read one token (ids [B], or relaxed [B,V]) and return the law of the next one and the new state."""
        raise NotImplementedError


def rows_of(condition: Condition, index: Tensor | slice) -> Condition:
    """Return some rows of a condition."""
    return {
        name: value.select(index) if isinstance(value, Sequences) else value[index] for name, value in condition.items()
    }


def on_device(condition: Condition, device: torch.device) -> Condition:
    """Return a condition on a device."""
    return {name: value.to(device) for name, value in condition.items()}


def embed(
    table: Float[Tensor, "V E"], token: Int[Tensor, "*rows"] | Float[Tensor, "*rows V"]
) -> Float[Tensor, "*rows E"]:
    """Return the embedding of ids [...] or the mixture of embeddings of relaxed tokens [..., V].

    >>> table = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    >>> embed(table, torch.tensor([1])).tolist(), embed(table, torch.tensor([[0.5, 0.5]])).tolist()
    ([[0.0, 1.0]], [[0.5, 0.5]])
    """
    return token.to(table.dtype) @ table if token.is_floating_point() else functional.embedding(token, table)
