"""MaliGAN's importance weights: the card's closed forms."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))
from exact import Seen, close, everything, game_of, gradient, policy_loss, returns_of

from tokengan.estimators.maligan import ImportanceWeights, importance
from tokengan.estimators.reinforce import Reinforce
from tokengan.methods.world import World
from tokengan.schedules import Schedule
from tokengan.sequences import Sequences

CENTRED = Schedule(1.0)


def three_symbols() -> tuple[Seen, Sequences]:
    """A uniform law over three symbols, and each of them once: the exact expectation."""
    tokens = torch.arange(3).unsqueeze(1)
    return Seen([0.0, 0.0, 0.0]), Sequences(tokens, torch.ones_like(tokens, dtype=torch.bool))


@pytest.mark.parametrize("b", [0.0, 0.5, 1.0])
def test_the_cards_three_symbols(b: float) -> None:
    """With the best D the expected direction is p_data - p_G, whatever b is."""
    generator, y = three_symbols()
    d = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
    d = d / (d + 1 / 3)
    assert d.tolist() == pytest.approx([0.600, 0.474, 0.375], abs=6e-4)
    loss, logs = policy_loss(ImportanceWeights(Schedule(b)), y, returns_of(d.logit(), y), game_of(generator))
    expected = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64) - 1 / 3
    assert expected.tolist() == pytest.approx([0.1667, -0.0333, -0.1333], abs=6e-5)
    assert close(-gradient(loss, generator)[:3], expected)
    assert logs["ess"].item() == pytest.approx(3**2 / (1.5**2 + 0.9**2 + 0.6**2))


def test_seqgans_direction_there_is_another() -> None:
    """p_G (D - mean D): what the peers' reward, D in place of D / (1 - D), amounts to."""
    generator, y = three_symbols()
    p = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
    loss, _ = policy_loss(Reinforce(), y, returns_of(p / (p + 1 / 3), y), game_of(generator))
    assert (-gradient(loss, generator)[:3]).tolist() == pytest.approx([0.0390, -0.0031, -0.0360], abs=6e-5)


def test_an_undecided_discriminator_gives_no_gradient() -> None:
    generator, y = Seen(), everything().select(torch.tensor([0, 0, 1, 5]))
    zero = returns_of(torch.zeros(4, dtype=torch.float64), y)
    loss, logs = policy_loss(ImportanceWeights(CENTRED), y, zero, game_of(generator))
    assert gradient(loss, generator).abs().max() == 0
    assert logs["ess_share"].item() == pytest.approx(1)
    loss, _ = policy_loss(ImportanceWeights(), y, zero, game_of(generator))
    assert gradient(loss, generator).abs().max() > 0.1  # b = 0: maximum likelihood on its own sequences


def test_the_softmax_is_the_normalised_ratio_and_stays_finite() -> None:
    logits = torch.randn(64, generator=torch.Generator().manual_seed(0))
    ratio = logits.sigmoid() / (1 - logits.sigmoid())
    torch.testing.assert_close(importance(logits, None, World()) / 64, ratio / ratio.sum(), atol=1e-6, rtol=0)
    for extreme in ([80.0, -80.0], [80.0, 80.0], [-80.0, -80.0], [200.0, 100.0], [-200.0, -200.0]):
        weights = importance(torch.tensor(extreme), None, World())
        assert weights.isfinite().all()
        assert weights.sum() == pytest.approx(2)
    generator, y = Seen(), everything().select(torch.tensor([0, 1]))
    loss, logs = policy_loss(
        ImportanceWeights(CENTRED), y, returns_of(torch.tensor([80.0, -80.0]), y), game_of(generator)
    )
    assert loss.isfinite()
    assert logs["ess"].item() == pytest.approx(1)


def test_each_place_is_normalised_by_itself() -> None:
    """Roll-outs: the returns differ from place to place."""
    generator, y = Seen(), everything().select(torch.tensor([0, 4, 8]))
    q = torch.tensor([[0.0, 1.0], [0.5, -1.0], [-2.0, 3.0]], dtype=torch.float64)
    leaf = generator.score(y)["logp"].detach().requires_grad_()
    game = game_of(generator)
    game.score = lambda y: {"logp": leaf}
    loss, _ = policy_loss(ImportanceWeights(CENTRED), y, q, game)
    (slope,) = torch.autograd.grad(-loss, leaf)
    torch.testing.assert_close(slope * 3, 3 * q.softmax(0) - 1)
    assert slope.sum(0).abs().max() < 1e-12


def test_tempering_and_groups_of_one_prefix() -> None:
    values = torch.tensor([0.0, 1.0, 2.0, 4.0])
    torch.testing.assert_close(importance(values, None, World(), 0.5), 4 * (values / 2).softmax(0))
    torch.testing.assert_close(importance(values, None, World(), 0.0), torch.ones(4))
    grouped = importance(values, 2, World())  # rows 0 and 2 complete one prefix, rows 1 and 3 the other
    torch.testing.assert_close(grouped[[0, 2]], 2 * values[[0, 2]].softmax(0))
    torch.testing.assert_close(grouped[[1, 3]], 2 * values[[1, 3]].softmax(0))
    with pytest.raises(ValueError, match="tempering"):
        ImportanceWeights(tempering=-1)


def test_the_baseline_is_raised_by_update_and_kept() -> None:
    generator, y = Seen(), everything()
    estimator, game = ImportanceWeights(Schedule(0.0, end=1.0, over=2)), game_of(Seen())
    game = game_of(generator)
    sizes = []
    for _ in range(4):
        loss, _ = policy_loss(estimator, y, returns_of(torch.zeros(9, dtype=torch.float64), y), game)
        sizes.append(loss.item())
    assert sizes[0] == pytest.approx(2 * sizes[1])
    assert sizes[2:] == [0, 0]
    assert estimator.state_dict()["updates"] == 4


def test_weights_are_over_all_processes() -> None:
    class Second(World):
        def gather(self, value):
            return torch.cat([theirs, value])

    theirs, mine = torch.tensor([1.0, 2.0]), torch.tensor([0.0, 3.0])
    whole = importance(torch.cat([theirs, mine]), None, World())
    torch.testing.assert_close(importance(mine, None, Second(rank=1, size=2)), whole[2:])
