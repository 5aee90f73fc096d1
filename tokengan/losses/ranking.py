"""RankGAN's game: who is more like some references than the others are (Lin, Li, He, Zhang & Sun, NeurIPS 2017).

Axes: B sequences ranked, U references, C sequences compared with, F features.
"""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, normalize

from tokengan.discriminators.base import Judged
from tokengan.losses.base import AdversarialLoss, output_of, reals_of, verdict

__all__ = ["Form", "Ranking", "margins", "ranks"]

Form = Literal["each", "mean", "sum"]


def _relevance(features: Tensor, references: Tensor, gamma: float, form: Form) -> Tensor:
    """Return gamma cos(y_s, y_u) [...,B,U], or of its mean or sum over the references [...,B,1]."""
    cosines = gamma * normalize(features, dim=-1) @ normalize(references, dim=-1).mT
    if form == "each":
        return cosines
    return cosines.mean(-1, keepdim=True) if form == "mean" else cosines.sum(-1, keepdim=True)


def margins(features: Tensor, references: Tensor, others: Tensor, gamma: float = 16.0, form: Form = "each") -> Tensor:
    """Return by how much sequences beat a comparison set: the logits of P(s|u,C), [...,B,U], [...,B,1] if aggregated.

    m(s|u) = gamma cos(y_s, y_u) - log sum_{c in C} exp(gamma cos(y_c, y_u)), so that P = sigmoid(m), and 1 - P is
    precise where P is nearly 1. Arguments as for `ranks`.

    >>> (margins(torch.ones(1, 2), torch.ones(1, 2), torch.ones(3, 2)) + math.log(3)).abs().item() < 1e-6
    True
    """
    own = _relevance(features, references, gamma, form)
    return own - _relevance(others, references, gamma, form).logsumexp(-2, keepdim=True)


def ranks(
    features: Tensor, references: Tensor, others: Tensor | None = None, gamma: float = 16.0, form: Form = "each"
) -> Tensor:
    """Return the expected relative rank R(s|U,C) of each sequence, [...,B] in (0, 1).

    P(s|u,C) = exp(gamma cos(y_s, y_u)) / sum_{s' in C + s} exp(gamma cos(y_s', y_u)), and R is its mean over u in U
    (section 3 of the paper). Leading axes are batches of their own, each with its own comparison set.

    Args:
        features: Of the sequences ranked, y_s [...,B,F].
        references: Of the real sequences that relevance is measured by, y_u [U,F].
        others: Of the comparison set C [...,C,F], which each s joins by itself. None compares the sequences with each
            other, and their ranks sum to 1.
        gamma: Sharpness. Cosines averaged over the references differ by at most 2, so at gamma = 1 all of 64 sequences
            have nearly rank 1/64; the authors' code sums 16 references, which is a mean with gamma = 16.
        form: `each` averages P over the references, as the paper does; `mean` and `sum` aggregate the cosines before
            the softmax, as all published code does (the authors' sums).

    >>> features = torch.tensor([[0.9, 0.19**0.5], [0.1, 0.99**0.5], [-0.2, 0.96**0.5]])
    >>> torch.round(ranks(features, torch.tensor([[1.0, 0.0]]), gamma=1.0), decimals=3)
    tensor([0.5610, 0.2520, 0.1870])
    """
    if others is None:
        return _relevance(features, references, gamma, form).softmax(-2).mean(-1)
    return margins(features, references, others, gamma, form).sigmoid().mean(-1)


def _log_mean(logs: Tensor) -> Tensor:
    return logs.logsumexp(-1) - math.log(logs.shape[-1])


class Ranking(AdversarialLoss):
    """The ranker maximises E_real log R(s|U,C-) - E_fake log R(s|U,C+); G maximises E_fake log R(s|U,C+).

    C- are the generated sequences of the batch, C+ the real ones. The first rows of the real batch are the references U
    and only the rest is ranked and compared with: a reference would find itself. So every step has new references.

    >>> from tokengan.sequences import Sequences
    >>> x = Sequences(torch.zeros(4, 1, dtype=torch.long), torch.ones(4, 1, dtype=torch.bool))
    >>> real = Judged({"features": torch.tensor([[1.0, 0.0]] * 4)}, x)
    >>> fake = Judged({"features": torch.tensor([[0.0, 1.0]] * 4)}, x)
    >>> loss, metrics = Ranking(references=2).discriminator(real, fake)
    >>> round(loss.item(), 3), metrics["train_accuracy"].item()
    (-16.693, 1.0)
    """

    needs: ClassVar[frozenset[str]] = frozenset({"features"})
    gives: ClassVar[frozenset[str]] = frozenset({"ranks"})

    def __init__(
        self, references: int = 16, gamma: float = 16.0, form: Form = "each", bounded: bool = False, log: bool = True
    ) -> None:
        """Keep the settings.

        Args:
            references: Size of U, at most half of the real batch.
            gamma: Sharpness of the ranks; 1 with `form` = `sum` is the authors' code.
            form: How cosines to the references become a rank: `each`, `mean` or `sum`, see `ranks`.
            bounded: The ranker maximises E_fake log(1 - R) in place of -E_fake log R, and its loss is at least 0.
            log: G maximises E log R, which still pulls where R is nearly 0; without it E R.
        """
        super().__init__()
        if references < 1 or gamma <= 0:
            raise ValueError(f"references and gamma must be positive, not {references} and {gamma}")
        self.references, self.gamma, self.bounded, self.log = references, gamma, bounded, log
        self.form: Form = form

    def _split(self, real: Judged) -> tuple[Tensor, Tensor]:
        """Return the features of the references [U,F] and of the other real sequences [C,F]."""
        features = output_of(real, "features")
        if len(features) < 2:
            raise ValueError("ranking needs two real sequences at least: a reference and one to compare with")
        count = min(self.references, len(features) // 2)
        return features[:count], features[count:]

    def discriminator(self, real: Judged, fake: Judged) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the ranker's loss, the share of ranks on the right side of chance, and the mean cosine to U."""
        references, human = self._split(real)
        written = output_of(fake, "features")
        of_real = margins(human, references, written, self.gamma, self.form)
        of_fake = margins(written, references, human, self.gamma, self.form)
        fakes = -_log_mean(logsigmoid(-of_fake)) if self.bounded else _log_mean(logsigmoid(of_fake))
        loss = fakes.mean() - _log_mean(logsigmoid(of_real)).mean()
        # Times |C'|, a rank of chance is 1. Features that all point one way (cosines near 1) rank nobody.
        above = of_real.detach().sigmoid().mean(-1) * (1 + len(written))
        below = of_fake.detach().sigmoid().mean(-1) * (1 + len(human))
        cosines = _relevance(torch.cat([human, written]).detach(), references.detach(), 1.0, "each")
        return loss, verdict(above, below, 1.0) | {"cosine": cosines.mean()}

    def generator(self, fake: Judged, real: Judged | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        """Return -E log R(fake) or -E R(fake), and the mean rank in units of chance."""
        references, human = self._split(reals_of(real))
        of_fake = margins(output_of(fake, "features"), references, human, self.gamma, self.form)
        rank = of_fake.sigmoid().mean(-1)
        loss = -(_log_mean(logsigmoid(of_fake)) if self.log else rank).mean()
        return loss, {"rank_fake": rank.detach().mean() * (1 + len(human))}
