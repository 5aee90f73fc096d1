"""Completions of every prefix of a batch, from cached states, under a memory cap.

Axes: P prefixes, N copies, B batch, T time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from tokengan.generators.base import Autoregressive, Outputs, State
from tokengan.modes import evaluating
from tokengan.noise import Noise
from tokengan.sampling.decoding import Decoding
from tokengan.sampling.draw import draw, rows_at_once
from tokengan.sequences import Sequences, tidy

__all__ = ["rollouts"]


@torch.no_grad()
def rollouts(
    generator: Autoregressive,
    x: Sequences,
    n: int,
    noise: Noise,
    decoding: Decoding = Decoding(),
    *,
    lengths: Sequence[int] | None = None,
    cap: int | None = None,
) -> Iterator[tuple[list[int], Sequences]]:
    """Yield completed sequences, some prefix lengths at a time.

    Each item is a list of P prefix lengths and a batch of P*c*B rows, prefix after prefix, in each of them copy after
    copy of the whole batch (`copies` = P*c); over all items every prefix gets its `n` copies. A row that ended within
    its prefix comes back as it is. One pass over `x` leaves the state after every prefix, so nothing is read twice;
    inside an item all prefixes advance together, the rows of prefix t joining at time t.

    Args:
        generator: Who completes.
        x: The batch whose prefixes are completed.
        n: Completions of each prefix, N.
        noise: Where the uniforms come from: the completions are the same for every cap.
        decoding: How tokens are drawn.
        lengths: Prefix lengths, ascending; None takes 1 to T-1.
        cap: Most rows held at once, None for `rows_at_once`; at least one copy of the batch is.
    """
    wanted = list(range(1, x.length)) if lengths is None else sorted(set(lengths))
    if wanted and not 0 < wanted[0] <= wanted[-1] < generator.spec.max_length:
        raise ValueError(f"prefix lengths must lie between 1 and {generator.spec.max_length - 1}, not {wanted}")
    cap = cap or rows_at_once(generator.spec.vocab_size)
    together = max(cap // (n * len(x)), 1)
    parts = 1 if together > 1 else -(-n // max(cap // len(x), 1))
    with evaluating(generator):
        prefixes = _prefix_states(generator, x, wanted)
        for first in range(0, len(wanted), together):
            group = wanted[first : first + together]
            uniforms = [noise.uniforms(len(x), generator.spec.max_length, n).to(x.tokens.device) for _ in group]
            starts = [next(prefixes) for _ in group]
            for own in torch.stack(uniforms).tensor_split(parts, dim=1):
                yield group, _complete(generator, x, group, starts, own, decoding)


def _prefix_states(generator: Autoregressive, x: Sequences, lengths: list[int]) -> Iterator[tuple[Outputs, State]]:
    """Yield, for each length, the law of the next token and the state after reading that many tokens of `x`."""
    outputs, state = generator.start(len(x), x.condition)
    read = 0
    for length in lengths:
        while read < length:
            outputs, state = generator.step(x.tokens[:, read], state)
            read += 1
        yield {"logits": outputs["logits"]}, state


def _complete(
    generator: Autoregressive,
    x: Sequences,
    group: list[int],
    starts: list[tuple[Outputs, State]],
    uniforms: Tensor,
    decoding: Decoding,
) -> Sequences:
    """Complete all copies of a group of prefixes; `uniforms` is [P,N,B,T]."""
    spec, (_, copies, rows, length) = generator.spec, uniforms.shape
    end = -1 if spec.end is None else spec.end
    tokens = x.tokens.new_full((len(group) * copies * rows, length), spec.pad or 0)
    for p, prefix in enumerate(group):
        tokens.view(len(group), copies, rows, length)[p, :, :, :prefix] = x.tokens[:, :prefix]
    block, joined = torch.arange(copies * rows, device=tokens.device), 0
    writing = token = block[:0]
    logits = uniforms[:0]
    state: State | None = None
    for t in range(group[0], length):
        if len(writing):
            token, _ = draw(logits, uniforms.flatten(0, 2)[writing, t], decoding)
        if joined < len(group) and group[joined] == t:
            start, kept = starts[joined]
            # All copies draw from one law: it is made once a row.
            first, _ = draw(start["logits"], uniforms[joined, :, :, t].T, decoding)
            # Rows that ended inside the prefix, and rows shorter than it, have nothing to write.
            unfinished = x.mask[:, t - 1] & (x.tokens[:, t - 1] != end)
            alive = unfinished.repeat(copies).nonzero().squeeze(1)
            new = kept.select(alive % rows)
            state = new if state is None or len(writing) == 0 else state.under(new)
            token = torch.cat([token, first.T.flatten()[alive]])
            writing = torch.cat([writing, joined * len(block) + block[alive]])
            joined += 1
        tokens[writing, t] = token
        if t + 1 == length or (len(writing) == 0 and joined == len(group)):
            break
        if state is None or len(writing) == 0:
            continue
        if spec.end is not None:
            alive = (token != spec.end).nonzero().squeeze(1)
            if len(alive) < len(writing):
                writing, token, state = writing[alive], token[alive], state.select(alive)
        outputs, state = generator.step(token, state)
        logits = outputs["logits"]
    tokens, mask = tidy(tokens, spec)
    fixed = x.replace(outputs={}, logp=None, soft=None).repeat(len(group) * copies)
    begun = torch.arange(length, device=tokens.device) < torch.tensor(group, device=tokens.device).unsqueeze(1)
    drawn = mask & ~begun.repeat_interleave(copies * rows, dim=0)
    return Sequences(tokens, mask, drawn, fixed.condition, fixed.columns, copies=fixed.copies)
