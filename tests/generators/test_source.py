"""What holds for every generator that writes for a source."""

from __future__ import annotations

import pytest
import torch

from tokengan.errors import UserError
from tokengan.generators.base import Autoregressive
from tokengan.generators.seq2seq import Seq2Seq
from tokengan.generators.source import both_ways
from tokengan.noise import Noise
from tokengan.sampling.rollouts import rollouts
from tokengan.sampling.write import write
from tokengan.sequences import Sequences
from tokengan.spec import Spec

SPEC = Spec(vocab_size=9, max_length=6, start=1, end=2, pad=0, unk=3, condition={"source": 5})


@pytest.fixture
def spec() -> Spec:
    return SPEC


@pytest.fixture
def generator(make_generator) -> Autoregressive:
    if "source" not in make_generator.lacks(Spec(vocab_size=9, max_length=6)):
        pytest.skip("reads no source")
    return make_generator(SPEC).double().eval()


def with_source(x: Sequences, source: Sequences) -> Sequences:
    return x.replace(condition={"source": source})


def cut(source: Sequences, garbage: bool = False) -> Sequences:
    """Return the source without its last column, or with other ids in its padding."""
    if garbage:
        return source.replace(tokens=torch.where(source.mask, source.tokens, 7))
    return source.prefix(int(source.lengths.max()))


@torch.no_grad()
def test_padding_of_the_source_changes_no_law(generator, batch):
    """Neither what stands in the source's padding nor how wide it is changes a log-probability, in either face."""
    short = batch.condition["source"].lengths < 4
    x = batch.select(short)
    expected = generator(x)["logits"]
    for source in (cut(x.condition["source"], garbage=True), cut(x.condition["source"])):
        for face in (generator, lambda x: Autoregressive.forward(generator, x)):
            torch.testing.assert_close(face(with_source(x, source))["logits"], expected, rtol=1e-9, atol=1e-9)
    assert cut(x.condition["source"]).length < SPEC.condition["source"]
    one_by_one = torch.cat([generator(x.select(slice(i, i + 1)))["logits"] for i in range(len(x))])
    torch.testing.assert_close(one_by_one, expected, rtol=1e-9, atol=1e-9)


@torch.no_grad()
def test_every_token_of_the_source_counts(generator, batch):
    x = batch.select(batch.condition["source"].lengths == 5)
    expected = generator(x)["logits"].log_softmax(-1)
    for s in range(4):
        tokens = x.condition["source"].tokens.clone()
        tokens[:, s] = tokens[:, s] % 6 + 3
        changed = generator(with_source(x, x.condition["source"].replace(tokens=tokens)))["logits"].log_softmax(-1)
        assert ((changed - expected)[..., 2:].abs().amax((1, 2)) > 1e-6).all()


def test_gradient_reaches_every_parameter_and_a_relaxed_source(generator, batch):
    """A loss on the targets moves the encoder too, and passes back to a source given as mixtures of words."""
    source = batch.condition["source"]
    soft = torch.nn.functional.one_hot(source.tokens, SPEC.vocab_size).double().requires_grad_()
    x = with_source(batch, source.replace(soft=soft))
    torch.testing.assert_close(generator(x)["logits"], generator(batch)["logits"])
    generator.score(x)["logp"].sum().backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in generator.parameters() if p.requires_grad)
    assert soft.grad[~source.mask].abs().max() == 0
    assert soft.grad.abs().max() > 0


@torch.no_grad()
def test_states_of_batches_with_other_sources_go_under_each_other(generator, batch):
    """Sources of different widths are remembered in one width."""
    one, other = batch.select(batch.condition["source"].lengths < 4), batch
    one = with_source(one, cut(one.condition["source"]))
    together = generator.start(len(one), one.condition)[1].under(generator.start(len(other), other.condition)[1])
    token = torch.cat([one.tokens[:, 0], other.tokens[:, 0]])
    found = generator.step(token, together)[0]["logits"]
    expected = torch.cat([generator(x)["logits"][:, 1] for x in (one, other)])
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


@torch.no_grad()
def test_rollouts_are_of_the_prefixs_own_source(generator, batch):
    """Completions' log-probabilities are those under each row's own source; encoded once, whatever the copies."""
    calls = []
    begin = generator.begin
    generator.begin = lambda rows, condition: calls.append(rows) or begin(rows, condition)
    x = write(generator.float(), len(batch), Noise(torch.Generator().manual_seed(1)), condition=batch.condition)
    calls.clear()
    for lengths, y in rollouts(generator, x, 3, Noise(torch.Generator().manual_seed(2))):
        assert y.copies == 3 * len(lengths)
        assert torch.equal(y.condition["source"].tokens, x.repeat(y.copies).condition["source"].tokens)
    assert calls == [len(x)]


def test_without_a_source_it_refuses(make_generator, generator):
    with pytest.raises(UserError, match="the sequences of this task have none: take the task pairs"):
        make_generator(Spec(vocab_size=9, max_length=6))
    with pytest.raises(UserError, match="there is no source to write for: give one"):
        generator.start(2, {})
    long = Sequences(torch.full((1, 6), 4), torch.ones(1, 6, dtype=torch.bool))
    with pytest.raises(UserError, match="a source of 6 tokens is longer than the 5"):
        generator.start(1, {"source": long})


@torch.no_grad()
def test_attention_is_luongs_by_hand(batch):
    """The law of a step from loops over rows and source tokens."""
    torch.manual_seed(0)
    g = Seq2Seq(SPEC, embedding=5, hidden=6).double().eval()
    x = batch.select(slice(1, 5))
    logits = g(x)["logits"]
    for b in range(len(x)):
        source = x.condition["source"].tokens[b, : x.condition["source"].lengths[b]]
        vectors = g.embedding.weight[source].unsqueeze(0)
        ahead, back = g.forwards[0](vectors)[0][0], g.backwards[0](vectors.flip(1))[0][0].flip(0)
        memory = g.memory(torch.cat([ahead, back], 1))
        h, c = g.bridge(torch.cat([ahead[-1], back[0]])).tanh().view(2, 1, 1, -1)
        read = g.embedding.weight[torch.tensor([SPEC.start, *x.tokens[b, :-1].tolist()])].unsqueeze(0)
        states = g.layers[0](read, (h, c))[0][0]
        for t, state in enumerate(states):
            weights = torch.stack([g.query(state) @ m for m in memory]).softmax(0)
            context = sum(w * m for w, m in zip(weights, memory, strict=True))
            law = g.output(g.join(torch.cat([context, state])).tanh()) + g.closed
            torch.testing.assert_close(logits[b, t].log_softmax(-1), law.log_softmax(-1), rtol=1e-9, atol=1e-9)


@torch.no_grad()
def test_both_ways_is_a_bidirectional_layer():
    """PyTorch's own bidirectional LSTM over packed rows, on the same weights."""
    torch.manual_seed(0)
    real, lengths = torch.nn.LSTM(3, 4, batch_first=True, bidirectional=True), torch.tensor([5, 2, 1])
    ways = torch.nn.LSTM(3, 4, batch_first=True), torch.nn.LSTM(3, 4, batch_first=True)
    for way, ending in zip(ways, ("", "_reverse"), strict=True):
        way.load_state_dict({name: real.state_dict()[name + ending] for name in way.state_dict()})
    x = torch.randn(3, 5, 3)
    packed = torch.nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=True)
    expected, _ = torch.nn.utils.rnn.pad_packed_sequence(real(packed)[0], batch_first=True)
    modules = [torch.nn.ModuleList([way]) for way in ways]
    found = both_ways(x, lengths, *modules, torch.nn.Identity())
    mask = torch.arange(5) < lengths.unsqueeze(1)
    torch.testing.assert_close(found[mask], expected[mask])
