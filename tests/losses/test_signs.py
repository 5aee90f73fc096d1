"""What holds for every adversarial loss: which way each player is moved, and what it reads, gives and logs."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import pytest
import torch
from torch import Tensor, nn

from tokengan.discriminators.base import Judged, real_logit
from tokengan.discriminators.cnn import HighwayCNN
from tokengan.generators.base import Outputs
from tokengan.losses.feature_matching import FeatureMatching, mmd2
from tokengan.losses.hinge import Hinge
from tokengan.losses.least_squares import LeastSquares
from tokengan.losses.minimax import Minimax
from tokengan.losses.multiclass import Multiclass
from tokengan.losses.nonsaturating import NonSaturating
from tokengan.losses.ranking import Ranking, margins
from tokengan.losses.relativistic import Relativistic, RelativisticAverage
from tokengan.losses.reverse_kl import ReverseKL
from tokengan.losses.total_variation import TotalVariation
from tokengan.losses.wasserstein import Wasserstein
from tokengan.sequences import Sequences
from tokengan.spec import Spec

SPEC = Spec(vocab_size=8, max_length=6, labels=2)
GAMES = [
    Minimax(),
    Minimax(smoothing=0.1),
    NonSaturating(),
    NonSaturating(smoothing=0.1),
    ReverseKL(),
    Hinge(),
    LeastSquares(),
    LeastSquares(-1.0, 1.0, 0.0),
    Wasserstein(),
    TotalVariation(),
    Relativistic(),
    Relativistic("all"),
    RelativisticAverage(),
    Ranking(references=4),
    Ranking(references=4, bounded=True, log=False, form="mean"),
    Ranking(references=4, gamma=1.0, form="sum"),
    FeatureMatching(),
    FeatureMatching(root=True),
    FeatureMatching(match="mean"),
    Multiclass("given"),
    Multiclass("dynamic"),
    Multiclass("any"),
    Multiclass("given", penalty=True, smoothing=0.1),
]


def name(game: object) -> str:
    """Return the class and the settings that are words or switches."""
    kept = [str(v) for k, v in vars(game).items() if not k.startswith("_") and k != "training" and v]
    return "-".join([type(game).__name__, *kept])


class ManyClasses(HighwayCNN):
    """SeqGAN's network with K + 1 class logits beside a logit of its own."""

    gives: ClassVar[frozenset[str]] = HighwayCNN.gives | {"class_logits"}

    def __init__(self, spec: Spec) -> None:
        super().__init__(replace(spec, labels=0), embedding=8, widths=[1, 2, 3], filters=[8, 8, 8], dropout=0.0, l2=0.0)
        self.classes = nn.Linear(self.features, spec.labels + 1)

    def score(self, embedded: Tensor, x: Sequences) -> Outputs:
        """Return `class_logits` [B,K+1] too."""
        outputs = super().score(embedded, x)
        return outputs | {"class_logits": self.classes(outputs["features"])}


def rows(first: int, count: int = 16) -> Sequences:
    """Return sequences over four of the eight words; the label says whether they begin with an odd one."""
    tokens = torch.randint(first, first + 4, (count, SPEC.max_length))
    return Sequences(tokens, torch.ones_like(tokens).bool(), condition={"label": tokens[:, 0] % 2})


def judge(network: ManyClasses, x: Sequences) -> Judged:
    """Return the judgement of a batch."""
    return Judged(network(x), x)


def lead(game: object, real: Judged, fake: Judged) -> Tensor:
    """Return by how much real sequences are judged above generated ones, in the terms of a game."""
    if isinstance(game, Ranking):
        references, human = real.outputs["features"][:4], real.outputs["features"][4:]
        written = fake.outputs["features"]
        return margins(human, references, written).mean() - margins(written, references, human).mean()
    if isinstance(game, Multiclass):
        return real_logit(real.outputs["class_logits"]).mean() - real_logit(fake.outputs["class_logits"]).mean()
    return real.logits.mean() - fake.logits.mean()


def step(loss: Tensor, parameters: list[Tensor], size: float) -> None:
    """Take one step of gradient descent of a given length."""
    slopes = torch.autograd.grad(loss, parameters, allow_unused=True)
    norm = torch.stack([s.norm() for s in slopes if s is not None]).norm()
    assert norm > 0
    with torch.no_grad():
        for parameter, slope in zip(parameters, slopes, strict=True):
            if slope is not None:
                parameter -= size / norm * slope


@pytest.mark.parametrize("game", GAMES, ids=name)
@pytest.mark.parametrize("seed", range(3))
def test_a_step_of_each_player_goes_the_right_way(game, seed):
    """D's step raises real above fake; G's, through a relaxed sample, raises its own sequences."""
    torch.manual_seed(seed)
    network = ManyClasses(SPEC)
    real, fake = rows(0), rows(4)
    for _ in range(12):
        sides = judge(network, real), judge(network, fake)
        before = lead(game, *sides)
        step(game.discriminator(*sides)[0], list(network.parameters()), 0.02)
        assert lead(game, judge(network, real), judge(network, fake)) > before

    written = (3 * nn.functional.one_hot(fake.tokens, SPEC.vocab_size)).float().requires_grad_()

    def sample() -> Judged:
        return judge(network, fake.replace(soft=written.softmax(-1)))

    human = judge(network, real)
    before, apart = lead(game, human, sample()), mmd2(human.outputs["features"], sample().outputs["features"])
    loss, _ = game.generator(sample(), human)
    step(loss, [written], 0.05)
    assert game.generator(sample(), human)[0] < loss
    if isinstance(game, FeatureMatching):
        assert mmd2(human.outputs["features"], sample().outputs["features"]) < apart
    else:
        assert lead(game, human, sample()) < before


@pytest.mark.parametrize("game", GAMES, ids=name)
def test_what_it_reads_gives_and_logs(game):
    """The outputs it names are enough; log-odds are a score; figures carry no graph."""
    torch.manual_seed(0)
    network = ManyClasses(SPEC)
    assert game.needs
    assert game.gives <= {"log_odds", "score", "ranks", "classes"}
    assert "score" in game.gives or "log_odds" not in game.gives
    real, fake = rows(0), rows(4)
    sides = [Judged({key: network(x)[key] for key in game.needs}, x) for x in (real, fake)]
    for loss, metrics in (game.discriminator(*sides), game.generator(sides[1], sides[0])):
        assert loss.shape == ()
        assert loss.requires_grad
        assert metrics
        for value in metrics.values():
            assert value.shape == ()
            assert not value.requires_grad
            assert value.isfinite()


@pytest.mark.parametrize("game", [game for game in GAMES if not isinstance(game, Wasserstein)], ids=name)
def test_accuracy_means_the_same_everywhere(game):
    """1 for a discriminator that is right about every sequence, 0 for one that is wrong about each."""
    torch.manual_seed(0)
    outputs = []
    for sign in (1.0, -1.0):
        features = torch.tensor([sign, 0.01]) + 0.01 * torch.rand(16, 2)
        logits = 20 * features[:, 0]
        class_logits = torch.stack([logits, logits, -logits], dim=1)
        outputs.append({"logits": logits, "features": features, "class_logits": class_logits})
    real, fake = Judged(outputs[0], rows(0)), Judged(outputs[1], rows(4))
    assert game.discriminator(real, fake)[1]["train_accuracy"] == 1
    if isinstance(game, Ranking):  # who is real is judged by likeness to real ones: there is no other way round
        return
    assert game.discriminator(Judged(outputs[1], rows(0)), Judged(outputs[0], rows(4)))[1]["train_accuracy"] == 0
