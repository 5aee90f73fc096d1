"""Relational memory generator (Santoro et al. 2018's core, as RelGAN has it: Nie, Narodytska & Patel, ICLR 2019).

Axes: B batch, T time, V vocabulary, E embedding, S slots, N heads, M = memory width, N times the head size.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from tokengan.generators.base import Condition, Outputs, State, Token
from tokengan.generators.projected import Projected
from tokengan.sequences import Sequences
from tokengan.spec import Spec

__all__ = ["RelationalMemory", "narrow_normal"]


def narrow_normal(network: nn.Module) -> None:
    """Give every layer RelGAN's start: weights N(0, 1/fan_in) cut at two standard deviations, biases 0.

    The fan-in of an embedding is the number of words, as of a matrix that multiplies one-hot rows; a convolution has
    twice the variance.

    >>> layer = nn.Linear(100, 100)
    >>> narrow_normal(layer)
    >>> bool(0.08 < layer.weight.std() < 0.1), layer.weight.abs().max().item() <= 0.2
    (True, True)
    """
    for part in network.modules():
        if isinstance(part, nn.Linear | nn.Conv1d):
            fan_in, gain = part.weight[0].numel(), 1 if isinstance(part, nn.Linear) else 2
            if part.bias is not None:
                nn.init.zeros_(part.bias)
        elif isinstance(part, nn.Embedding):
            fan_in, gain = part.num_embeddings, 1
        else:
            continue
        std = math.sqrt(gain / fan_in)
        nn.init.trunc_normal_(part.weight, std=std, a=-2 * std, b=2 * std)


class JointNorm(nn.LayerNorm):
    """Layer norm over all rows of a memory together, with a gain and a bias for each unit: TensorFlow 1's."""

    def forward(self, input: Tensor) -> Tensor:
        """Return the normalised rows [B,S,M]."""
        return functional.layer_norm(input, input.shape[-2:], eps=self.eps) * self.weight + self.bias


class RelationalMemory(Projected):
    """Slots of memory that attend to each other and to the token read, behind an LSTM's gates.

    With x = W e + b of the token's embedding, memory rows M, and rows R = [M; x]:

        q, k, v = norm(R W_qkv)                          one norm over the three together
        A = norm(R + softmax(c q k') v)                  c = (2 key + head)^-1/2
        C = norm(A + MLP(A))                             the row of x is then dropped
        i, f = sigmoid(U_i x + V_i tanh M), sigmoid(U_f x + V_f tanh M + 1)
        M' = i tanh C + f M,   logits = W_o [M'_1 .. M'_S] + b_o

    The first memory is the identity's first rows, filled up with zeros.

    >>> generator = RelationalMemory(Spec(vocab_size=10, max_length=4), slots=2, heads=2, head_size=3)
    >>> outputs, state = generator.start(5, {})
    >>> outputs["logits"].shape, state.rows["memory"].shape
    (torch.Size([5, 10]), torch.Size([5, 2, 6]))
    """

    def __init__(
        self,
        spec: Spec,
        embedding: int = 32,
        slots: int = 1,
        heads: int = 2,
        head_size: int = 256,
        key_size: int | None = None,
        joint_norm: bool = False,
        forget_bias: float = 1.0,
        input_bias: float = 0.0,
        dropout: float = 0.0,
    ) -> None:
        """Build the network.

        Args:
            spec: Sizes and ids of the task.
            embedding: Width of the token embeddings, E.
            slots: Rows of memory, S.
            heads: Attention heads, N.
            head_size: Width of a head's values; the memory is N times as wide.
            key_size: Width of a head's keys and queries; None takes `head_size`.
            joint_norm: Normalise over the memory's rows together, as the authors' TensorFlow does. Else every row by
                itself: then the token's row matters to the others by its key and value alone.
            forget_bias: Added to the forget gate before the sigmoid; not learnt.
            input_bias: Added to the input gate.
            dropout: On the embeddings and before the output; off while writing and scoring (the paper has none).
        """
        width, key = heads * head_size, head_size if key_size is None else key_size
        super().__init__(spec, embedding, slots * width, tied=False)
        self.slots, self.heads, self.key, self.row, self.joint = slots, heads, key, width, joint_norm
        self.scale = (2 * key + head_size) ** -0.5
        self.forget_bias, self.input_bias = forget_bias, input_bias
        norm = JointNorm if joint_norm else nn.LayerNorm
        self.enters = nn.Linear(embedding, width)
        self.attends = nn.Linear(width, heads * (2 * key + head_size), bias=False)
        self.normed = norm(self.attends.out_features)
        self.after_mix, self.after_mlp = norm(width), norm(width)
        self.widen, self.narrow = nn.Linear(width, width), nn.Linear(width, width)
        self.gates_of_input = nn.Linear(width, 2 * width, bias=False)
        self.gates_of_memory = nn.Linear(width, 2 * width, bias=False)
        self.dropout = nn.Dropout(dropout)
        narrow_normal(self)

    def hidden(self, x: Sequences) -> Float[Tensor, "B T H"]:
        """Return the memory, its rows side by side, before each token of `x`."""
        read = self._read(self.read(x))  # of all tokens at once: only what needs the memory is left to the loop
        memory, kept = self._first(len(x)), []
        for t in range(x.length):
            memory = self._advance(memory, read[:, t])
            kept.append(memory)
        return self.dropout(torch.stack(kept, dim=1).flatten(2))

    def start(self, rows: int, condition: Condition) -> tuple[Outputs, State]:
        """Return the law of the first token and the memory before it."""
        del condition
        token = torch.full((rows,), self.spec.start, device=self.embedding.weight.device)
        # What depends on the token alone is much of a step: for a few sequences a table of all would cost more.
        many = rows * self.spec.max_length > self.spec.vocab_size
        table = self.table(self._read, self._read_width) if many else {}
        return self.step(token, State({"memory": self._first(rows)}, table))

    def step(self, token: Token, state: State) -> tuple[Outputs, State]:
        """Read one token and return the law of the next one."""
        memory = self._advance(state.rows["memory"], self.projected(self._read, token, state))
        return self.project(self.dropout(memory.flatten(1))), State({"memory": memory}, state.shared)

    def _first(self, rows: int) -> Tensor:
        eye = torch.eye(self.slots, self.row, dtype=self.enters.weight.dtype, device=self.enters.weight.device)
        return eye.expand(rows, -1, -1)

    def _read(self, embedded: Tensor) -> Tensor:
        """Return all that depends on the token alone: its row, or that row's key and value, and its gates' share."""
        row = self.enters(self.dropout(embedded))
        own = row if self.joint else self.normed(self.attends(row))[..., self.heads * self.key :]
        return torch.cat([own, self.gates_of_input(row)], dim=-1)

    @property
    def _read_width(self) -> int:
        own = self.row if self.joint else self.attends.out_features - self.heads * self.key
        return own + self.gates_of_input.out_features

    def _advance(self, memory: Float[Tensor, "B S M"], read: Float[Tensor, "B R"]) -> Float[Tensor, "B S M"]:
        """Return the memory after a token of which `_read` said all there is to say."""
        read = read.unsqueeze(1)
        own, gates = read.split([read.shape[-1] - 2 * self.row, 2 * self.row], dim=-1)
        rows = torch.cat([memory, own], dim=1) if self.joint else memory
        both = self.normed(self.attends(rows))
        query, key_value = both.split([self.heads * self.key, both.shape[-1] - self.heads * self.key], dim=-1)
        key_value = key_value if self.joint else torch.cat([key_value, own], dim=1)
        rows = self.after_mix(rows + self._mix(query, key_value))
        rows = self.after_mlp(rows + self.narrow(self.widen(rows).relu()))
        enter, keep = (self.gates_of_memory(memory.tanh()) + gates).chunk(2, dim=-1)
        enter, keep = (enter + self.input_bias).sigmoid(), (keep + self.forget_bias).sigmoid()
        return enter * rows[:, : self.slots].tanh() + keep * memory

    def _mix(self, query: Tensor, key_value: Tensor) -> Tensor:
        """Return what each row of queries [B,Q,N key] draws from all rows' keys and values, all heads at once."""
        key, value = key_value.split([self.heads * self.key, self.row], dim=-1)
        query, key, value = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in (query, key, value))
        weights = (query @ key.mT * self.scale).softmax(-1)
        return (weights @ value).transpose(1, 2).flatten(2)
