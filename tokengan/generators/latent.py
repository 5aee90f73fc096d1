"""A recurrent decoder with a latent code, and the recurrent encoder that infers it (Bowman et al. 2016).

Axes: B batch, T time, V vocabulary, E embedding, H hidden, Z latent units, L layers.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tokengan.errors import UserError
from tokengan.generators.base import Condition, Outputs, State, Token, embed
from tokengan.generators.posterior import LATENT, Gaussian, Inferring
from tokengan.generators.projected import Projected
from tokengan.noise import Noise
from tokengan.sequences import Sequences
from tokengan.spec import Spec

__all__ = ["Encoder", "Latent", "WordDropout"]


class WordDropout(nn.Dropout):
    """Replaces a whole embedding by another one with probability p: the decoder has to ask z what stood there.

    A dropout layer, so that it is off wherever dropout is: while writing, scoring and measuring.

    >>> drop = WordDropout(1.0)
    >>> ones, blank = torch.ones(1, 2, 3), torch.zeros(3)
    >>> drop(ones, blank).sum().item(), drop.eval()(ones, blank).sum().item()
    (0.0, 6.0)
    """

    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, embedded: Float[Tensor, "*rows E"], blank: Float[Tensor, " E"]
    ) -> Float[Tensor, "*rows E"]:
        """Return the embeddings with some of them blank."""
        if not self.training or self.p == 0:
            return embedded
        dropped = torch.rand(embedded.shape[:-1], device=embedded.device) < self.p
        return torch.where(dropped.unsqueeze(-1), blank, embedded)


class Encoder(nn.Module):
    """Embedding -> LSTM -> state after the last real token -> mean and log variance of q(z|x)."""

    def __init__(self, spec: Spec, embedding: int, hidden: int, latent: int, dropout: float) -> None:
        super().__init__()
        self.embedding = nn.Embedding(spec.vocab_size, embedding)
        self.layer = nn.LSTM(embedding, hidden, batch_first=True)
        self.code = nn.Linear(hidden, 2 * latent)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Sequences) -> Gaussian:
        """Return q(z|x); what stands after the end changes nothing."""
        read, _ = self.layer(self.dropout(embed(self.embedding.weight, x.tokens if x.soft is None else x.soft)))
        last = read[torch.arange(len(x), device=read.device), x.lengths - 1]
        mean, logvar = self.code(self.dropout(last)).chunk(2, dim=-1)
        return Gaussian(mean, logvar)


class Latent(Inferring, Projected):
    """p(x|z): an LSTM that starts from z (c = W z, h = tanh c) and reads z beside every token.

    >>> generator = Latent(Spec(vocab_size=10, max_length=4), latent=3, hidden=8)
    >>> x = Sequences(torch.zeros(2, 4, dtype=torch.long), torch.ones(2, 4, dtype=torch.bool))
    >>> generator(generator.given(x, generator.infer(x).mean))["logits"].shape
    torch.Size([2, 4, 10])
    """

    def __init__(
        self,
        spec: Spec,
        latent: int = 32,
        embedding: int = 32,
        hidden: int = 32,
        layers: int = 1,
        dropout: float = 0.0,
        word_dropout: float = 0.0,
        encoder_hidden: int | None = None,
        encoder_dropout: float = 0.0,
        tied: bool = False,
        init_std: float | None = None,
    ) -> None:
        """Build decoder and encoder.

        Args:
            spec: Sizes and ids of the task.
            latent: Units of the code, Z.
            embedding: Width of the token embeddings, E, of both networks.
            hidden: Width of each layer of the decoder, H.
            layers: Number of layers of the decoder, L.
            dropout: Of the decoder: on the embeddings, between layers and before the output.
            word_dropout: Share of the decoder's inputs that are replaced by UNK (by zeros where there is none) in
                training; never a target, never the start symbol.
            encoder_hidden: Width of the encoder's layer; None takes `hidden`.
            encoder_dropout: Of the encoder: on the embeddings and before the code.
            tied: Whether the output layer shares the embedding matrix; needs `embedding == hidden`.
            init_std: Every weight starts N(0, init_std); None keeps PyTorch's own start.
        """
        super().__init__(spec, embedding, hidden, tied)
        self.units = latent
        sizes = [embedding + latent] + [hidden] * (layers - 1)
        self.layers = nn.ModuleList(nn.LSTM(size, hidden, batch_first=True) for size in sizes)
        self.begin = nn.Linear(latent, layers * hidden)
        self.dropout, self.word_dropout = nn.Dropout(dropout), WordDropout(word_dropout)
        self.encoder = Encoder(spec, embedding, encoder_hidden or hidden, latent, encoder_dropout)
        if init_std is not None:
            for parameter in self.parameters():
                nn.init.normal_(parameter, std=init_std)

    def prior(self, rows: int, noise: Noise) -> Condition:
        """Return codes z ~ N(0, 1)."""
        return {LATENT: noise.normals(rows, self.units).to(self.closed.device)}

    def infer(self, x: Sequences) -> Gaussian:
        """Return q(z|x)."""
        return self.encoder(x)

    def hidden(self, x: Sequences) -> Float[Tensor, "B T H"]:
        """Return the last layer's states before each token of `x`, under the codes of its condition."""
        z = self._code(x.condition)
        read = self.read(x)
        read = torch.cat([read[:, :1], self._dropped(read[:, 1:])], dim=1)
        return self._through(read, z, self._begun(z))[0]

    def start(self, rows: int, condition: Condition) -> tuple[Outputs, State]:
        """Return the law of the first token and the state before it."""
        z = self._code(condition)
        symbol = torch.full((rows,), self.spec.start, device=z.device)
        return self._step(embed(self.embedding.weight, symbol), z, self._begun(z))

    def step(self, token: Token, state: State) -> tuple[Outputs, State]:
        """Read one token and return the law of the next one."""
        embedded = self._dropped(embed(self.embedding.weight, token))
        return self._step(
            embedded,
            state.rows[LATENT],
            [(state.rows["h"][:, k], state.rows["c"][:, k]) for k in range(len(self.layers))],
        )

    def _code(self, condition: Condition) -> Float[Tensor, "B Z"]:
        if LATENT not in condition:
            raise UserError(
                f"a {type(self).__name__} generator has no likelihood of a sequence without its latent code: the "
                "method vae trains it, no method that begins with maximum likelihood does"
            )
        return condition[LATENT].to(self.begin.weight)

    def _dropped(self, embedded: Tensor) -> Tensor:
        weight, unk = self.embedding.weight, self.spec.unk
        return self.word_dropout(embedded, weight.new_zeros(weight.shape[1]) if unk is None else weight[unk])

    def _begun(self, z: Tensor) -> list[tuple[Tensor, Tensor]]:
        return [(c.tanh(), c) for c in self.begin(z).chunk(len(self.layers), dim=-1)]

    def _through(
        self, read: Tensor, z: Tensor, before: list[tuple[Tensor, Tensor]]
    ) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        """Return the top layer's states [B,T,H] over what is read [B,T,E], and each layer's last state."""
        hidden = torch.cat([self.dropout(read), z.unsqueeze(1).expand(-1, read.shape[1], -1)], dim=-1)
        after = []
        for k, (layer, (h, c)) in enumerate(zip(self.layers, before, strict=True)):
            hidden = self.dropout(hidden) if k else hidden  # the code itself is never dropped
            hidden, (h, c) = layer(hidden, (h.unsqueeze(0).contiguous(), c.unsqueeze(0).contiguous()))
            after.append((h.squeeze(0), c.squeeze(0)))
        return self.dropout(hidden), after

    def _step(self, embedded: Tensor, z: Tensor, before: list[tuple[Tensor, Tensor]]) -> tuple[Outputs, State]:
        hidden, after = self._through(embedded.unsqueeze(1), z, before)
        h, c = (torch.stack(parts, dim=1) for parts in zip(*after, strict=True))
        return self.project(hidden.squeeze(1)), State({LATENT: z, "h": h, "c": c})
