"""Penalties on the slope of a critic at the embeddings: WGAN-GP's between real and fake, R1 at real ones.

Axes: B batch, T time, E embedding.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from tokengan.discriminators.base import Discriminator
from tokengan.losses.constraints import Constraint
from tokengan.modes import without_dropout
from tokengan.sequences import Sequences

__all__ = ["R1", "GradientPenalty", "between", "slopes"]


@contextmanager
def _twice_differentiable(discriminator: nn.Module) -> Iterator[None]:
    """Choose kernels that have a second derivative: cuDNN's recurrent ones and fused attention have none."""
    # Only where it must be: cuDNN's convolutions have one, and are many times faster than those without it.
    recurrent = any(isinstance(part, nn.RNNBase) for part in discriminator.modules())
    with sdpa_kernel(SDPBackend.MATH), torch.backends.cudnn.flags(enabled=False) if recurrent else nullcontext():
        yield


def slopes(discriminator: Discriminator, embedded: Tensor, x: Sequences) -> Tensor:
    """Return |grad_e f(e)| of each row, the norm over its whole [T,E] block, [B], differentiable once more.

    Only real tokens count: what a critic might make of embeddings in the padding is nobody's slope. Dropout is off,
    since it is the whole critic whose score is used that must be Lipschitz.
    """
    embedded = embedded if embedded.requires_grad else embedded.requires_grad_()
    with torch.enable_grad(), without_dropout(discriminator), _twice_differentiable(discriminator):
        score = discriminator.score(embedded, x)["logits"].sum()
        (grad,) = torch.autograd.grad(score, embedded, create_graph=True)
    return (grad * x.mask.unsqueeze(-1)).flatten(1).norm(dim=1)


def between(
    discriminator: Discriminator, real: Sequences, fake: Sequences, uniforms: Tensor
) -> tuple[Tensor, Sequences]:
    """Return embeddings on the lines from real to generated rows, real + u (fake - real) [B,T,E], and their mask.

    The k-th real row is paired with the k-th generated one; rows that have no partner are left out. The shorter of a
    pair is filled up with the zeros that embeddings have after the end, and the pair is as long as the longer one.
    Conditions are the real row's.
    """
    rows, columns = min(len(real), len(fake)), max(real.length, fake.length)
    if len(uniforms) < rows:
        raise ValueError(f"{rows} pairs need a uniform number each, and there are {len(uniforms)}")
    # A relaxed sample is cut from its generator here; the embedding matrix is the critic's and stays in the graph.
    pair = [x.select(slice(rows)).detach() for x in (real, fake)]
    start, end = (nn.functional.pad(discriminator.embed(x), (0, 0, 0, columns - x.length)) for x in pair)
    masks = [nn.functional.pad(x.mask, (0, columns - x.length)) for x in pair]
    mask = masks[0] | masks[1]
    x = Sequences(mask.long(), mask, condition=pair[0].condition)
    # Under autocast relaxed tokens are embedded by a product, in bfloat16, and ids by a look-up, which is not.
    wide = torch.promote_types(start.dtype, end.dtype)
    return torch.lerp(start.to(wide), end.to(wide), uniforms[:rows, None, None].to(start.device, wide)), x


class GradientPenalty(Constraint):
    """weight * E (|grad_e f(e)| - centre)^2 at e = real + u (fake - real) (Gulrajani et al. 2017, equation 3).

    One u a row, the norm over the row's whole block of embeddings. It is with respect to embeddings that the critic
    becomes Lipschitz: replacing token a by b moves the score by at most |e_a - e_b|, so embeddings that grow loosen it.
    How pairs of different lengths are met is said at `between`. One-sided: E max(0, |grad| - centre)^2 (section 4).

    >>> from tokengan.discriminators.cnn import HighwayCNN
    >>> from tokengan.spec import Spec
    >>> x = Sequences(torch.zeros(2, 4, dtype=torch.long), torch.ones(2, 4, dtype=torch.bool))
    >>> critic = HighwayCNN(Spec(vocab_size=5, max_length=4))
    >>> penalty, metrics = GradientPenalty().penalty(critic, x, x, torch.rand(2))
    >>> penalty.shape, list(metrics)
    (torch.Size([]), ['penalty', 'input_gradient_norm'])
    """

    def __init__(self, weight: float = 10.0, sides: Literal["two", "one"] = "two", centre: float = 1.0) -> None:
        """Keep the settings.

        Args:
            weight: The paper's lambda.
            sides: `two` also punishes slopes below the centre, `one` only those above.
            centre: The slope aimed at.
        """
        super().__init__()
        if weight < 0 or centre < 0:
            raise ValueError(f"weight and centre cannot be negative: {weight}, {centre}")
        self.weight, self.centre = weight, centre
        self.sides: Literal["two", "one"] = sides

    def penalty(
        self, discriminator: Discriminator, real: Sequences, fake: Sequences, uniforms: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the penalty; log it and the mean norm."""
        norms = slopes(discriminator, *between(discriminator, real, fake, uniforms))
        excess = norms - self.centre
        value = self.weight * (excess if self.sides == "two" else excess.relu()).square().mean()
        return value, {"penalty": value.detach(), "input_gradient_norm": norms.detach().mean()}


class R1(Constraint):
    """weight / 2 * E |grad_e f(e)|^2 at real sequences (Mescheder, Geiger & Nowozin 2018, equation 9).

    >>> from tokengan.discriminators.cnn import HighwayCNN
    >>> from tokengan.spec import Spec
    >>> x = Sequences(torch.zeros(2, 4, dtype=torch.long), torch.ones(2, 4, dtype=torch.bool))
    >>> penalty, _ = R1().penalty(HighwayCNN(Spec(vocab_size=5, max_length=4)), x, x, torch.rand(2))
    >>> penalty.item() > 0
    True
    """

    def __init__(self, weight: float = 10.0) -> None:
        """Keep the weight.

        Args:
            weight: The paper's gamma.
        """
        super().__init__()
        if weight < 0:
            raise ValueError(f"weight cannot be negative: {weight}")
        self.weight = weight

    def penalty(
        self, discriminator: Discriminator, real: Sequences, fake: Sequences, uniforms: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the penalty; log it and the mean norm."""
        del fake, uniforms
        norms = slopes(discriminator, discriminator.embed(real.detach()), real)
        value = self.weight / 2 * norms.square().mean()
        return value, {"penalty": value.detach(), "input_gradient_norm": norms.detach().mean()}
