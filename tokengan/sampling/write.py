"""The one loop that writes: every decoding, every generator, forced tokens included.

Axes: B batch (rows), T time, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import nullcontext

import torch
from torch import Tensor

from tokengan.generators.base import Autoregressive, Condition, Generator, State, rows_of
from tokengan.modes import evaluating
from tokengan.noise import Noise
from tokengan.sampling.decoding import Decoding
from tokengan.sampling.draw import draw, restrict, rows_at_once
from tokengan.sampling.relax import Relaxed
from tokengan.sequences import Sequences, tidy

__all__ = ["write"]


def write(
    generator: Generator,
    rows: int,
    noise: Noise,
    decoding: Decoding = Decoding(),
    *,
    condition: Condition | None = None,
    force: tuple[Tensor, Tensor] | None = None,
    relax: Callable[[Tensor, Tensor], Relaxed] | None = None,
    keep: Collection[str] = (),
    grad: bool = False,
    cap: int | None = None,
) -> Sequences:
    """Return `rows` sequences, written one token at a time, or as the generator itself writes where it has no steps.

    Args:
        generator: The writer.
        rows: Number of sequences, B.
        noise: Where the uniforms come from; all are drawn before the loop, so the same row gets the same tokens
            whatever the cap.
        decoding: How tokens are drawn.
        condition: What is fixed during each sequence (label, source); the generator's prior draws what is missing.
        force: Tokens [B,T] and where [B,T] they are taken instead of a draw (prompts, prefixes, scheduled sampling).
        relax: Makes a relaxed draw of logits [B,V] and uniforms [B,V] instead (`GumbelSoftmax.draw` at an iteration);
            what it shows is stacked in `soft`. All rows are written together.
        keep: Outputs of every step to stack over time into `outputs` (`logits`, `hidden` ...).
        grad: Whether the steps are recorded for a gradient. Without it, dropout is off.
        cap: Most rows held at once, a limit on memory, None for `rows_at_once`; with `grad` or `keep` all rows are
            written together.

    Returns:
        Tokens padded after EOS, mask, `chosen` (what was drawn rather than forced) and `logp` under the law drawn from,
        0 for the rest.
    """
    # The prior is asked for all it draws whatever is given, so that the stream is at one place after either.
    condition = {**generator.prior(rows, noise), **(condition or {})}
    if not isinstance(generator, Autoregressive):
        if relax is not None or force is not None or grad or keep:
            raise TypeError(f"{type(generator).__name__} writes whole sequences: nothing is forced, relaxed or kept")
        with evaluating(generator), torch.no_grad():
            return generator.write(rows, noise, decoding, condition)
    if relax is not None and force is not None:
        raise ValueError("tokens are forced or relaxed, not both")
    device = generator.closed.device
    length = generator.spec.max_length if force is None else force[0].shape[1]
    # As many for every batch, however short its forced rows are, so that the stream is at one place in all processes.
    each = 1 if relax is None else generator.spec.vocab_size
    uniforms = noise.uniforms(rows, generator.spec.max_length * each)[:, : length * each].to(device)
    size = rows if grad or keep or relax else max(cap or rows_at_once(generator.spec.vocab_size), 1)
    with nullcontext() if grad else evaluating(generator), torch.set_grad_enabled(grad):
        parts = []
        for first in range(0, rows, size):
            own = slice(first, first + size)
            part = rows_of(condition, own)
            forced = None if force is None else (force[0][own], force[1][own])
            parts.append(_write(generator, uniforms[own], decoding, part, forced, relax, keep))
    return Sequences.cat(parts, generator.spec.pad or 0) if len(parts) > 1 else parts[0]


def _write(
    generator: Autoregressive,
    uniforms: Tensor,
    decoding: Decoding,
    condition: Condition,
    force: tuple[Tensor, Tensor] | None,
    relax: Callable[[Tensor, Tensor], Relaxed] | None,
    keep: Collection[str],
) -> Sequences:
    spec, rows = generator.spec, len(uniforms)
    length = uniforms.shape[1] // (1 if relax is None else spec.vocab_size)
    uniforms = uniforms.view(rows, length, -1)
    tokens = uniforms.new_full((rows, length), spec.pad or 0, dtype=torch.long)
    logp, shown = uniforms.new_zeros(rows, length), []
    kept: dict[str, list[Tensor]] = {name: [] for name in keep}
    outputs, state = generator.start(rows, condition)
    writing = torch.arange(rows, device=tokens.device)
    for t in range(length):
        if relax is None:
            token, logp_t = draw(outputs["logits"].detach(), uniforms[writing, t, 0], decoding)
            fed = token
        else:
            law = restrict(outputs["logits"], decoding)
            drawn = relax(law, uniforms[:, t])
            token, fed = drawn.token, drawn.fed
            logp_t = law.detach().log_softmax(-1).gather(1, token.unsqueeze(1)).squeeze(1)
            shown.append(drawn.shown)
        if force is not None:
            given = force[1][writing, t]
            token, logp_t = torch.where(given, force[0][writing, t], token), logp_t.masked_fill(given, 0.0)
            fed = token
        tokens[writing, t], logp[writing, t] = token, logp_t
        for name in keep:
            kept[name].append(outputs[name])
        if t + 1 == length:
            break
        if spec.end is not None and not keep and relax is None:
            writing, fed, state = _drop_ended(writing, token, state, spec.end)
            if len(writing) == 0:
                break
        outputs, state = generator.step(fed, state)
    tokens, mask = tidy(tokens, spec)
    chosen = mask if force is None else mask & ~force[1]
    stacked = {name: torch.stack(values, dim=1) for name, values in kept.items()}
    soft = torch.stack(shown, dim=1) if shown else None
    return Sequences(tokens, mask, chosen, condition, logp=logp.masked_fill(~mask, 0.0), soft=soft, outputs=stacked)


def _drop_ended(writing: Tensor, token: Tensor, state: State, end: int) -> tuple[Tensor, Tensor, State]:
    """Leave out the rows that have just ended; nothing more is computed for them."""
    alive = (token != end).nonzero().squeeze(1)
    if len(alive) == len(writing):
        return writing, token, state
    return writing[alive], token[alive], state.select(alive)
