"""Pre-norm Transformer blocks (Vaswani et al. 2017; Radford et al. 2019), causal, cached, crossed or bidirectional.

Axes: B batch, T tokens read now, P tokens read before, S source tokens, E width, N heads, D = E/N.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["Blocks", "Cache"]

# Keys and values [B,N,P,D] of one block.
Cache = tuple[Tensor, Tensor]
LEAST = 16  # tokens that there is room for at first


@dataclass
class Room:
    """Memory behind the end of keys or values, and how many tokens of it are taken."""

    buffer: Tensor
    taken: int


def appended(past: Float[Tensor, "B N P D"], new: Float[Tensor, "B N T D"], most: int) -> Float[Tensor, "B N PT D"]:
    """Return what was read before and, behind it, what is read now, at most `most` tokens in all.

    Without a gradient nothing is copied where there is room behind `past` that nobody took yet: whoever goes on first
    from a kept state takes it, and whoever goes on from that state once more gets a copy.

    >>> past, one, two = (torch.full((1, 1, 1, 1), float(k)) for k in range(3))
    >>> first, second = appended(past, one, 4), appended(past, two, 4)
    >>> first.flatten().tolist(), second.flatten().tolist(), appended(first, two, 4).flatten().tolist()
    ([0.0, 1.0], [0.0, 2.0], [0.0, 1.0, 2.0])
    """
    if torch.is_grad_enabled() and (past.requires_grad or new.requires_grad):
        return torch.cat([past, new], dim=2)
    read, after = past.shape[2], past.shape[2] + new.shape[2]
    room: Room | None = getattr(past, "room", None)
    if room is None or room.taken != read or room.buffer.shape[2] < after:
        rows, heads, _, width = past.shape
        room = Room(past.new_empty(rows, heads, min(max(2 * after, LEAST), most), width), read)
        room.buffer[:, :, :read] = past
    room.buffer[:, :, read:after] = new
    room.taken = after
    whole = room.buffer[:, :, :after]
    whole.room = room  # pyright: ignore[reportAttributeAccessIssue]  # lost where rows are picked: they are a copy
    return whole


class Block(nn.Module):
    """a = h + W softmax(Q K' / sqrt(D)) V of norm(h), then a + MLP(norm(a)) with GELU.

    A crossed block does the same in between with K and V of a memory.
    """

    def __init__(self, width: int, heads: int, dropout: float, crossed: bool) -> None:
        super().__init__()
        self.heads = heads
        self.before_mix, self.before_mlp = nn.LayerNorm(width), nn.LayerNorm(width)
        self.project = nn.Linear(width, 3 * width)
        self.join = nn.Linear(width, width)
        self.widen, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        if crossed:
            self.before_cross = nn.LayerNorm(width)
            self.ask, self.remember = nn.Linear(width, width), nn.Linear(width, 2 * width)
            self.cross_join = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)

    def split(self, projected: Tensor, parts: int) -> Tensor:
        """Return `parts` tensors [B,N,T,D] out of one linear layer's output [B,T,parts*E]."""
        return projected.unflatten(-1, (parts, self.heads, -1)).permute(2, 0, 3, 1, 4)

    def forward(
        self,
        hidden: Tensor,
        past: Cache | None,
        mask: Tensor | None,
        causal: bool,
        memory: Cache | None,
        memory_mask: Tensor | None,
        most: int,
    ) -> tuple[Tensor, Cache]:
        """Return the new hidden states [B,T,E] and the keys and values of all tokens read so far, `most` at most."""
        query, key, value = self.split(self.project(self.before_mix(hidden)), 3)
        if past is not None:
            key, value = appended(past[0], key, most), appended(past[1], value, most)
        hidden = hidden + self._mix(query, (key, value), mask, causal, self.join)
        if memory is not None:
            (query,) = self.split(self.ask(self.before_cross(hidden)), 1)
            hidden = hidden + self._mix(query, memory, memory_mask, False, self.cross_join)
        wide = functional.gelu(self.widen(self.before_mlp(hidden)))
        return hidden + self.dropout(self.narrow(wide)), (key, value)

    def _mix(self, query: Tensor, seen: Cache, mask: Tensor | None, causal: bool, join: nn.Module) -> Tensor:
        rate = self.dropout.p if self.dropout.training else 0.0
        mixed = functional.scaled_dot_product_attention(query, *seen, mask, rate, causal)
        return self.dropout(join(mixed.transpose(1, 2).flatten(2)))


class Blocks(nn.Module):
    """Learned positions, dropout, blocks, a last norm.

    >>> blocks = Blocks(max_length=5, width=8, layers=2, heads=2)
    >>> whole, _ = blocks(torch.ones(1, 2, 8), causal=True)
    >>> first, past = blocks(torch.ones(1, 1, 8), causal=True)
    >>> second, _ = blocks(torch.ones(1, 1, 8), past)
    >>> torch.allclose(whole, torch.cat([first, second], dim=1), atol=1e-6)
    True
    """

    def __init__(
        self,
        max_length: int,
        width: int,
        layers: int,
        heads: int,
        dropout: float = 0.0,
        init_std: float = 0.02,
        crossed: bool = False,
    ) -> None:
        """Build the network.

        Args:
            max_length: Number of positions.
            width: Width of every layer, E, a multiple of `heads`.
            layers: Number of blocks, L.
            heads: Attention heads of a block.
            dropout: On the embeddings, the attention weights and what each block adds.
            init_std: Weights start N(0, init_std), those that write into the residual stream divided by sqrt(2 L).
            crossed: Whether the blocks also look at a memory, a source that was read.
        """
        super().__init__()
        if width % heads:
            raise ValueError(f"the width must be a multiple of the number of heads, not {width} of {heads}")
        self.positions = nn.Parameter(torch.empty(max_length, width))
        self.blocks = nn.ModuleList(Block(width, heads, dropout, crossed) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)
        for name, parameter in self.named_parameters():
            if parameter.dim() > 1:
                residual = name.endswith(("join.weight", "narrow.weight"))
                nn.init.normal_(parameter, std=init_std / math.sqrt(2 * layers) if residual else init_std)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def remember(self, memory: Float[Tensor, "B S E"]) -> list[Cache]:
        """Return every block's keys and values of a memory, computed once for all steps."""
        return [tuple(block.split(block.remember(memory), 2)) for block in self.blocks]  # pyright: ignore

    def forward(
        self,
        embedded: Float[Tensor, "B T E"],
        past: Sequence[Cache] = (),
        mask: Bool[Tensor, "B 1 #T S"] | None = None,
        causal: bool = False,
        memory: Sequence[Cache] = (),
        memory_mask: Bool[Tensor, "B 1 1 S"] | None = None,
    ) -> tuple[Float[Tensor, "B T E"], list[Cache]]:
        """Return hidden states and every block's keys and values.

        Args:
            embedded: Embeddings of the tokens to read.
            past: What this returned for the tokens before them; nothing is changed in it.
            mask: Which tokens may be looked at, or None for all.
            causal: Whether each token sees only itself and those before it.
            memory: What `remember` returned, for crossed blocks.
            memory_mask: Which tokens of the memory may be looked at.
        """
        read = past[0][0].shape[2] if past else 0
        after = read + embedded.shape[1]
        if after > len(self.positions):
            raise ValueError(
                f"a sequence of {after} tokens is longer than the {len(self.positions)} positions of the network: "
                "cut it, or build the network with a larger spec.max_length"
            )
        hidden = self.dropout(embedded + self.positions[read:after])
        caches: list[Cache] = []
        for k, block in enumerate(self.blocks):
            own, seen = past[k] if past else None, memory[k] if memory else None
            hidden, cache = block(hidden, own, mask, causal, seen, memory_mask, len(self.positions))
            caches.append(cache)
        return self.norm(hidden), caches
