"""Writing and rolling out: exact laws on small vocabularies, chunks that change nothing, masks that hold."""

import itertools

import pytest
import torch

from tokengan.generators.recurrent import GRU, LSTM
from tokengan.generators.transformer import Transformer
from tokengan.noise import Noise
from tokengan.sampling.decoding import Decoding
from tokengan.sampling.law import nll
from tokengan.sampling.rollouts import rollouts
from tokengan.sampling.write import write
from tokengan.sequences import Sequences
from tokengan.spec import Spec

TEXT = Spec(vocab_size=7, max_length=6, start=1, end=2, pad=0, unk=3)
FIXED = Spec(vocab_size=4, max_length=3)
GENERATORS = {
    "lstm": lambda spec: LSTM(spec, hidden=8, init_std=1.0),
    "gru": lambda spec: GRU(spec, hidden=8, init_std=1.0),
    "transformer": lambda spec: Transformer(spec, embedding=8, heads=2, init_std=0.5),
}


def noise(seed: int = 0) -> Noise:
    return Noise(torch.Generator().manual_seed(seed))


def make(name: str, spec: Spec):
    torch.manual_seed(3)
    return GENERATORS[name](spec)


@pytest.mark.parametrize("name", GENERATORS)
def test_samples_follow_the_law_of_forward(name: str) -> None:
    generator, rows = make(name, FIXED), 40_000
    every = torch.tensor(list(itertools.product(range(4), repeat=3)))
    whole = torch.ones_like(every, dtype=torch.bool)
    law = (-nll(generator(Sequences(every, whole)), Sequences(every, whole)).sum(1)).exp()
    assert law.sum().item() == pytest.approx(1, abs=1e-5)
    x = write(generator, rows, noise())
    observed = (x.tokens * torch.tensor([16, 4, 1])).sum(1).bincount(minlength=64).float()
    statistic = ((observed - law * rows) ** 2 / (law * rows)).sum().item() / 63
    assert statistic < 1 + 6 * (2 / 63) ** 0.5


@pytest.mark.parametrize("name", GENERATORS)
@pytest.mark.parametrize("spec", [TEXT, FIXED])
def test_the_stored_logp_is_that_of_the_law(name: str, spec: Spec) -> None:
    generator = make(name, spec)
    x = write(generator, 50, noise())
    expected = torch.where(x.mask, -nll(generator(x), x), 0.0)
    torch.testing.assert_close(x.logp, expected.detach(), atol=2e-5, rtol=0)


@pytest.mark.parametrize("name", GENERATORS)
def test_the_cap_changes_no_token(name: str) -> None:
    generator = make(name, TEXT)
    whole, parts = write(generator, 50, noise()), write(generator, 50, noise(), cap=7)
    assert torch.equal(whole.tokens, parts.tokens)
    assert torch.equal(whole.mask, parts.mask)


def test_more_threads_write_more_rows_at_once_and_the_same_tokens() -> None:
    # A vocabulary so large that one thread writes 104 rows at once and two 419: all tokens are in other chunks.
    generator = make("lstm", Spec(vocab_size=10_000, max_length=4, start=1, end=2, pad=0, unk=3))
    found = []
    for number in (1, 2):
        torch.set_num_threads(number)  # the fixture sets it back
        x = write(generator, 300, noise())
        parts = list(rollouts(generator, x.select(torch.arange(100)), 4, noise(1)))
        found.append((x.tokens, torch.cat([completed.tokens for _, completed in parts]), len(parts)))
    (alone, completed, many), (together, completed_together, fewer) = found
    assert (many, fewer) == (12, 3)
    assert torch.equal(alone, together)
    assert torch.equal(completed, completed_together)


def test_pain_12_nothing_follows_the_end_and_the_end_counts() -> None:
    x = write(make("lstm", TEXT), 300, noise())
    for tokens, mask in zip(x.tokens.tolist(), x.mask.tolist(), strict=True):
        length = tokens.index(2) + 1 if 2 in tokens else len(tokens)
        assert mask == [True] * length + [False] * (len(tokens) - length)
        assert tokens[length:] == [0] * (len(tokens) - length)
        assert 1 not in tokens
        assert 0 not in tokens[:length]
    assert 0 < x.mask.float().mean() < 1


def test_forced_tokens_are_taken_and_not_counted_as_chosen() -> None:
    generator = make("gru", TEXT)
    gold = torch.tensor([[4, 5, 6, 4, 5, 6]] * 20)
    where = torch.tensor([[True, True, False, False, True, False]] * 20)
    x = write(generator, 20, noise(), force=(gold, where))
    alive = x.mask & where
    assert torch.equal(x.tokens[alive], gold[alive])
    assert not (x.chosen & where).any()
    assert torch.equal(x.chosen, x.mask & ~where)


def test_everything_forced_is_teacher_forcing() -> None:
    generator = make("lstm", TEXT)
    gold = torch.tensor([[4, 5, 6, 4, 5, 2]] * 3)
    always = torch.ones_like(gold, dtype=torch.bool)
    fed = write(generator, 3, noise(), force=(gold, always), keep=["logits"], grad=True)
    x = Sequences(gold, always)
    torch.testing.assert_close(fed.outputs["logits"], generator(x)["logits"], atol=1e-6, rtol=0)
    fed.outputs["logits"].logsumexp(-1).sum().backward()
    assert generator.embedding.weight.grad is not None


def test_dropout_is_off_while_writing_and_back_on_after() -> None:
    generator = LSTM(FIXED, hidden=8, dropout=0.9, init_std=1.0).train()
    assert torch.equal(write(generator, 30, noise()).tokens, write(generator, 30, noise()).tokens)
    assert generator.dropout.training


# ---- roll-outs


def plain_rollouts(generator, x: Sequences, n: int, source: Noise) -> dict[tuple[int, int], torch.Tensor]:
    """The straightforward form: every prefix encoded anew, one copy at a time, one token at a time."""
    result = {}
    spec = generator.spec
    for length in range(1, x.length):
        uniforms = source.uniforms(len(x), spec.max_length, n)
        for copy in range(n):
            tokens = torch.full((len(x), spec.max_length), spec.pad or 0)
            tokens[:, :length] = x.tokens[:, :length]
            for row in range(len(x)):
                line = x.tokens[row, :length].tolist()
                if spec.end is not None and (spec.end in line or not x.mask[row, length - 1]):
                    continue
                for t in range(length, spec.max_length):
                    padded = torch.tensor([[*line, 0]])
                    logits = generator(Sequences(padded, torch.ones_like(padded, dtype=torch.bool)))["logits"][0, t]
                    p = logits.double().softmax(-1).cumsum(-1)
                    token = int(torch.searchsorted(p, uniforms[copy, row, t].double(), right=True))
                    line.append(token)
                    tokens[row, t] = token
                    if token == spec.end:
                        break
            result[length, copy] = tokens
    return result


@pytest.mark.parametrize("spec", [TEXT, FIXED], ids=["text", "fixed"])
@pytest.mark.parametrize("name", GENERATORS)
def test_rollouts_equal_the_plain_form_for_every_cap(name: str, spec: Spec) -> None:
    generator, n = make(name, spec).eval(), 3
    x = write(generator, 5, noise(1)).trim()
    with torch.no_grad():
        expected = plain_rollouts(generator, x, n, noise(2))
    for cap in (1, 6, 20, 10_000):
        found = {}
        copies_so_far: dict[int, int] = {}
        for lengths, completed in rollouts(generator, x, n, noise(2), cap=cap):
            block = completed.tokens.view(len(lengths), -1, len(x), spec.max_length)
            assert completed.copies == len(lengths) * block.shape[1]
            for p, length in enumerate(lengths):
                for copy in block[p]:
                    index = copies_so_far.get(length, 0)
                    found[length, index] = copy
                    copies_so_far[length] = index + 1
        assert found.keys() == expected.keys()
        for key in expected:
            assert torch.equal(found[key], expected[key]), (cap, key)


def test_a_rollout_keeps_its_prefix_and_the_last_changes_one_token() -> None:
    generator = make("lstm", FIXED)
    x = write(generator, 20, noise(1))
    for lengths, completed in rollouts(generator, x, 4, noise(2), cap=1):
        tokens = completed.tokens.view(-1, 20, 3)
        (length,) = lengths
        assert (tokens[:, :, :length] == x.tokens[:, :length]).all()
        assert torch.equal(completed.chosen, completed.mask & (torch.arange(3) >= length))


def test_rollouts_repeat_condition_and_columns() -> None:
    generator = make("lstm", FIXED)
    x = write(generator, 2, noise(1)).replace(condition={"label": torch.tensor([3, 4])}, columns={"name": ["a", "b"]})
    lengths, completed = next(rollouts(generator, x, 2, noise(2)))
    assert completed.condition["label"].tolist() == [3, 4] * 2 * len(lengths)
    assert completed.columns["name"] == ["a", "b"] * 2 * len(lengths)


def test_rollout_law_is_the_generators() -> None:
    """Completions of one token follow the law of the last position given the prefix."""
    generator, rows = make("gru", FIXED), 200
    x = write(generator, 1, noise(1)).repeat(rows)
    law = generator(x)["logits"][0, 2].softmax(-1)
    drawn = torch.cat([c.tokens[:, 2] for _, c in rollouts(generator, x, 100, noise(2), lengths=[2])])
    observed = drawn.bincount(minlength=4).float()
    statistic = ((observed - law * len(drawn)) ** 2 / (law * len(drawn))).sum().item() / 3
    assert statistic < 1 + 6 * (2 / 3) ** 0.5


def test_a_decoding_is_obeyed_by_rollouts() -> None:
    generator = make("lstm", FIXED)
    x = write(generator, 8, noise(1))
    for _, completed in rollouts(generator, x, 3, noise(2), Decoding(greedy=True), lengths=[1]):
        assert (completed.tokens.view(3, 8, 3) == completed.tokens.view(3, 8, 3)[0]).all()
