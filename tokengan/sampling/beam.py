"""Beam search: the likeliest sequences rather than a draw.

Axes: B batch (rows), K beams, T time, V vocabulary.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tokengan.errors import UserError
from tokengan.generators.base import Autoregressive, Condition, rows_of
from tokengan.modes import evaluating
from tokengan.sampling.decoding import Decoding
from tokengan.sampling.draw import restrict, rows_at_once
from tokengan.sequences import Sequences, tidy

__all__ = ["beam", "penalty"]

NONE = -1e20  # below it a beam is none: it would have to write a closed id


def penalty(lengths: Int[Tensor, "*rows"], alpha: float) -> Float[Tensor, "*rows"]:
    """Return what a log-probability is divided by: ((5 + length) / 6)^alpha (Wu et al. 2016, equation 14).

    >>> penalty(torch.tensor([1, 7]), 1.0).tolist(), penalty(torch.tensor([1, 7]), 0.0).tolist()
    ([1.0, 2.0], [1.0, 1.0])
    """
    return ((5 + lengths.float()) / 6) ** alpha


@torch.no_grad()
def beam(
    generator: Autoregressive,
    rows: int,
    beams: int,
    *,
    condition: Condition | None = None,
    alpha: float = 0.6,
    decoding: Decoding = Decoding(),
) -> Sequences:
    """Return the `beams` best sequences that a beam search finds for each row, best first.

    At every step the continuations of all beams of a row compete, and the K of the highest score stay; a beam that
    ended competes with the score that it has and is not continued. With one beam that is greedy decoding; with as many
    as there are sequences it is exact.

    Args:
        generator: The writer.
        rows: Number of rows, B.
        beams: Number of beams of a row, K.
        condition: What is fixed during each sequence; nothing is drawn.
        alpha: The score is log p(x) / ((5 + length) / 6)^alpha: 0 asks for the likeliest sequence, more for longer
            ones.
        decoding: Which ids are forbidden, and how the law is changed before it is searched.

    Returns:
        K blocks of all rows (`copies` = K), the best of each row in the first, with `logp` of each token. A row with
        fewer than K sequences has empty ones (mask False) in the last blocks.
    """
    if beams < 1:
        raise UserError(f"beams is {beams}: search with 1 or more")
    condition, spec, device = condition or {}, generator.spec, generator.closed.device
    size = max(rows_at_once(spec.vocab_size) // beams, 1)
    parts = []
    with evaluating(generator):
        for first in range(0, rows, size):
            own = slice(first, min(first + size, rows))
            parts.append(_beam(generator, own.stop - first, beams, rows_of(condition, own), alpha, decoding))
    found = Sequences.cat(parts, spec.pad or 0).select(torch.arange(rows * beams).view(rows, beams).T.flatten())
    given = Sequences(torch.zeros(rows, 1, device=device), torch.ones(rows, 1, device=device) > 0, condition=condition)
    return found.replace(condition=given.repeat(beams).condition, copies=beams)


def _beam(
    generator: Autoregressive, rows: int, beams: int, condition: Condition, alpha: float, decoding: Decoding
) -> Sequences:
    """Return the beams of every row, row after row."""
    spec, device = generator.spec, generator.closed.device
    outputs, state = generator.start(rows, condition)
    law = restrict(outputs["logits"], decoding).log_softmax(-1)  # of the open beams alone
    size = law.shape[1]
    # Every row begins with one beam, and K - 1 that are none.
    place = torch.arange(rows * beams, device=device)
    totals = torch.where(place % beams == 0, 0.0, -torch.inf).to(law)
    lengths = torch.zeros_like(place)
    tokens = torch.full((rows * beams, spec.max_length), spec.pad or 0, device=device)
    logp = law.new_zeros(tokens.shape)
    opened = place[::beams]
    for t in range(spec.max_length):
        # A beam that ended has one continuation, which stands in the first column and adds nothing.
        step = law.new_full((rows * beams, size), -torch.inf)
        step[:, 0] = 0.0
        step[opened] = law
        after = lengths.index_add(0, opened, torch.ones_like(opened))
        scores = (totals.unsqueeze(1) + step) / penalty(after, alpha).unsqueeze(1)
        best = scores.view(rows, -1).topk(beams, dim=1).indices
        origin = (best // size + place[::beams].unsqueeze(1)).flatten()
        token = (best % size).flatten()
        grown = (after > lengths)[origin]
        tokens, logp, lengths = tokens[origin], logp[origin], after[origin]
        tokens[:, t] = torch.where(grown, token, tokens[:, t])
        logp[:, t] = torch.where(grown, step[origin, token], 0.0)
        totals = totals[origin] + step[origin, token]
        totals = totals.masked_fill(totals < NONE, -torch.inf)
        alive = grown & (totals > NONE) & (token != (-1 if spec.end is None else spec.end))
        read = torch.zeros_like(place).index_copy(0, opened, torch.arange(len(opened), device=device))[origin[alive]]
        opened = place[alive]
        if t + 1 == spec.max_length or len(opened) == 0:
            break
        outputs, state = generator.step(token[alive], state.select(read))
        law = restrict(outputs["logits"], decoding).log_softmax(-1)
    tokens, mask = tidy(tokens, spec)
    mask = mask & (totals > NONE).unsqueeze(1)
    return Sequences(tokens.masked_fill(~mask, spec.pad or 0), mask, logp=logp.masked_fill(~mask, 0.0))
