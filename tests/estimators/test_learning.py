"""Check (g) of the card: from equal probabilities, Adam at .1, 16 sequences a step, 300 steps, 20 seeds."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parent))
from exact import Table, game_of

from tokengan.estimators.baselines import EMA, Baseline, Group, SelfCritical
from tokengan.estimators.grpo import GRPO
from tokengan.estimators.reinforce import Reinforce
from tokengan.estimators.rloo import RLOO
from tokengan.sequences import Sequences

SEEDS, K, STEPS = 20, 16, 300


class Runs(nn.Module):
    """Twenty toys side by side: row i of a batch belongs to run i % 20, so that a group of 16 is one run's batch."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Parameter(torch.zeros(SEEDS, 3, dtype=torch.float64))
        self.second = nn.Parameter(torch.zeros(SEEDS, 3, 3, dtype=torch.float64))
        self.spec = None

    def laws(self, run: torch.Tensor, first: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.first[run].log_softmax(1), self.second[run, first].log_softmax(1)

    def score(self, y: Sequences) -> dict[str, torch.Tensor]:
        one, two = self.laws(y.condition["run"], y.tokens[:, 0])
        logp = torch.stack([one, two], 1).gather(2, y.tokens.unsqueeze(2)).squeeze(2)
        return {"logp": logp, "entropy": torch.zeros_like(logp)}

    @torch.no_grad()
    def write(self, run: torch.Tensor, draw) -> Sequences:
        first = draw(self.first[run].softmax(1))
        second = draw(self.second[run, first].softmax(1))
        tokens = torch.stack([first, second], 1)
        return Sequences(tokens, torch.ones_like(tokens, dtype=torch.bool), condition={"run": run})


class Each(Baseline):
    """A running mean of its own for each run."""

    def __init__(self) -> None:
        super().__init__()
        self.means = nn.ModuleList(EMA() for _ in range(SEEDS))

    def forward(self, returns, y, scores, players):
        part = SimpleNamespace(chosen=y.chosen[:K])
        past = [ema(returns[i::SEEDS], part, scores, players) for i, ema in enumerate(self.means)]
        return torch.stack(past).repeat(K).unsqueeze(1)


def learnt(estimator) -> torch.Tensor:
    """Return the probability of the best sequence at the end of each run."""
    runs, rng = Runs(), torch.Generator().manual_seed(0)
    game = game_of(runs)
    game.score = runs.score
    game.write = lambda rows, decoding, condition: runs.write(condition["run"], lambda law: law.argmax(1))
    # A mean over 320 rows is a twentieth of each run's own, which Adam does not see.
    optimiser = torch.optim.Adam(runs.parameters(), lr=0.1, eps=1e-10)
    run, table = torch.arange(SEEDS).repeat(K), Table()
    for _ in range(STEPS):
        y = runs.write(run, lambda law: torch.multinomial(law, 1, generator=rng).squeeze(1))
        returns = table(y, game).unsqueeze(1).expand(-1, 2)
        for losses in estimator(y, returns, game):
            optimiser.zero_grad()
            losses["policy"][0].backward()
            optimiser.step()
    one, two = runs.laws(torch.arange(SEEDS), torch.zeros(SEEDS, dtype=torch.long))
    return (one + two).exp()[:, 0].detach()


@pytest.mark.parametrize(
    "make",
    [
        lambda: Reinforce(Each),
        lambda: Reinforce(SelfCritical),
        lambda: RLOO(K, beta=0),
        lambda: Reinforce(lambda: Group(K)),
        lambda: GRPO(K, loss_type="sum"),
    ],
    ids=["ema", "self_critical", "rloo", "group", "grpo"],
)
def test_with_a_baseline_every_seed_finds_the_best_sequence(make) -> None:
    found = learnt(make())
    assert (found > 0.9).sum() == SEEDS


def test_without_a_baseline_most_do() -> None:
    found = learnt(Reinforce())
    assert (found > 0.9).sum() >= 12
