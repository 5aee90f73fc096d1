"""What keeps a critic Lipschitz, against the card (methods/wgan.md): closed forms and finite differences."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from tokengan.discriminators.base import Discriminator, Judged
from tokengan.discriminators.cnn import HighwayCNN
from tokengan.discriminators.recurrent import RecurrentDiscriminator
from tokengan.discriminators.transformer import TransformerDiscriminator
from tokengan.generators.base import Outputs
from tokengan.losses.constraints import Clip, Constraint, Unconstrained
from tokengan.losses.gradient_penalty import R1, GradientPenalty, between, slopes
from tokengan.losses.wasserstein import Wasserstein
from tokengan.sequences import Sequences, pad_lists
from tokengan.spec import Spec

SPEC = Spec(vocab_size=5, max_length=4)


class OneHot(Discriminator):
    """Reads one-hot rows as they are."""

    def __init__(self, spec: Spec = SPEC) -> None:
        super().__init__(spec, spec.vocab_size)
        self.embedding.weight.data = torch.eye(spec.vocab_size, dtype=torch.float64)


class Linear(OneHot):
    """f(e) = <w, e> over the whole [T,E] block."""

    def __init__(self, norm: float) -> None:
        super().__init__()
        weight = torch.randn(SPEC.max_length, SPEC.vocab_size, dtype=torch.float64)
        self.weight = nn.Parameter(norm * weight / weight.norm())

    def score(self, embedded: Tensor, x: Sequences) -> Outputs:
        """Return <w, e>."""
        return {"logits": (embedded * self.weight[: x.length]).sum((1, 2))}


class Bowl(OneHot):
    """f(e) = |e|^2 / 2, whose slope at e is e."""

    def score(self, embedded: Tensor, x: Sequences) -> Outputs:
        """Return half the squared norm."""
        return {"logits": embedded.square().sum((1, 2)) / 2}


class ThreeUnits(OneHot):
    """A tanh layer of three units."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(SPEC.max_length * SPEC.vocab_size, 3).double()
        self.out = nn.Linear(3, 1).double()

    def score(self, embedded: Tensor, x: Sequences) -> Outputs:
        """Return the critic's value."""
        return {"logits": self.out(self.hidden(embedded.flatten(1)).tanh()).squeeze(1)}


def whole(*rows: list[int]) -> Sequences:
    """Return rows of equal length."""
    tokens = torch.tensor(rows)
    return Sequences(tokens, torch.ones_like(tokens).bool())


REAL, FAKE = whole([0, 1, 2, 3], [4, 4, 0, 1]), whole([1, 1, 3, 3], [4, 0, 0, 2])
U = torch.tensor([0.25, 0.8], dtype=torch.float64)


@pytest.mark.parametrize(
    ("constraint", "norm", "expected"),
    [
        (GradientPenalty(), 3.0, 40.0),
        (GradientPenalty(), 1.0, 0.0),
        (GradientPenalty(), 0.5, 2.5),
        (GradientPenalty(sides="one"), 0.5, 0.0),
        (GradientPenalty(sides="one"), 3.0, 40.0),
        (GradientPenalty(weight=2.0, centre=0.0), 3.0, 18.0),
        (R1(), 3.0, 45.0),
        (R1(weight=1.0), 1.0, 0.5),
    ],
)
def test_a_linear_critic(constraint, norm, expected):
    """The norm is that of the whole block: norms per position, of which none is 3, would give another penalty."""
    penalty, metrics = constraint.penalty(Linear(norm), REAL, FAKE, U)
    assert penalty.item() == pytest.approx(expected, abs=1e-12)
    assert metrics["input_gradient_norm"].item() == pytest.approx(norm)
    assert metrics["penalty"] == penalty
    assert not any(value.requires_grad for value in metrics.values())


def test_one_uniform_a_row():
    """Each row lies at its own u between real (u = 0) and fake; one u for the batch would put both at the same."""
    critic = Bowl()
    points, x = between(critic, REAL, FAKE, U)
    expected = [r + u * (f - r) for r, f, u in zip(critic.embed(REAL), critic.embed(FAKE), U, strict=True)]
    torch.testing.assert_close(points, torch.stack(expected))
    torch.testing.assert_close(slopes(critic, points, x), points.flatten(1).norm(dim=1))
    penalty, metrics = GradientPenalty().penalty(critic, REAL, FAKE, U)
    norms = [point.norm().item() for point in expected]
    assert penalty.item() == pytest.approx(10 * sum((n - 1) ** 2 for n in norms) / 2)
    assert metrics["input_gradient_norm"].item() == pytest.approx(sum(norms) / 2)
    penalty, _ = R1().penalty(critic, REAL, FAKE, U)
    assert penalty.item() == pytest.approx(5 * 4)  # four one-hot rows: |e|^2 = 4, at real sequences only


def test_one_hot_geometry():
    """k substitutions are sqrt(2k) apart; a uniform row is sqrt(1 - 1/V) from any word."""
    critic = OneHot()
    apart = (critic.embed(REAL) - critic.embed(FAKE)).flatten(1).norm(dim=1)
    assert apart.tolist() == pytest.approx([math.sqrt(4), math.sqrt(4)])  # two places differ in both
    soft = torch.full((2, 4, 5), 0.2, dtype=torch.float64)
    far = (critic.embed(REAL) - critic.embed(REAL.replace(soft=soft))).norm(dim=2)
    torch.testing.assert_close(far, torch.full((2, 4), math.sqrt(1 - 1 / 5), dtype=torch.float64))


def critics() -> dict[str, Discriminator]:
    """Return a small critic of every kind, in float64."""
    torch.manual_seed(0)
    small = {
        "three units": ThreeUnits(),
        "cnn": HighwayCNN(SPEC, embedding=3, widths=[1, 2, 6], filters=[4, 4, 4]),
        "gru": RecurrentDiscriminator(SPEC, embedding=3, hidden=3),
        "lstm": RecurrentDiscriminator(SPEC, embedding=3, hidden=3, layers=2, cell="lstm", pooling="max"),
        "transformer": TransformerDiscriminator(SPEC, embedding=4, heads=2, layers=1, init_std=0.5),
    }
    return {name: critic.double() for name, critic in small.items()}


@pytest.mark.parametrize("constraint", [GradientPenalty(), GradientPenalty(sides="one", centre=0.01), R1()])
@pytest.mark.parametrize("kind", critics())
def test_finite_differences(kind, constraint):
    """The penalty's gradient over all of a critic's weights, embeddings too, along three random directions."""
    critic = critics()[kind]
    parameters = [p for p in critic.parameters() if p.requires_grad]
    penalty, _ = constraint.penalty(critic, REAL, FAKE, U)
    assert penalty > 0
    found = torch.autograd.grad(penalty, parameters, allow_unused=True)
    for _ in range(3):
        ways = [torch.randn_like(p) for p in parameters]
        slope = sum(float((g * w).sum()) for g, w in zip(found, ways, strict=True) if g is not None)
        sides = []
        for size in (1e-6, -2e-6):
            with torch.no_grad():
                for parameter, way in zip(parameters, ways, strict=True):
                    parameter += size * way
            sides.append(constraint.penalty(critic, REAL, FAKE, U)[0].item())
        with torch.no_grad():
            for parameter, way in zip(parameters, ways, strict=True):
                parameter += 1e-6 * way
        assert (sides[0] - sides[1]) / 2e-6 == pytest.approx(slope, rel=1e-4)


def widen(x: Sequences, columns: int, fill: int) -> Sequences:
    """Return the batch with padding columns behind it."""
    tokens = nn.functional.pad(x.tokens, (0, columns), value=fill)
    soft = None if x.soft is None else nn.functional.pad(x.soft, (0, 0, 0, columns), value=0.3)
    return Sequences(tokens, nn.functional.pad(x.mask, (0, columns)), condition=x.condition, soft=soft)


@pytest.mark.parametrize("constraint", [GradientPenalty(), R1()], ids=["gradient penalty", "R1"])
def test_every_discriminator(make_discriminator, spec, batch, constraint):
    """Moves the weights, repeats itself in spite of dropout, and reads nothing in the padding, wherever it is."""
    critic = make_discriminator(spec).double().train()
    # No token twice in a row: the slope of a maximum of two equal windows depends on how a matrix product rounds.
    first = 3 if spec.end is not None else 0
    others = torch.stack([torch.randperm(spec.vocab_size - first) + first for _ in range(len(batch))])
    others = torch.nn.functional.pad(others, (0, 1))[:, : batch.length]
    tokens = torch.where(batch.mask & (batch.tokens != (-1 if spec.end is None else spec.end)), others, batch.tokens)
    batch = batch.replace(tokens=tokens)
    real, fake = batch, batch.select(torch.arange(len(batch)).roll(3))
    u = torch.rand(len(batch), dtype=torch.float64)
    penalty, metrics = constraint.penalty(critic, real, fake, u)
    assert critic.training
    assert metrics["input_gradient_norm"] > 0
    penalty.backward()
    slopes = [p.grad for p in critic.parameters() if p.grad is not None]
    assert all(slope.isfinite().all() for slope in slopes)
    assert any(slope.abs().sum() > 0 for slope in slopes)
    same = [(real, fake), (widen(real, 2, 1), fake), (real, widen(fake, 3, 1)), (widen(real, 1, 1), widen(fake, 4, 2))]
    for one, other in same:
        torch.testing.assert_close(constraint.penalty(critic, one, other, u)[0], penalty, rtol=1e-10, atol=1e-10)
    if spec.end is not None:
        garbage = [x.replace(tokens=torch.where(x.mask, x.tokens, spec.vocab_size - 1)) for x in (real, fake)]
        torch.testing.assert_close(constraint.penalty(critic, *garbage, u)[0], penalty, rtol=1e-10, atol=1e-10)
    short = real.select(real.lengths <= 2).trim()
    if len(short):  # shorter than the widest windows, with and without columns that stand for nothing
        u = u[: len(short)]
        expected = constraint.penalty(critic, short, short, u)[0]
        wide = widen(short, spec.max_length - short.length, 1)
        torch.testing.assert_close(constraint.penalty(critic, wide, wide, u)[0], expected, rtol=1e-10, atol=1e-10)


@torch.no_grad()
def test_no_row_is_normalised_by_the_rows_beside_it(make_discriminator, spec, batch):
    """A batch norm would make a row's slope that of the batch; in training mode, where it would show."""
    critic = make_discriminator(spec, dropout=0.0).double().train()
    expected = critic(batch)["logits"]
    for row in range(len(batch)):
        alone = critic(batch.select(slice(row, row + 1)))["logits"]
        torch.testing.assert_close(alone, expected[row : row + 1], rtol=1e-10, atol=1e-10)


def test_pairs_of_different_lengths():
    """The shorter is filled up with zeros, the longer says where the row ends."""
    critic = Bowl()
    real = Sequences(*pad_lists([[3, 2], [1, 1, 1]], pad=0))
    fake = Sequences(*pad_lists([[4, 4, 4, 4], [2]], pad=0))
    points, x = between(critic, real, fake, U)
    assert x.lengths.tolist() == [4, 3]
    eye = torch.eye(5, dtype=torch.float64)
    zero = torch.zeros(5, dtype=torch.float64)
    first = [0.75 * eye[3] + 0.25 * eye[4], 0.75 * eye[2] + 0.25 * eye[4], 0.25 * eye[4], 0.25 * eye[4]]
    second = [0.2 * eye[1] + 0.8 * eye[2], 0.2 * eye[1], 0.2 * eye[1], zero]
    torch.testing.assert_close(points, torch.stack([torch.stack(first), torch.stack(second)]))


def test_pairs_of_different_numbers():
    """Rows without a partner are left out; too few uniforms are refused; conditions are the real row's."""
    critic = Bowl()
    more = Sequences.cat([REAL, FAKE])
    few = GradientPenalty().penalty(critic, REAL, FAKE, U)[0]
    assert GradientPenalty().penalty(critic, REAL, Sequences.cat([FAKE, REAL]), U)[0] == few
    assert GradientPenalty().penalty(critic, more, FAKE, torch.cat([U, U]))[0] == few
    with pytest.raises(ValueError, match="4 pairs need a uniform number each, and there are 2"):
        GradientPenalty().penalty(critic, more, more, U)
    labelled = REAL.replace(condition={"label": torch.tensor([1, 0])})
    assert between(critic, labelled, FAKE, U)[1].condition["label"].tolist() == [1, 0]


def test_fakes_get_no_gradient():
    """A relaxed sample is cut from its generator, and the critic's modes and inputs stay as they were."""
    critic = critics()["gru"]
    soft = torch.rand(2, 4, 5, dtype=torch.float64).requires_grad_()
    real = REAL.replace(soft=torch.rand(2, 4, 5, dtype=torch.float64).requires_grad_())
    penalty, _ = GradientPenalty().penalty(critic, real, FAKE.replace(soft=soft), U)
    penalty.backward()
    assert soft.grad is None
    assert real.soft.grad is None
    assert critic.embedding.weight.grad is not None
    assert torch.is_grad_enabled()


def test_frozen_embeddings_and_flat_critics():
    """Embeddings that do not move are no obstacle; a slope of exactly 0 has a finite gradient."""
    critic = critics()["cnn"]
    critic.embedding.requires_grad_(False)
    expected = GradientPenalty().penalty(critic, REAL, FAKE, U)[0]
    expected.backward()
    assert critic.embedding.weight.grad is None
    flat = Linear(1.0)
    flat.weight.data.zero_()
    penalty, _ = GradientPenalty().penalty(flat, REAL, FAKE, U)
    penalty.backward()
    assert penalty.item() == 10
    assert flat.weight.grad.isfinite().all()


def test_the_penalty_holds_the_slope_at_one():
    """A linear critic of two point masses, c apart: the estimate is c |w|, and |w| settles at 1 + c / (2 lambda)."""
    torch.manual_seed(1)
    real, fake = whole([0, 1, 2, 3]), whole([0, 1, 2, 4])
    critic = Linear(0.1)
    critic.embedding.requires_grad_(False)
    for _ in range(200):
        game = Wasserstein().discriminator(Judged(critic(real), real), Judged(critic(fake), fake))
        penalty, metrics = GradientPenalty().penalty(critic, real, fake, torch.rand(1))
        (slope,) = torch.autograd.grad(game[0] + penalty, critic.weight)
        with torch.no_grad():
            critic.weight -= 0.02 * slope
    far = math.sqrt(2)
    assert metrics["input_gradient_norm"].item() == pytest.approx(1 + far / 20, rel=1e-3)
    assert game[1]["wasserstein"].item() == pytest.approx(far * (1 + far / 20), rel=1e-3)


def test_clipping_and_no_constraint():
    """Every weight within the limit after a step, the embeddings too; otherwise nothing happens at all."""
    critic = critics()["cnn"]
    kept = {name: value.clone() for name, value in critic.state_dict().items()}
    for constraint in (Constraint(), Unconstrained(), GradientPenalty(), R1()):
        constraint.after(critic)
    assert all(torch.equal(value, kept[name]) for name, value in critic.state_dict().items())
    for constraint in (Unconstrained(), Clip()):
        penalty, metrics = constraint.penalty(critic, REAL, FAKE, U)
        assert penalty.item() == 0
        assert penalty.shape == ()
        assert metrics == {}
    Clip(0.05).after(critic)
    for name, value in critic.named_parameters():
        torch.testing.assert_close(value.detach(), kept[name].clamp(-0.05, 0.05))
    for wrong in (lambda: Clip(0.0), lambda: GradientPenalty(weight=-1.0), lambda: R1(-1.0)):
        with pytest.raises(ValueError, match=r"positive|negative"):
            wrong()
