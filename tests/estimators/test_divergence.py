"""KL to a reference: the three estimates, their gradients as losses and as rewards, and the monitor."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))
from exact import (
    Seen,
    close,
    everything,
    game_of,
    gradient,
    logp_of,
    moments,
    objective_gradient,
    policy_loss,
    returns_of,
    toy_rewards,
    uniform,
)

from tokengan.estimators.divergence import Reference, explain_kl, kl_tokens
from tokengan.estimators.grpo import GRPO
from tokengan.estimators.ppo import PPO
from tokengan.estimators.rloo import RLOO
from tokengan.noise import Noise
from tokengan.sampling.decoding import Decoding
from tokengan.sampling.write import write

ON = {"lam": 1, "whiten_advantages": False, "loss_type": "sum"}


def other() -> Seen:
    """A reference that is neither the policy nor uniform."""
    return Seen([0.1, 0.7, -0.4], [[0.5, 0.0, 0.2], [-0.3, 0.6, 0.1], [0.0, -0.8, 0.4]])


def kl_of(generator, reference) -> torch.Tensor:
    """KL(pi || ref) by the sum over all sequences."""
    logp, ref = logp_of(generator, everything()), logp_of(reference, everything()).detach()
    return (logp.exp() * (logp - ref)).sum()


def referred(estimator, generator, reference):
    """Attach an estimator that holds to a given reference."""
    game = game_of(generator)
    estimator.attach(game)
    estimator.reference.frozen.network.load_state_dict(reference.state_dict())
    return estimator, game


def test_the_cards_figures() -> None:
    generator = Seen()
    logp, ref = logp_of(generator, everything()).detach(), logp_of(uniform(), everything()).detach()
    found = {name: float(logp.exp() @ kl_tokens(logp, ref, name)) for name in ("k1", "k2", "k3")}
    assert found == pytest.approx({"k1": 0.0908126, "k2": 0.0893881, "k3": 0.0908126}, abs=6e-8)
    assert kl_of(generator, uniform()).item() == pytest.approx(0.0908126, abs=6e-8)
    assert (kl_tokens(logp, ref, "k3") >= 0).all()


def test_as_a_loss_only_k2_and_the_weighted_k3_go_the_right_way() -> None:
    generator, reference = Seen(), other()
    logp, ref = logp_of(generator, everything()), logp_of(reference, everything()).detach()
    p = logp.detach().exp()

    def slope(values):
        return gradient((p * values).sum(), generator)

    right = gradient(kl_of(generator, reference), generator)
    backwards = gradient((ref.exp() * (ref - logp)).sum(), generator)
    assert close(slope(kl_tokens(logp, ref, "k1")), torch.zeros_like(right))
    assert close(slope(kl_tokens(logp, ref, "k2")), right)
    assert close(slope(kl_tokens(logp, ref, "k3")), backwards)
    assert not close(backwards, right, within=1e-2)
    assert close(slope(kl_tokens(logp, ref, "k3") * (logp - logp.detach()).exp()), right)


def test_in_the_reward_the_gradient_is_that_of_the_objective_less_kl() -> None:
    generator, reference = Seen(), other()
    wanted = objective_gradient(generator, everything(), toy_rewards()) - 0.3 * gradient(
        kl_of(generator, reference), generator
    )
    for estimator, size in ((RLOO(None, beta=0.3), 2), (PPO(kl_coef=0.3, **ON), 1)):
        mean, _ = moments(*referred(estimator, generator, reference), size)
        assert close(mean, wanted)
    mean, _ = moments(*referred(PPO(kl_coef=0.3, kl_estimator="k3", **ON), generator, reference))
    assert not close(mean, wanted, within=1e-3)


def test_in_grpos_loss_the_gradient_is_that_of_kl_or_trls_of_the_other_direction() -> None:
    """With equal rewards nothing but the penalty moves the policy."""
    generator, reference, zero = Seen(), other(), torch.zeros(9, dtype=torch.float64)
    right = -0.7 * gradient(kl_of(generator, reference), generator)
    settings = {"num_generations": None, "beta": 0.7, "loss_type": "sum"}
    mean, _ = moments(*referred(GRPO(**settings), generator, reference), 2, rewards=zero)
    assert close(mean, right)
    estimator = GRPO(**settings, use_bias_correction_kl=False)
    mean, _ = moments(*referred(estimator, generator, reference), 2, rewards=zero)
    first, second = reference.first.softmax(0), reference.second.softmax(1)
    prefix = generator.first.detach().softmax(0)
    backwards = -(first * generator.first.log_softmax(0)).sum()
    backwards = backwards - prefix @ (second * generator.second.log_softmax(1)).sum(1)
    assert close(mean, -0.7 * gradient(backwards, generator))


def test_the_reference_is_the_policy_at_the_start_of_the_game() -> None:
    generator, y = Seen(), everything()
    for estimator in (RLOO(None), PPO(), GRPO(3, beta=0.1)):
        game = game_of(generator)
        estimator.attach(game)
        assert not any(p.requires_grad for p in estimator.reference.parameters())
        with torch.no_grad():
            generator.first[0] += 1
        _, before = policy_loss(estimator, y, returns_of(toy_rewards(), y), game)
        assert before["kl"].abs() > 0.01
        estimator.begin()
        _, after = policy_loss(estimator, y, returns_of(toy_rewards(), y), game)
        assert after["kl"] == 0
        assert after["kl_negative"] == 0
        with torch.no_grad():
            generator.first[0] += 1
        _, moved = policy_loss(estimator, y, returns_of(toy_rewards(), y), game)
        assert moved["kl"] != 0
    assert RLOO(beta=0).reference is GRPO().reference is None


def test_a_negative_kl_is_seen_and_explained() -> None:
    """Written at another temperature than it is scored at: the tokens are likelier under the reference."""
    generator = Seen([3.0, 0.0, 0.0], [[3.0, 0.0, 0.0]] * 3)
    reference = Seen([1.5, 0.0, 0.0], [[1.5, 0.0, 0.0]] * 3)
    game = game_of(generator)
    y = write(generator, 500, Noise(torch.Generator().manual_seed(0)), Decoding(temperature=8.0))
    estimator, game = referred(RLOO(2), generator, reference)
    _, logs = policy_loss(estimator, y, returns_of(torch.ones(500, dtype=torch.float64), y), game)
    assert logs["kl_negative"] == 1
    assert logs["behaviour_gap"] > 0.5
    assert "temperature" in (explain_kl(logs["kl"].item()) or "")
    assert explain_kl(0.0) is None


def test_the_reference_is_scored_at_the_policys_temperature() -> None:
    generator = Seen()
    game = game_of(generator)
    game.decoding = Decoding(temperature=0.5)
    found = Reference(generator)(everything(), game)
    torch.testing.assert_close(found, generator.score(everything(), 0.5)["logp"].detach())


def test_kl_estimators_have_names() -> None:
    with pytest.raises(ValueError, match="k1, k2, k3"):
        kl_tokens(torch.zeros(1), torch.zeros(1), "k4")
