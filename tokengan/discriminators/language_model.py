"""A language model as discriminator: what it did not expect is real (DP-GAN, Xu, Ren, Lin & Sun, EMNLP 2018).

Axes: B batch, T time, V vocabulary, F features.
"""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import one_hot

from tokengan.discriminators.base import Discriminator
from tokengan.discriminators.pooled import pool
from tokengan.errors import UserError
from tokengan.generators.base import Autoregressive, Outputs
from tokengan.generators.recurrent import LSTM
from tokengan.sequences import Sequences
from tokengan.spec import Net, Spec

__all__ = ["LanguageModelDiscriminator"]

FLOOR = -100.0  # nats: below it a relaxed token that may never be written (logit -1e30) would outweigh all others


class LanguageModelDiscriminator(Discriminator):
    """d(x) = -(1/T) sum_t log D(x_t | x_<t) - log V, with D any network that can write: a generator in another role.

    Taught to expect generated text, it finds real text surprising; 0 is as surprising as a uniform law. `logp` [B,T]
    are its log-probabilities word by word, `features` the mean of its hidden states. It has weights of its own, shared
    with no generator, and reads no source where its network reads none.

    >>> x = Sequences(torch.zeros(2, 4, dtype=torch.long), torch.ones(2, 4, dtype=torch.bool))
    >>> outputs = LanguageModelDiscriminator(Spec(vocab_size=10, max_length=4))(x)
    >>> outputs["logits"].shape, outputs["logp"].shape, outputs["features"].shape
    (torch.Size([2]), torch.Size([2, 4]), torch.Size([2, 32]))
    """

    gives: ClassVar[frozenset[str]] = frozenset({"logits", "logp", "features"})

    def __init__(self, spec: Spec, model: Net[Autoregressive] = LSTM) -> None:
        """Build the language model.

        Args:
            spec: Sizes and ids of the task.
            model: Factory of the language model (`lstm`, `gru`, `transformer`).
        """
        super().__init__(spec, None)
        self.model = model(spec)
        if "hidden" not in self.model.gives:
            name = type(self.model).__name__
            raise UserError(f"the discriminator reads hidden states, and {name} gives none: take lstm for its network")
        self.features = self.model.width

    def embed(self, x: Sequences) -> Float[Tensor, "B T V"]:
        """Return what is read, as weights over the vocabulary [B,T,V]: one-hot rows of ids, zero after the end."""
        soft = one_hot(x.tokens, self.spec.vocab_size) if x.soft is None else x.soft
        return soft.to(self.model.closed.dtype) * x.mask.unsqueeze(-1)

    def score(self, embedded: Float[Tensor, "B T V"], x: Sequences) -> Outputs:
        """Return the outputs for weights over the vocabulary: a relaxed token has the mean of log D under them."""
        outputs = self.model(x.replace(soft=embedded))
        law = outputs["logits"].log_softmax(-1).clamp(min=FLOOR)
        return self._judged(torch.linalg.vecdot(embedded, law), outputs["hidden"], x)

    def forward(self, x: Sequences) -> Outputs:
        """Return `logits` [B], `logp` [B,T] and `features` [B,F]; ids are scored without keeping logits."""
        if x.soft is not None:
            return super().forward(x)
        outputs = self.model.score(x)
        return self._judged(outputs["logp"], outputs["hidden"], x)

    def _judged(self, logp: Tensor, hidden: Tensor, x: Sequences) -> Outputs:
        logp = torch.where(x.mask, logp, logp.new_zeros(()))
        surprise = -logp.sum(1) / x.lengths.clamp(min=1)
        features = pool(hidden, x.mask, "mean")
        return {"logits": surprise - math.log(self.spec.vocab_size), "logp": logp, "features": features}
