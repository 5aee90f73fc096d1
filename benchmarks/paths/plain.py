"""SeqGAN as a paper's reader would write it: the networks' own weights, no cache, one row-wise draw at a time.

Axes: B batch, T time, V vocabulary.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from tokengan.discriminators.cnn import HighwayCNN
from tokengan.discriminators.multi_view import MultiView
from tokengan.generators.recurrent import LSTM

__all__ = ["advance", "complete", "drawn", "highway", "judge", "likelihood", "write"]


def advance(lstm: nn.Module, below: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """Read one input of a layer of LSTM cells."""
    gates = functional.linear(below, lstm.weight_ih_l0, lstm.bias_ih_l0)  # pyright: ignore[reportArgumentType]
    gates = gates + functional.linear(h, lstm.weight_hh_l0, lstm.bias_hh_l0)  # pyright: ignore[reportArgumentType]
    i, f, g, o = gates.chunk(4, dim=1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


def highway(judge: HighwayCNN | MultiView, features: Tensor) -> Tensor:
    """Return the highway layer's answer to features [B,F]."""
    share = torch.sigmoid(judge.gate(features))
    return share * functional.relu(judge.transform(features)) + (1 - share) * features


def drawn(law: Tensor, uniform: Tensor | None) -> Tensor:
    """Return a token a row: by `multinomial` or, to compare with what was drawn from uniforms, by the cumulated law."""
    if uniform is None:
        return torch.multinomial(law, 1).squeeze(1)
    cumulated = law.double().cumsum(1)
    return (cumulated <= uniform.double().unsqueeze(1) * cumulated[:, -1:]).sum(1)


@torch.no_grad()
def complete(generator: LSTM, x: Tensor, given: int, uniforms: Tensor | None = None) -> Tensor:
    """Return sequences [B,T] whose first `given` tokens are those of x [B,T], all read from the start."""
    rows, length = x.shape
    width = generator.output.in_features
    h, c = torch.zeros(rows, width), torch.zeros(rows, width)
    token, tokens = torch.full((rows,), generator.spec.start), []
    for t in range(length):
        h, c = advance(generator.layers[0], generator.embedding(token), h, c)
        if t < given:
            token = x[:, t]
        else:
            law = functional.softmax(generator.output(h), dim=1)
            token = drawn(law, None if uniforms is None else uniforms[:, t])
        tokens.append(token)
    return torch.stack(tokens, dim=1)


def write(generator: LSTM, rows: int, batch: int = 64) -> Tensor:
    """Return sequences, batch after batch."""
    empty = torch.zeros(batch, generator.spec.max_length, dtype=torch.long)
    return torch.cat([complete(generator, empty, 0) for _ in range(0, rows, batch)])[:rows]


def judge(discriminator: HighwayCNN, tokens: Tensor) -> Tensor:
    """Return the logit difference of each sequence [B]: convolution, ReLU, max-pooling, width after width."""
    signal = discriminator.embedding(tokens).transpose(1, 2)
    pooled = []
    for convolution in discriminator.convolutions:
        answers = functional.relu(convolution(signal))
        pooled.append(functional.max_pool1d(answers, answers.shape[2]).squeeze(2))
    features = highway(discriminator, torch.cat(pooled, dim=1))
    answers = discriminator.output(discriminator.dropout(features))
    return answers[:, 1] - answers[:, 0]


def likelihood(generator: LSTM, x: Tensor) -> Tensor:
    """Return the mean negative log-likelihood of tokens [B,T], with logits of every place [B,T,V]."""
    start = torch.full((len(x), 1), generator.spec.start)
    states, _ = generator.layers[0](generator.embedding(torch.cat([start, x[:, :-1]], dim=1)))
    logits = generator.output(states)
    return functional.cross_entropy(logits.flatten(0, 1), x.flatten())
