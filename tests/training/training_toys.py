"""The smallest methods that a trainer can train."""

from __future__ import annotations

import torch
from torch import nn

from tokengan.methods.base import Phase
from tokengan.methods.streams import Streams
from tokengan.methods.world import World
from tokengan.optimiser import Optimiser
from tokengan.training.trainer import TrainerSettings

QUIET = TrainerSettings(device="cpu", quiet=True, eval_every=1, save_every=1)


class Toy(nn.Module):
    """Two linear players: one fits noisy data, the other follows it. Draws from a stream, and from the global one."""

    def __init__(self, rounds=(4, 3), watch=None, patience=None, seed=0, rows=8, dropout=0.0):
        super().__init__()
        self.streams, self.world, self.rows = Streams(seed), World(), rows
        with self.streams.building():
            self.generator, self.discriminator = nn.Linear(3, 1), nn.Linear(3, 1)
        self.dropout = nn.Dropout(dropout)
        self.rounds, self.watch, self.patience = rounds, watch, patience
        self.before_round = lambda name, i: None

    def phases(self):
        first = Phase("fit", self.rounds[0], self.fit, watch=self.watch, patience=self.patience)
        return [first, *(Phase(f"follow {k}", n, self.follow) for k, n in enumerate(self.rounds[1:], 1))]

    def trains(self):
        return {
            "generator": self.generator.parameters(),
            "policy": self.generator.parameters(),
            "discriminator": self.discriminator.parameters(),
        }

    def optimisers(self):
        return {
            "generator": Optimiser(lr=0.05),
            "policy": Optimiser("sgd", lr=0.05, momentum=0.9, clip=None),
            "discriminator": Optimiser("adamw", lr=0.02, weight_decay=0.1),
        }

    def data(self):
        x = torch.rand(self.rows, 3, generator=self.streams["data"])
        return x[self.world.share(self.rows)]

    def fit(self, i):
        self.before_round("fit", i)
        x = self.dropout(self.data())
        loss = self.world.mean((self.generator(x).squeeze(1) - x.sum(1)).square())
        self.update(generator=(loss, {"rows": float(len(x))}))

    def follow(self, i):
        self.before_round("follow", i)
        x = self.dropout(self.data())
        made, judged = self.generator(x).squeeze(1), self.discriminator(x).squeeze(1)
        gap = self.world.mean((made - judged).square())
        self.update(policy=gap, discriminator=gap)


def loss_of(toy):
    """An evaluation: the generator's error on fixed data."""
    x = torch.linspace(0, 1, 12).view(4, 3)
    return {"error": (toy.generator(x).squeeze(1) - x.sum(1)).square().mean().item(), "noise": torch.rand(()).item()}


def weights_of(module):
    return {key: value.clone() for key, value in module.state_dict().items()}


def equal(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)
