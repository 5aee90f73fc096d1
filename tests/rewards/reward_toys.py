"""A small task, a discriminator that says what it is told to, and the players that rewards read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from tokengan.data.codec import batch
from tokengan.discriminators.base import Judged
from tokengan.generators.recurrent import LSTM
from tokengan.methods.streams import Streams
from tokengan.methods.world import World
from tokengan.noise import Noise
from tokengan.sampling.decoding import Decoding
from tokengan.sampling.write import write
from tokengan.sequences import Sequences
from tokengan.spec import Spec
from tokengan.tasks.base import Task

WORDS = ["the", "cat", "dog", "sat", "on", "a", "mat", "ran", "big", "red", "and"]
FIRST = 4  # ids of words begin here; before them PAD, BOS, EOS, UNK


class Words(Task):
    """Sentences of a dozen words, EOS at the end."""

    def __init__(self, train: Sequence[str], columns: dict[str, list[Any]] | None = None, length: int = 9) -> None:
        self.name = "words"
        self.spec = Spec(vocab_size=FIRST + len(WORDS), max_length=length, start=1, end=2, pad=0, unk=3)
        self.train = self.encode(train)
        self.train = self.train.replace(columns=columns or {})

    def encode(self, texts):
        return batch([[FIRST + WORDS.index(word) for word in text.split()] for text in texts])

    def decode(self, x):
        rows = zip(x.tokens.tolist(), x.mask.tolist(), strict=True)
        return [
            " ".join(
                WORDS[t - FIRST] if t >= FIRST else f"<{t}>"
                for t, real in zip(row, mask, strict=True)
                if real and t != 2
            )
            for row, mask in rows
        ]


class Told(nn.Module):
    """Says what a function of the batch says; its dropout would be seen if it were on."""

    def __init__(self, **says: Callable[[Sequences], Tensor]) -> None:
        super().__init__()
        self.says, self.calls = says, 0
        self.dropout = nn.Dropout(0.5)
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, x: Sequences) -> dict[str, Tensor]:
        self.calls += 1
        return {name: self.dropout(say(x) * self.weight) for name, say in self.says.items()}


def game(task: Task | None = None, seed: int = 0, **says: Callable[[Sequences], Tensor]) -> SimpleNamespace:
    """Return the players: a task, a generator, a discriminator in train mode, streams."""
    task = task or Words(["the cat sat on a mat", "a dog ran", "the big red dog sat"])
    torch.manual_seed(seed)
    generator = LSTM(task.spec, embedding=4, hidden=5, init_std=1.0)
    told = Told(**says).train()
    streams = Streams(seed)
    return SimpleNamespace(
        task=task,
        judge_rows=torch.arange(len(task.train)),
        world=World(),
        streams=streams,
        generator=generator,
        policy=generator,
        discriminator=told,
        judge=lambda x: Judged(told(x), x),
        decoding=Decoding(),
        noise=lambda name, rows: Noise(streams[name], total=rows),
    )


def written(players: SimpleNamespace, rows: int = 12) -> Sequences:
    """Return fresh sequences of the generator."""
    return write(players.generator, rows, players.noise("write", rows))


def rows_of(*rows: Sequence[int]) -> Sequences:
    """Return sequences of ids, all places real."""
    tokens = torch.tensor(rows)
    return Sequences(tokens, torch.ones_like(tokens, dtype=torch.bool))


def mean_id(x: Sequences) -> Tensor:
    """Return a number that depends on all real tokens [B]."""
    weights = torch.arange(1, x.length + 1) * x.mask
    return (x.tokens * weights).sum(1).float().sin()
