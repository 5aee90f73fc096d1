"""Manager and Worker: which goals are summed, what the law is, and that the discriminator is only read."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
import torch
from safetensors.torch import save
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from tokengan.discriminators.cnn import HighwayCNN
from tokengan.errors import UserError
from tokengan.generators.ensemble import Ensemble
from tokengan.generators.manager_worker import ManagerWorker
from tokengan.methods.parts import lend
from tokengan.sequences import Sequences
from tokengan.spec import Spec

SIZES = {"vocab_size": 7, "max_length": 6}


def pair(**settings: Any) -> tuple[ManagerWorker, HighwayCNN]:
    torch.manual_seed(1)
    judge = HighwayCNN(Spec(**SIZES), embedding=4, widths=[1, 2, 3], filters=[3, 4, 5], dropout=0.5)
    made = ManagerWorker(Spec(**SIZES, features=12), **{"embedding": 5, "hidden": 6, "goal": 3, **settings})
    lend(made, judge)
    return made.eval(), judge


def some(rows: int = 4) -> Sequences:
    tokens = torch.randint(7, (rows, 6), generator=torch.Generator().manual_seed(rows))
    return Sequences(tokens, torch.ones_like(tokens, dtype=torch.bool))


@pytest.mark.parametrize("form", ["sliding", "piecewise"])
@pytest.mark.parametrize("c", [1, 2, 4, 7])
@torch.no_grad()
def test_the_goals_that_are_summed(form, c) -> None:
    """Sliding: g_t and the c - 1 before it. Piecewise: those of the window before, in the first one what is learnt."""
    generator, _ = pair(goals=form, window=c)
    goals = torch.randn(2, 6, 12)
    found = generator._sums(goals)
    for t in range(6):
        if form == "sliding":
            expected = sum(goals[:, s] for s in range(max(t - c + 1, 0), t + 1))
        elif t < c:
            expected = generator.first.expand(2, -1)
        else:
            expected = sum(goals[:, s] for s in range((t // c - 1) * c, t // c * c))
        torch.testing.assert_close(found[:, t], expected)


@torch.no_grad()
def test_the_law_is_a_matrix_times_a_goal() -> None:
    """O_t [V,k] as the paper has it, built here slowly; and the sub-goals' sizes change nothing."""
    generator, _ = pair()
    x = some()
    outputs = generator(x)
    goals, features = generator.plan(x)
    assert (goals.shape, features.shape) == ((4, 6, 12), (4, 7, 12))
    torch.testing.assert_close(goals.norm(dim=-1), torch.ones(4, 6))
    hidden, _ = generator.worker(generator.read(x))
    weight, bias = generator.output.weight.view(7, 7, 3), generator.output.bias
    for t in range(6):
        w = generator.psi(generator._sums(goals)[:, t])
        w = w / w.norm(dim=-1, keepdim=True)
        o = torch.einsum("bh,vhk->bvk", hidden[:, t], weight[:, :6]) + weight[:, 6]
        torch.testing.assert_close(outputs["logits"][:, t], torch.einsum("bvk,bk->bv", o, w) + bias)
    for parameter in generator.direction.parameters():
        parameter.mul_(5)
    torch.testing.assert_close(generator(x)["logits"], outputs["logits"])


@torch.no_grad()
def test_one_first_goal_for_rows_of_any_number() -> None:
    generator, _ = pair(goals="piecewise", window=3)
    assert generator.first.shape == (12,)
    for rows in (1, 5):
        outputs, _ = generator.start(rows, {})
        torch.testing.assert_close(outputs["logits"], outputs["logits"][:1].expand(rows, -1))


class Largest(TorchDispatchMode):
    """Notes the largest tensor that is made."""

    size = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for tensor in out if isinstance(out, tuple | list) else [out]:
            if isinstance(tensor, torch.Tensor):
                self.size = max(self.size, tensor.numel())
        return out


def test_a_matrix_for_every_place_is_never_made() -> None:
    spec = Spec(vocab_size=800, max_length=6, features=4)
    generator = ManagerWorker(spec, embedding=5, hidden=6, goal=16)
    lend(generator, HighwayCNN(spec, embedding=4, widths=[1], filters=[4]))
    x = some(32)
    with Largest() as largest:
        generator.score(x)["logp"].sum().backward()
    assert largest.size <= 32 * 6 * 800  # the logits themselves


def test_the_discriminator_is_read_as_it_judges_and_left_as_it_was() -> None:
    """Dropout off, though it trains; no gradient, buffer or mode of it changes; nothing of it is the reader's."""
    generator, judge = pair()
    judge.train()
    judge.convolutions[0].eval()
    before, modes = deepcopy(judge.state_dict()), [part.training for part in judge.modules()]
    x = some()
    score = generator.score(x)["logp"]
    torch.testing.assert_close(generator.score(x)["logp"], score)
    outputs, state = generator.train().start(4, {})
    generator.step(x.tokens[:, 0], state)
    score.sum().backward()
    assert all(torch.equal(value, before[name]) for name, value in judge.state_dict().items())
    assert [part.training for part in judge.modules()] == modes
    assert all(parameter.grad is None for parameter in judge.parameters())
    assert not outputs["features"].requires_grad
    assert not any("lent" in name or "judge" in name for name in generator.state_dict())
    assert {id(p) for p in generator.parameters()}.isdisjoint({id(p) for p in judge.parameters()})
    save(nn.ModuleList([judge, generator]).state_dict())  # safetensors refuses a tensor that has two owners


@torch.no_grad()
def test_a_copy_reads_the_same_discriminator_and_with_it_copied_the_copy() -> None:
    generator, judge = pair()
    x = some()
    alone, together = deepcopy(generator), deepcopy(nn.ModuleList([judge, generator]))
    assert alone.lent.module is judge
    assert together[1].lent.module is together[0]
    law = generator(x)["logits"]
    judge.embedding.weight.mul_(-3)
    assert not torch.equal(alone(x)["logits"], law)
    torch.testing.assert_close(together[1](x)["logits"], law)


def test_members_of_an_ensemble_are_lent_it_too() -> None:
    judge = HighwayCNN(Spec(**SIZES), embedding=4, widths=[1], filters=[12])
    both = Ensemble(Spec(**SIZES, features=12), lambda spec: ManagerWorker(spec, 4, 4, 2))
    assert lend(both, judge)
    assert both(some())["logits"].shape == (4, 6, 7)


def test_without_a_discriminator_it_is_refused() -> None:
    with pytest.raises(UserError, match="there is no discriminator that gives any"):
        ManagerWorker(Spec(**SIZES))
    with pytest.raises(UserError, match="this method trains none"):
        lend(ManagerWorker(Spec(**SIZES, features=12)), None)


def test_features_seen_before_are_read_and_not_made_again() -> None:
    """The law, the goals and the gradient are the same; a batch that was cut since is read anew."""
    made, judge = pair()
    x = some()
    seen = made.seen(x)
    made.score(x)["logp"].sum().backward()
    expected = [p.grad.clone() for p in made.parameters() if p.grad is not None]
    cut = made.score(x.prefix(4))["logp"]
    judge.forward = judge.prefixes = None  # pyright: ignore  # whoever asked it now would fail
    made.zero_grad()
    made.score(seen)["logp"].sum().backward()
    torch.testing.assert_close([p.grad for p in made.parameters() if p.grad is not None], expected)
    del judge.forward, judge.prefixes
    torch.testing.assert_close(made.score(seen.prefix(4))["logp"], cut)
