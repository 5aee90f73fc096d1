"""The probability of a class as reward, against the cards (methods/labelgan.md, methods/sentigan.md)."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[1]))
from toy import Tabular, everything, gradient, players, policy_loss

from tokengan.discriminators.base import Judged, real_logit
from tokengan.estimators.credit import RollOut
from tokengan.estimators.reinforce import Reinforce
from tokengan.losses.multiclass import Multiclass
from tokengan.rewards.classes import ClassProbability, LabelProbability
from tokengan.rewards.probability import Probability
from tokengan.sequences import Sequences

LOGITS = torch.tensor([[0.3, -1.0, 2.0], [1.5, 0.2, -0.4], [-2.0, 0.1, 0.9]], dtype=torch.float64)  # K = 2
LABELS = torch.tensor([0, 1, 1])
P = LOGITS.softmax(1)


def judged_as(logits: Tensor, labels: Tensor = LABELS) -> tuple[Any, Sequences]:
    """Return a discriminator that says this, and the rows that it says it of."""
    tokens = torch.zeros(len(logits), 1, dtype=torch.long)
    x = Sequences(tokens, torch.ones_like(tokens).bool(), condition={"label": labels})
    outputs = {"class_logits": logits, "logits": real_logit(logits)}
    return SimpleNamespace(discriminator=torch.nn.Identity(), judge=lambda x: Judged(outputs, x)), x


def test_by_hand() -> None:
    """Any real class, the likeliest real one, the sequence's own; as probabilities and as logarithms."""
    game, x = judged_as(LOGITS)
    expected = {"any": P[:, :2].sum(1), "dynamic": P[:, :2].amax(1), "given": P[[0, 1, 2], LABELS]}
    for target, values in expected.items():
        torch.testing.assert_close(ClassProbability(target)(x, game), values)
        torch.testing.assert_close(ClassProbability(target, "log")(x, game), values.log())
    torch.testing.assert_close(LabelProbability()(x, game), expected["given"])
    # The penalty counts looking like the other label, too: the probabilities sum to one.
    torch.testing.assert_close(1 - LabelProbability()(x, game), P[[0, 1, 2], 1 - LABELS] + P[:, 2])


def test_the_class_of_what_is_generated_is_never_the_target() -> None:
    """However likely it is (labelgan.md, trap 2), and it is the last one (sentigan.md, trap 5)."""
    game, x = judged_as(torch.tensor([[0.0, 1.0, 9.0]]), torch.tensor([0]))
    assert ClassProbability("dynamic")(x, game).item() == pytest.approx(1 / (1 + torch.tensor([-1.0, 8.0]).exp().sum()))
    assert ClassProbability("any")(x, game) < 0.01


def test_a_sure_discriminator_gives_a_finite_reward() -> None:
    """Logarithms are of log-softmax and logsumexp, and go no further than the limit (labelgan.md, traps 3 and 4)."""
    sure = torch.tensor([[-200.0, -300.0, 200.0], [200.0, -300.0, -200.0]])
    game, x = judged_as(sure, torch.tensor([0, 0]))
    for target in ("any", "dynamic", "given"):
        assert ClassProbability(target, "log")(x, game).tolist() == [-5.0, 0.0]
        assert ClassProbability(target, "log", limit=50.0)(x, game).tolist() == [-50.0, 0.0]
        assert ClassProbability(target)(x, game).tolist() == [0.0, 1.0]


def test_one_class_is_seqgans_reward() -> None:
    game, x = judged_as(LOGITS[:, [0, 2]], torch.zeros(3, dtype=torch.long))
    for target in ("any", "dynamic", "given"):
        torch.testing.assert_close(ClassProbability(target)(x, game), Probability()(x, game))


def test_permuting_the_classes_changes_nothing() -> None:
    game, x = judged_as(LOGITS)
    other, y = judged_as(LOGITS[:, [1, 0, 2]], 1 - LABELS)
    for target in ("any", "dynamic", "given"):
        torch.testing.assert_close(ClassProbability(target)(x, game), ClassProbability(target)(y, other))


@pytest.mark.parametrize("target", ["any", "given", "dynamic"])
def test_with_the_logarithm_the_policy_gradient_is_that_of_the_loss(target: str) -> None:
    """Expected over all sequences: minus grad of E[-log D_r] (LabelGAN), of E[-log p_y] (AM-GAN)."""
    law, y = Tabular(), everything()
    y = y.replace(condition={"label": y.tokens[:, 0] % 2})
    logits = torch.randn(9, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    game, _ = judged_as(logits)
    logp = law.score(y)["logp"].sum(1)
    returns = ClassProbability(target, "log", limit=100.0)(y, game).unsqueeze(1).expand(-1, 2)
    p = logp.exp().detach()
    ours = sum(
        p[i] * gradient(policy_loss(Reinforce(), y.select(torch.tensor([i])), returns[i : i + 1], players(law))[0], law)
        for i in range(9)
    )
    each = torch.stack(
        [
            Multiclass(target).generator(Judged({"class_logits": logits[i : i + 1]}, y.select(torch.tensor([i]))))[0]
            for i in range(9)
        ]
    )
    exact = gradient((logp.exp() * each).sum(), law)
    torch.testing.assert_close(ours, exact, rtol=1e-10, atol=1e-12)


def test_g_equal_to_the_data_gives_a_constant_reward_and_no_expected_gradient() -> None:
    """K = 2 disjoint real classes and the exact D: D_r = 1/2 everywhere; of each own label, 1/2 too (sentigan.md)."""
    law, y = Tabular(), everything()
    p = law.score(y)["logp"].sum(1).exp().detach()
    labels = y.tokens[:, 0] % 2
    joint = torch.stack([p * (labels == 0), p * (labels == 1), p], dim=1)  # real classes by prior, and G
    game, x = judged_as((joint / joint.sum(1, keepdim=True)).clamp(min=1e-300).log(), labels)
    for target in ("any", "given", "dynamic"):
        reward = ClassProbability(target)(x, game)
        torch.testing.assert_close(reward, torch.full_like(reward, 0.5))
    y = y.replace(condition={"label": labels})
    slopes = [
        gradient(policy_loss(Reinforce(), y.select(torch.tensor([i])), torch.full((1, 2), 0.5), players(law))[0], law)
        for i in range(9)
    ]
    assert (p.unsqueeze(1) * torch.stack(slopes)).sum(0).abs().max() < 1e-12


class Index(ClassProbability):
    """A discriminator that returns the number of the sample, told by its condition."""

    needs = frozenset()

    def forward(self, x: Sequences, players: Any) -> Tensor:
        return x.condition["label"].double()


def test_the_rollouts_of_a_sample_judge_that_sample() -> None:
    """Constant along time and equal to the index: a peer views an [R*T,B] buffer as [B,T,R] and mixes the samples."""
    law = Tabular()
    y = everything().replace(condition={"label": torch.arange(9)})
    for cap in (None, 9, 20):
        returns = RollOut(n=3, cap=cap)(Index(), y, players(law))
        assert torch.equal(returns, torch.arange(9.0).double().unsqueeze(1).expand(9, 2))


def test_the_share_of_each_class_is_noted() -> None:
    """Where one takes all, dynamic labels have collapsed."""
    game, x = judged_as(LOGITS)
    reward = ClassProbability("dynamic")
    reward(x, game)
    assert {name: round(value.item(), 3) for name, value in reward.drain().items()} == {
        "share_of_class_0": 0.667,
        "share_of_class_1": 0.333,
    }
