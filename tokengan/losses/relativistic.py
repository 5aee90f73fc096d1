"""The relativistic games: is this sequence more real than that one (Jolicoeur-Martineau, ICLR 2019)?

Axes: B batch, S views of a sequence, where the discriminator has several.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor
from torch.nn.functional import softplus

from tokengan.discriminators.base import Judged
from tokengan.losses.base import AdversarialLoss, reals_of, verdict

__all__ = ["Relativistic", "RelativisticAverage"]


class Relativistic(AdversarialLoss):
    """D minimises E -log sigmoid(C(real) - C(fake)); G the same with the two exchanged. RelGAN's game.

    Jolicoeur-Martineau's RSGAN; RelGAN (Nie et al., ICLR 2019) in the form of its code, which does not saturate. C is
    the bare logit, [B] or [B,S]: a view is compared with the same view. log 2 for an undecided D.

    >>> import torch
    >>> from tokengan.sequences import Sequences
    >>> x = Sequences(torch.zeros(2, 1, dtype=torch.long), torch.ones(2, 1, dtype=torch.bool))
    >>> real, fake = Judged({"logits": torch.tensor([5.0, 7.0])}, x), Judged({"logits": torch.tensor([5.0, 7.0])}, x)
    >>> loss, metrics = Relativistic().discriminator(real, fake)
    >>> round(loss.item(), 4)
    0.6931
    """

    def __init__(self, pairs: Literal["rows", "all"] = "rows") -> None:
        """Keep how to pair.

        Args:
            pairs: `rows` compares the k-th real sequence with the k-th generated one, as RelGAN does; `all` compares
                every real one with every generated one: the same expectation with less variance, and their numbers
                may differ.
        """
        super().__init__()
        self.pairs: Literal["rows", "all"] = pairs

    def _lead(self, real: Judged, fake: Judged) -> Tensor:
        """Return C(real) - C(fake) for every pair."""
        if self.pairs == "all":
            return real.opinions.unsqueeze(1) - fake.opinions.unsqueeze(0)
        if real.opinions.shape != fake.opinions.shape:
            numbers = f"{len(real.opinions)} real and {len(fake.opinions)} generated sequences"
            raise ValueError(f"{numbers} cannot be paired row by row: set pairs to 'all'")
        return real.opinions - fake.opinions

    def discriminator(self, real: Judged, fake: Judged) -> tuple[Tensor, dict[str, Tensor]]:
        """Return -E log sigmoid(C(real) - C(fake)) and the share of pairs in the right order."""
        lead = self._lead(real, fake)
        return softplus(-lead).mean(), {"train_accuracy": (lead > 0).float().mean()}

    def generator(self, fake: Judged, real: Judged | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        """Return -E log sigmoid(C(fake) - C(real)) and the mean of that sigmoid."""
        lead = self._lead(reals_of(real), fake)
        return softplus(lead).mean(), {"D_fake": (-lead.detach()).sigmoid().mean()}


class RelativisticAverage(AdversarialLoss):
    """Each sequence against the mean of the other kind, Jolicoeur-Martineau's RaSGAN.

    D minimises -(E_real log sigmoid(C - mean C(fake)) + E_fake log sigmoid(mean C(real) - C)) / 2; G the same with real
    and fake exchanged. Gradients pass through both means, which are the batch's. log 2 for an undecided D.

    >>> import torch
    >>> from tokengan.sequences import Sequences
    >>> x = Sequences(torch.zeros(2, 1, dtype=torch.long), torch.ones(2, 1, dtype=torch.bool))
    >>> same = Judged({"logits": torch.tensor([5.0, 5.0])}, x)
    >>> round(RelativisticAverage().generator(same, same)[0].item(), 4)
    0.6931
    """

    def discriminator(self, real: Judged, fake: Judged) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the mean cross-entropy and the share of sequences on the right side of the other kind's mean."""
        above, below = real.opinions - fake.opinions.mean(0), fake.opinions - real.opinions.mean(0)
        return (softplus(-above).mean() + softplus(below).mean()) / 2, verdict(above, below)

    def generator(self, fake: Judged, real: Judged | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the same with real and fake exchanged, and the mean sigmoid of the fakes."""
        loss, _ = self.discriminator(fake, reals_of(real))
        below = fake.opinions.detach() - reals_of(real).opinions.detach().mean(0)
        return loss, {"D_fake": below.sigmoid().mean()}
