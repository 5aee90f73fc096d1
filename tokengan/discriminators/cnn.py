"""The convolutional discriminator of SeqGAN (Kim 2014's network, Srivastava et al. 2015's highway).

Axes: B batch, T time, E embedding, C filters of one width, F all filters.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tokengan.discriminators.base import Discriminator
from tokengan.discriminators.strongest import strongest
from tokengan.discriminators.tables import Tables, worthwhile
from tokengan.discriminators.windows import begin, maxima, read_on
from tokengan.generators.base import Outputs, State, Token, embed
from tokengan.sequences import Sequences
from tokengan.spec import Spec

__all__ = ["HighwayCNN", "highway", "published_widths"]


def published_widths(length: int) -> dict[int, int]:
    """Return SeqGAN's filters for sequences of some length: number of filters by width.

    Widths 1 to 10 as published, then a half, three quarters and the whole of the length with 160 filters each, which
    are the published ones at T = 20 (15, 20) and T = 32 (16, 24, 32).

    >>> published_widths(20)
    {1: 100, 2: 200, 3: 200, 4: 200, 5: 200, 6: 100, 7: 100, 8: 100, 9: 100, 10: 100, 15: 160, 20: 160}
    >>> sum(published_widths(20).values()), list(published_widths(32))[-3:], list(published_widths(3))
    (1720, [16, 24, 32], [1, 2, 3])
    """
    short = dict(enumerate((100, 200, 200, 200, 200, 100, 100, 100, 100, 100), start=1))
    long = {width: 160 for width in (length // 2, 3 * length // 4, length) if width > 10}
    return {width: count for width, count in (short | long).items() if width <= length}


def highway(features: Float[Tensor, "*rows F"], transform: nn.Module, gate: nn.Module) -> Tensor:
    """Return t relu(transform(c)) + (1 - t) c with t = sigmoid(gate(c)), of features c [...,F]."""
    # Under autocast the layers answer in half precision, whatever they read.
    changed, share = (layer(features).to(features.dtype) for layer in (transform, gate))
    return features.lerp(changed.relu(), share.sigmoid())


class HighwayCNN(Discriminator):
    """Convolutions of several widths, ReLU, max over time, one highway layer, dropout, two logits (K + 1 with labels).

    t = sigmoid(W_t c + b_t), out = t relu(W_h c + b_h) + (1 - t) c, D = softmax(W out + b); the logit given is the
    difference of the two. A window counts where it lies wholly inside the sequence; a sequence shorter than the window
    has one, filled up with zeros.

    >>> from tokengan.spec import Spec
    >>> x = Sequences(torch.zeros(2, 20, dtype=torch.long), torch.ones(2, 20, dtype=torch.bool))
    >>> outputs = HighwayCNN(Spec(vocab_size=10, max_length=20))(x)
    >>> outputs["logits"].shape, outputs["features"].shape
    (torch.Size([2]), torch.Size([2, 1720]))
    """

    gives: ClassVar[frozenset[str]] = frozenset({"logits", "features"})

    def __init__(
        self,
        spec: Spec,
        embedding: int = 64,
        widths: Sequence[int] | None = None,
        filters: Sequence[int] | None = None,
        dropout: float = 0.25,
        l2: float = 0.2,
    ) -> None:
        """Build the network.

        Args:
            spec: Sizes and ids of the task.
            embedding: Width of the token embeddings, E.
            widths: Window widths; None takes the published ones for the task's length.
            filters: Filters of each width; None takes the published numbers (160 for widths above 10).
            dropout: Before the last layer (the published keep probability is 0.75).
            l2: Weight of half the squared norm of the last layer's weights and biases.
        """
        super().__init__(spec, embedding)
        published = published_widths(spec.max_length)
        widths = list(published) if widths is None else list(widths)
        filters = [published.get(width, 160) for width in widths] if filters is None else list(filters)
        if len(widths) != len(filters):
            raise ValueError(f"{len(widths)} widths but {len(filters)} filter numbers: give one number for each width")
        self.widths, self.l2, self.features = widths, l2, sum(filters)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(embedding, count, width) for width, count in zip(widths, filters, strict=True)
        )
        self.transform = nn.Linear(self.features, self.features)
        self.gate = nn.Linear(self.features, self.features)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(self.features, max(self.answers, 2))
        self._tables: Tables | None = None
        self._initialise()

    def _initialise(self) -> None:
        nn.init.uniform_(self.embedding.weight, -1, 1)
        for layer in (*self.convolutions, self.output):
            assert isinstance(layer, nn.Conv1d | nn.Linear)
            assert layer.bias is not None
            nn.init.trunc_normal_(layer.weight, std=0.1, a=-0.2, b=0.2)
            nn.init.constant_(layer.bias, 0.1)
        for layer in (self.transform, self.gate):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def score(self, embedded: Float[Tensor, "B T E"], x: Sequences) -> Outputs:
        """Return what `answered` does and `features` [B,F], what the last layer reads: after highway and dropout."""
        return self._answers(strongest(embedded, x.lengths, self.convolutions))

    def forward(self, x: Sequences) -> Outputs:
        """Return `score(embed(x), x)`, from tables where weights are steady."""
        if self._tables is None or torch.is_grad_enabled() or x.soft is not None:
            return super().forward(x)
        return self._answers(self._tables.strongest(x))

    @contextmanager
    def steady(self, rows: int) -> Iterator[None]:
        """Look convolutions up in tables for a while, where so many sequences are worth making them.

        On a CPU alone: a GPU's products cost less than what they would be looked up by.
        """
        weight, before = self.embedding.weight, self._tables
        pays = worthwhile(rows, self.spec.max_length, len(weight), self._filters())
        self._tables = Tables(weight, self._filters()) if pays and weight.device.type == "cpu" else None
        try:
            yield
        finally:
            self._tables = before

    def _answers(self, pooled: Float[Tensor, "B F"]) -> Outputs:
        features = self._highway(pooled)
        classes = self.output(features)
        answers = classes if self.spec.labels else classes[:, 1:] - classes[:, :1]
        return {**self.answered(answers), "features": features}

    def _highway(self, features: Float[Tensor, "*rows F"]) -> Float[Tensor, "*rows F"]:
        return self.dropout(highway(features, self.transform, self.gate))

    # ---- what it leaks: features of every prefix (LeakGAN, Guo et al. 2018), a `generators.reader.Reader`

    def prefixes(self, x: Sequences) -> Float[Tensor, "B T1 F"]:
        """Return the features of the first 0 to T tokens [B,T+1,F]."""
        return self._highway(maxima(self.embed(x), x.lengths, self._filters()).relu())

    def start(self, rows: int) -> tuple[Float[Tensor, "B F"], State]:
        """Return the features of nothing and the state before the first token."""
        state = begin(rows, self.embedding.embedding_dim, self._filters())
        return self._highway(state.rows["largest"].relu()), state

    def step(self, token: Token, state: State) -> tuple[Float[Tensor, "B F"], State]:
        """Read one token: a window a width and the highway layer, whatever the length of what was read before."""
        unfinished = state.rows["open"]
        vector = embed(self.embedding.weight, token) * unfinished.unsqueeze(1)
        largest, state = read_on(vector, state, self._filters())
        if self.spec.end is not None:
            ids = token.argmax(1) if token.is_floating_point() else token
            state = State({**state.rows, "open": unfinished & (ids != self.spec.end)}, state.shared)
        return self._highway(largest.relu()), state

    def _filters(self) -> list[nn.Conv1d]:
        return [convolution for convolution in self.convolutions if isinstance(convolution, nn.Conv1d)]

    def weight_penalty(self) -> Tensor:
        """Return l2 / 2 times the squared norm of the last layer."""
        return self.l2 / 2 * (self.output.weight.square().sum() + self.output.bias.square().sum())
