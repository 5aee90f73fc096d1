"""One token a row from its law, by inverse CDF from uniforms drawn beforehand.

Axes: B rows, V vocabulary, N draws of one row.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from tokengan.sampling.decoding import Decoding

__all__ = ["draw", "restrict", "rows_at_once"]

BLOCK = 64  # of the two levels of a cumulative sum, about the root of a vocabulary
BELOW_ONE = 1 - 2.0**-23


def rows_at_once(vocab_size: int, threads: int | None = None) -> int:
    """Return how many rows to draw for together: few enough that a step's logits stay in a processor's cache.

    Several threads (None takes PyTorch's number) wait for each other at the end of every operation: each then has twice
    as many rows, as long as there are not too many threads.

    >>> rows_at_once(5000, 1), rows_at_once(50, 1), rows_at_once(10**6, 1)
    (209, 4096, 32)
    >>> rows_at_once(5000, 2), rows_at_once(50, 2)
    (838, 4096)
    """
    threads = torch.get_num_threads() if threads is None else threads
    numbers = 2**20 if threads == 1 else min(threads * 2**21, 2**23)
    return min(max(numbers // vocab_size, 32), 4096)


def restrict(logits: Tensor, decoding: Decoding) -> Tensor:
    """Return float32 logits [B,V] of the law that a decoding draws from: tempered, and -inf for what it leaves out.

    >>> restrict(torch.tensor([[0.0, 1.0, 2.0]]), Decoding(top_k=1)).tolist()
    [[-inf, -inf, 2.0]]
    >>> (restrict(torch.tensor([[0.5, 0.3, 0.2]]).log(), Decoding(top_p=0.6)) > -torch.inf).tolist()  # .3 crosses .6
    [[True, True, False]]
    """
    logits = logits.float()
    if decoding.forbid:
        logits = logits.index_fill(-1, torch.tensor(decoding.forbid, device=logits.device), -torch.inf)
    if decoding.temperature not in (0, 1):
        logits = logits / decoding.temperature
    if 0 < decoding.top_k < logits.shape[-1]:
        ranks = logits.argsort(dim=-1, descending=True, stable=True).argsort(dim=-1)
        logits = logits.masked_fill(ranks >= decoding.top_k, -torch.inf)
    if decoding.top_p < 1:
        ordered, order = logits.sort(dim=-1, descending=True, stable=True)
        mass = ordered.softmax(-1)
        dropped = mass.cumsum(-1) - mass >= decoding.top_p
        dropped[..., 0] = False
        logits = logits.masked_fill(dropped.scatter(-1, order, dropped), -torch.inf)
    return logits


def draw(logits: Tensor, uniform: Tensor, decoding: Decoding) -> tuple[Tensor, Tensor]:
    """Return tokens and their log-probabilities under the law drawn from: one a row [B], or N [B,N] of [B,N] uniforms.

    The token is the first whose cumulative probability exceeds the uniform number. Cumulative sums are taken in two
    levels, over blocks and then inside one block, since a sum of V numbers a row is most of the cost of a draw.

    >>> logits = torch.tensor([[0.25, 0.75]] * 2).log()
    >>> tokens, logp = draw(logits, torch.tensor([0.2, 0.3]), Decoding())
    >>> tokens.tolist(), [round(p, 3) for p in logp.exp().tolist()]
    ([0, 1], [0.25, 0.75])
    >>> draw(logits, torch.tensor([[0.2, 0.3], [0.4, 0.1]]), Decoding())[0].tolist()
    [[0, 1], [1, 0]]
    """
    logits = restrict(logits, decoding)
    wanted = uniform if uniform.dim() == 2 else uniform.unsqueeze(1)
    rows, size = logits.shape
    if decoding.likeliest:
        tokens = logits.argmax(-1, keepdim=True).expand_as(wanted).reshape(uniform.shape)
        return tokens, torch.zeros_like(tokens, dtype=torch.float32)
    weights, width = logits.softmax(-1), _width(size)
    whole = size // width * width
    sums = weights[:, :whole].view(rows, -1, width).sum(-1)
    if whole < size:
        sums = torch.cat([sums, weights[:, whole:].sum(-1, keepdim=True)], dim=1)
    cumulative = sums.cumsum(-1)
    total = cumulative[:, -1:]
    target = wanted.to(total.dtype) * total
    block = _first_above(cumulative.unsqueeze(1), target)
    rest = target - (cumulative.gather(1, block) - sums.gather(1, block))
    places = block.unsqueeze(2) * width + torch.arange(width, device=logits.device)
    inside = weights.gather(1, places.clamp(max=size - 1).flatten(1)).view_as(places)
    if whole < size:
        inside = inside.masked_fill(places >= size, 0.0)
    tokens = block * width + _first_above(inside.cumsum(-1), rest)
    logp = weights.gather(1, tokens).log() - total.log()
    return tokens.view_as(uniform), logp.view_as(uniform)


@cache
def _width(size: int) -> int:
    """Return the width of a block: a divisor of the vocabulary near `BLOCK`, so that no shorter one is left over.

    >>> _width(5000), _width(4981)  # the second has no such divisor
    (50, 64)
    """
    near = [width for width in range(BLOCK // 2, 2 * BLOCK) if size % width == 0]
    return min(near, key=lambda width: abs(width - BLOCK), default=BLOCK)


def _first_above(cumulative: Tensor, target: Tensor) -> Tensor:
    """Return [B,N], the first place of [B,1 or N,K] whose cumulative weight exceeds the target.

    Rounding never picks a weight of 0: the target is held between 0 and just under the last sum. Then there is such a
    place, and its own weight is what took the sum above.
    """
    held = torch.minimum(target.clamp(min=0), cumulative[..., -1] * BELOW_ONE)
    return (cumulative <= held.unsqueeze(2)).sum(-1)
