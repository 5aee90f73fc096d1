"""What the CNN leaks: features of every prefix, in two faces, against reading every prefix anew."""

from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from tokengan.discriminators.cnn import HighwayCNN
from tokengan.generators.reader import Reader
from tokengan.sequences import Sequences
from tokengan.spec import Spec

# Windows of one token, of some, as long as the longest sequence and longer than any.
WIDTHS = {"mixed": [1, 2, 3], "long": [1, 5, 7, 9], "lone": [4]}


@pytest.fixture(params=WIDTHS)
def judge(request, spec) -> HighwayCNN:
    torch.manual_seed(2)
    widths = WIDTHS[request.param]
    return HighwayCNN(spec, embedding=4, widths=widths, filters=[3 + i for i in range(len(widths))]).eval()


def anew(judge: HighwayCNN, x: Sequences) -> torch.Tensor:
    """Return the features of every prefix by reading each, followed by padding, from its first token."""
    places = torch.arange(x.length)
    return torch.stack(
        [judge(x.replace(mask=x.mask & (places < t), chosen=x.mask))["features"] for t in range(x.length + 1)], dim=1
    )


def stepped(judge: HighwayCNN, x: Sequences) -> torch.Tensor:
    features, state = judge.start(len(x))
    kept = [features]
    for t in range(x.length):
        features, state = judge.step(x.tokens[:, t] if x.soft is None else x.soft[:, t], state)
        kept.append(features)
    return torch.stack(kept, dim=1)


@torch.no_grad()
def test_both_faces_are_the_full_pass_over_each_prefix(judge, batch):
    assert isinstance(judge, Reader)
    expected = anew(judge, batch)
    for face in (judge.prefixes, lambda x: stepped(judge, x)):
        torch.testing.assert_close(face(batch), expected, rtol=1e-5, atol=1e-5)
        short = batch.prefix(2)
        torch.testing.assert_close(face(short), expected[:, :3], rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_what_stands_after_the_end_is_not_read(judge, spec, batch):
    garbage = batch.replace(tokens=torch.where(batch.mask, batch.tokens, spec.vocab_size - 1))
    for face in (judge.prefixes, lambda x: stepped(judge, x)):
        torch.testing.assert_close(face(garbage), face(batch))


@torch.no_grad()
def test_the_last_is_the_whole_sentences_and_the_first_is_everybodys(judge, batch):
    features = judge.prefixes(batch)
    torch.testing.assert_close(features[:, -1], judge(batch)["features"])
    assert (features[:, 0] == features[0, 0]).all()
    assert (stepped(judge, batch)[:, 0] == stepped(judge, batch)[0, 0]).all()


@torch.no_grad()
def test_relaxed_tokens_at_a_corner_are_the_ids(judge, spec, batch):
    soft = batch.replace(soft=torch.nn.functional.one_hot(batch.tokens, spec.vocab_size).float())
    for face in (judge.prefixes, lambda x: stepped(judge, x)):
        torch.testing.assert_close(face(soft), face(batch), rtol=1e-5, atol=1e-6)


@torch.no_grad()
def test_a_kept_state_goes_on_twice_and_with_other_rows_under_it(judge, batch):
    expected = stepped(judge, batch)
    _, state = judge.start(len(batch))
    for t in range(3):
        _, state = judge.step(batch.tokens[:, t], state)
    judge.step(batch.tokens[:, 0], state)  # another continuation of the same state
    rows = torch.arange(len(batch) - 1, -1, -1)
    both = state.select(rows).under(state.repeat(2))
    tokens = torch.cat([batch.tokens[rows], batch.tokens, batch.tokens])
    features, _ = judge.step(tokens[:, 3], both)
    torch.testing.assert_close(features, torch.cat([expected[rows], expected, expected])[:, 4])


@torch.no_grad()
def test_at_length_32_a_step_costs_a_fifth_of_reading_the_prefix_anew():
    """In products, which no other process disturbs; benchmarks/speed.py has the seconds."""
    spec = Spec(vocab_size=20, max_length=32)
    judge = HighwayCNN(spec, widths=[1, 2, 3, 4, 5], filters=[50, 100, 100, 100, 100]).eval()
    tokens = torch.randint(20, (4, 32))
    x, cost = Sequences(tokens, torch.ones_like(tokens, dtype=torch.bool)), {}
    for name, face in {"anew": anew, "stepped": stepped}.items():
        with FlopCounterMode(display=False) as counter:
            face(judge, x)
        cost[name] = counter.get_total_flops()
    assert cost["anew"] > 5 * cost["stepped"]
