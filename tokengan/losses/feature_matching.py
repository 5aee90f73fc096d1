"""TextGAN's game: G matches the distribution of D's features (Zhang et al., ICML 2017).

Axes: B batch, F features, N = all rows of two batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import torch
from torch import Tensor

from tokengan.discriminators.base import Judged
from tokengan.losses.base import output_of, reals_of
from tokengan.losses.minimax import Minimax

__all__ = ["FeatureMatching", "mmd2"]

# Of generative moment matching networks (Li, Swersky & Zemel 2015): each feature distance finds a width near it.
WIDTHS = (2.0, 5.0, 10.0, 20.0, 40.0, 80.0)


def mmd2(real: Tensor, fake: Tensor, widths: Sequence[float] = WIDTHS) -> Tensor:
    """Return the squared maximum mean discrepancy of two batches of features [B,F], [B',F]: a number in [0, 2].

    MMD^2 = mean k(f,f') over real pairs + mean over generated pairs - 2 mean over crossed pairs, with
    k(a,b) = mean over the widths of exp(-|a - b|^2 / (2 sigma^2)) (Gretton et al. 2012, equation 5, the biased form:
    never negative, about 2/B for two halves of the same data).

    >>> round(mmd2(torch.tensor([[0.0]]), torch.tensor([[1.0]]), widths=[1.0]).item(), 4)
    0.7869
    """
    points = torch.cat([real, fake])
    # Distances from one product of matrices: [N,N,F] would not fit. Centring keeps small ones exact.
    points = points - points.detach().mean(0)
    products = points @ points.mT
    squares = products.diagonal()
    distances = (squares[:, None] + squares[None, :] - 2 * products).clamp(min=0)
    kernel = torch.stack([(-distances / (2 * width * width)).exp() for width in widths]).mean(0)
    signs = torch.cat([real.new_full((len(real),), 1 / len(real)), fake.new_full((len(fake),), -1 / len(fake))])
    return (signs @ kernel @ signs).clamp(min=0)


class FeatureMatching(Minimax):
    """D minimises half of -E_real log D - E_fake log(1 - D) - lambda MMD^2; G minimises MMD^2 of D's features.

    D's features must separate what G must bring together. (Texygen's D *adds* MMD and
    pulls them together itself.) The half is that of `Minimax`. The paper's further term, the reconstruction of the
    latent z from the features, has no place here: our generators draw tokens, and there is no z.

    >>> from tokengan.sequences import Sequences
    >>> x = Sequences(torch.zeros(1, 1, dtype=torch.long), torch.ones(1, 1, dtype=torch.bool))
    >>> real = Judged({"logits": torch.zeros(1), "features": torch.tensor([[0.0]])}, x)
    >>> fake = Judged({"logits": torch.zeros(1), "features": torch.tensor([[1.0]])}, x)
    >>> game = FeatureMatching(widths=[1.0])
    >>> round(game.generator(fake, real)[0].item(), 4), round(game.discriminator(real, fake)[0].item(), 4)
    (0.7869, 0.6928)
    """

    needs: ClassVar[frozenset[str]] = frozenset({"logits", "features"})

    def __init__(
        self,
        weight: float = 0.001,
        widths: Sequence[float] = WIDTHS,
        match: Literal["mmd", "mean"] = "mmd",
        root: bool = False,
        smoothing: float = 0.01,
    ) -> None:
        """Keep the settings.

        Args:
            weight: The authors' lambda_m, of the discrepancy in D's loss; 0 leaves D the plain classifier of Salimans
                et al. 2016.
            widths: Widths sigma of the mixture of Gaussian kernels. They should span the distances of features.
            match: What G minimises: `mmd`, or `mean`, |E f(real) - E f(fake)|^2, which needs no large batches.
            root: Take MMD, not its square, as the authors' code does; its slope does not vanish as G comes near.
            smoothing: Real sequences get the target 1 - smoothing.
        """
        super().__init__(smoothing)
        if not widths or min(widths) <= 0:
            raise ValueError(f"widths must be positive, and one at least: {list(widths)}")
        self.weight, self.widths, self.root = weight, tuple(widths), root
        self.match: Literal["mmd", "mean"] = match

    def _discrepancy(self, real: Judged, fake: Judged) -> Tensor:
        value = mmd2(output_of(real, "features"), output_of(fake, "features"), self.widths)
        # The slope of a square root is infinite at 0, where both batches have the same features.
        return value.clamp(min=1e-12).sqrt() if self.root else value

    def discriminator(self, real: Judged, fake: Judged) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the cross-entropy less the weighted discrepancy, the accuracy and the discrepancy (`mmd`)."""
        loss, metrics = super().discriminator(real, fake)
        apart = self._discrepancy(real, fake)
        return loss - self.weight / 2 * apart, metrics | {"mmd": apart.detach()}

    def generator(self, fake: Judged, real: Judged | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the distance of the features, and D's mean probability."""
        real = reals_of(real)
        _, metrics = super().generator(fake)
        if self.match == "mean":
            gap = output_of(real, "features").mean(0) - output_of(fake, "features").mean(0)
            return gap.square().sum(), metrics
        return self._discrepancy(real, fake), metrics
