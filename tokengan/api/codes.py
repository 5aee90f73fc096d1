"""Texts by way of their latent codes: written again from the code, and on the line between two codes.

Axes: B batch, Z latent units.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor

from tokengan.errors import UserError
from tokengan.generators.posterior import LATENT, Inferring
from tokengan.methods.base import Method
from tokengan.modes import evaluating
from tokengan.noise import Noise, seeded
from tokengan.sampling.decoding import Decoding
from tokengan.sampling.write import write
from tokengan.sequences import Sequences

__all__ = ["between", "codes_of", "decoded", "inferring"]


def inferring(method: Method, run: str) -> Inferring:
    """Return the generator of a method. Raises UserError, naming the run, where it infers no code."""
    if not isinstance(method.writer, Inferring):
        raise UserError(
            f"{run} has no latent code ({type(method.writer).__name__}): texts can be written again and between one "
            "another by a run of the method vae"
        )
    return method.writer


@torch.no_grad()
def codes_of(generator: Inferring, batches: Iterable[Sequences]) -> Float[Tensor, "B Z"]:
    """Return the posterior means of all rows."""
    with evaluating(generator):
        return torch.cat([generator.infer(x).mean for x in batches])


def decoded(method: Method, generator: Inferring, codes: Float[Tensor, "B Z"]) -> list[str]:
    """Return the texts that take the likeliest token at every place, UNK apart, from these codes."""
    forbid = () if method.spec.unk is None else (method.spec.unk,)
    noise = Noise(seeded("decode", 0, codes.device))
    greedy = Decoding(greedy=True, forbid=forbid)
    return method.task.decode(write(generator, len(codes), noise, greedy, condition={LATENT: codes}))


def between(ends: Float[Tensor, "2 Z"], n: int) -> Float[Tensor, "n Z"]:
    """Return n codes on the straight line from the first to the second, both among them.

    >>> between(torch.tensor([[0.0], [1.0]]), 3).flatten().tolist()
    [0.0, 0.5, 1.0]
    """
    if n < 2:
        raise UserError(f"n is {n}: an interpolation has 2 texts or more, the first and the last among them")
    return torch.lerp(ends[:1], ends[1:], torch.linspace(0, 1, n, dtype=ends.dtype, device=ends.device).unsqueeze(1))
