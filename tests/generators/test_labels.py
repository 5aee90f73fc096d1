"""Generators that read a label: each member sees its own rows, a shared one writes no label, and both need one."""

from __future__ import annotations

import pytest
import torch

from tokengan.generators.conditional import Conditional
from tokengan.generators.per_label import PerLabel
from tokengan.generators.recurrent import LSTM
from tokengan.noise import Noise
from tokengan.sampling.law import nll
from tokengan.sampling.rollouts import rollouts
from tokengan.sampling.write import write
from tokengan.sequences import Sequences
from tokengan.spec import Spec

SPEC = Spec(vocab_size=9, max_length=5, start=1, end=2, pad=0, unk=3, labels=3)


def lstm(spec: Spec) -> LSTM:
    return LSTM(spec, embedding=4, hidden=5, init_std=1.0)


def noise() -> Noise:
    return Noise(torch.Generator().manual_seed(0))


@pytest.mark.parametrize("network", [PerLabel, Conditional])
def test_the_label_decides_and_rows_may_stand_in_any_order(network) -> None:
    torch.manual_seed(0)
    generator = network(SPEC, lstm).eval()
    assert generator.needs == {"label"}
    labels = torch.tensor([2, 0, 1, 0, 2, 2])
    x = write(generator, 6, noise(), condition={"label": labels})
    outputs, order = generator(x)["logits"], torch.tensor([3, 5, 0, 1, 4, 2])
    torch.testing.assert_close(generator(x.select(order))["logits"], outputs[order])
    other = generator(x.replace(condition={"label": (labels + 1) % 3}))["logits"]
    assert (other - outputs).abs().amax((1, 2)).min() > 1e-3
    with pytest.raises(ValueError, match="have none"):
        write(generator, 2, noise())
    plain = network(Spec(vocab_size=9, max_length=5), lstm)
    assert plain.needs == frozenset()
    assert write(plain, 2, noise()).tokens.shape == (2, 5)


@pytest.mark.parametrize("network", [PerLabel, Conditional])
def test_rollouts_keep_their_label(network) -> None:
    """Completions are under the law of the row's own label: a label that writes only one word shows it."""
    torch.manual_seed(0)
    generator = network(SPEC, lstm).eval()
    x = write(generator, 6, noise(), condition={"label": torch.tensor([0, 1, 2, 0, 1, 2])})
    for lengths, y in rollouts(generator, x, 4, noise()):
        labels = y.condition["label"].view(len(lengths) * 4, 6)
        assert torch.equal(labels, torch.tensor([[0, 1, 2, 0, 1, 2]]).expand(len(lengths) * 4, 6))


def test_each_member_sees_its_own_rows_alone() -> None:
    torch.manual_seed(0)
    generator = PerLabel(SPEC, lstm)
    alone = list(generator.members)
    x = Sequences(torch.randint(3, 9, (6, 5)), torch.ones(6, 5).bool(), condition={"label": torch.tensor([0, 2] * 3)})
    for k in (0, 2):
        own = x.select(x.condition["label"] == k)
        torch.testing.assert_close(generator(x)["logits"][x.condition["label"] == k], alone[k](own)["logits"])
        torch.testing.assert_close(generator.score(own)["logp"], alone[k].score(own)["logp"])
    nll(generator(x), x).sum().backward()
    moved = [any(p.grad is not None and p.grad.abs().sum() > 0 for p in member.parameters()) for member in alone]
    assert moved == [True, False, True]


def test_a_member_without_rows_is_no_hindrance() -> None:
    """Rows end one by one, and those of a label may be gone before the others'."""
    generator = PerLabel(SPEC, lstm).eval()
    _, state = generator.start(3, {"label": torch.tensor([0, 1, 2])})
    later = state.select(torch.tensor([2, 2]))
    outputs, after = generator.step(torch.tensor([4, 5]), later)
    assert outputs["logits"].shape == (2, 9)
    assert after.rows["label"].tolist() == [2, 2]
    again, _ = generator.step(torch.tensor([4, 4, 4]), state)
    torch.testing.assert_close(again["logits"][2], outputs["logits"][0])


def test_a_shared_generator_writes_no_label() -> None:
    torch.manual_seed(0)
    generator = Conditional(SPEC, lstm).eval()
    with torch.no_grad():  # the member would write nothing else if it could
        generator.member.output.bias[9:] = 50.0
    condition = {"label": torch.arange(60) % 3}
    y = write(generator, 60, noise(), condition=condition)
    assert y.tokens.max() < 9
    assert generator(y)["logits"].shape == (60, 5, 9)
    laws = generator(y)["logits"].log_softmax(-1).gather(-1, y.tokens.unsqueeze(-1)).squeeze(-1)
    torch.testing.assert_close(generator.score(y)["logp"][y.mask], laws[y.mask], rtol=1e-5, atol=1e-5)
