"""What holds for every registered generator that steps: two faces, one distribution."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from safetensors.torch import load_file, save_file

from tokengan.generators.base import Autoregressive, Condition, Outputs, State, rows_of
from tokengan.generators.projected import Projected
from tokengan.generators.recurrent import GRU, LSTM
from tokengan.generators.transformer import Transformer
from tokengan.modes import without_dropout
from tokengan.noise import Noise
from tokengan.sampling.law import entropy, nll
from tokengan.sampling.write import write
from tokengan.sequences import Sequences, tidy
from tokengan.spec import Spec


@pytest.fixture
def generator(make_generator, spec) -> Autoregressive:
    """Return the generator in eval mode."""
    if make_generator.lacks(spec):
        pytest.skip("the task does not have what it writes for")
    made = make_generator(spec).eval()
    if not isinstance(made, Autoregressive):
        pytest.skip("does not write one token at a time")
    return made


def drawn(generator: Autoregressive, rows: int) -> Condition:
    """Return what the generator draws itself."""
    return generator.prior(rows, Noise(torch.Generator().manual_seed(11)))


@pytest.fixture
def batch(batch: Sequences, generator: Autoregressive) -> Sequences:
    """Return the batch under conditions that the generator drew, where it draws some."""
    return batch.replace(condition={**batch.condition, **drawn(generator, len(batch))})


@pytest.fixture
def by_gradient(generator) -> None:
    """Leave out what is counted rather than trained: it has a test file of its own."""
    if not list(generator.parameters()):
        pytest.skip("has no parameters")


def one_hot(x: Sequences, spec: Spec, dtype: torch.dtype = torch.float32) -> Sequences:
    """Return the batch with its tokens as relaxed ones, and with ids that would give the cheat away."""
    soft = torch.nn.functional.one_hot(x.tokens, spec.vocab_size).to(dtype)
    return x.replace(tokens=torch.zeros_like(x.tokens), soft=soft)


def by_steps(generator: Autoregressive, x: Sequences) -> Outputs:
    """Return what `start` and `step` say, stacked over time."""
    return Autoregressive.forward(generator, x)


def after(generator: Autoregressive, x: Sequences, length: int) -> State:
    """Return the state after reading some columns."""
    _, state = generator.start(len(x), x.condition)
    for t in range(length):
        _, state = generator.step(x.tokens[:, t], state)
    return state


def assert_same(one: Outputs, other: Outputs, tolerance: float = 1e-5) -> None:
    """Compare all outputs, the logits as log-probabilities."""
    assert one.keys() == other.keys()
    for name, value in one.items():
        pair = [value, other[name]]
        if name == "logits":
            pair = [logits.log_softmax(-1) for logits in pair]
        torch.testing.assert_close(*pair, rtol=tolerance, atol=tolerance, msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.parametrize("grad", [False, True], ids=["no grad", "grad"])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-10)])
def test_two_faces_agree(generator, batch, dtype, tolerance, grad):
    """The fused pass and the loop give the same numbers; without a gradient the loop may use tables."""
    generator.to(dtype)
    with torch.set_grad_enabled(grad):
        assert_same(generator(batch), by_steps(generator, batch), tolerance)


@pytest.mark.usefixtures("by_gradient")
def test_two_faces_have_one_gradient(generator, batch):
    """A loss through the loop moves the weights as one through the fused pass does."""
    parameters = [p for p in generator.double().parameters() if p.requires_grad]
    grads = []
    for face in (generator, lambda x: by_steps(generator, x)):
        loss = nll(face(batch), batch)[batch.mask].mean()
        grads.append(torch.autograd.grad(loss, parameters, allow_unused=True))
    assert any(one is not None for one in grads[0])
    for one, other in zip(*grads, strict=True):  # None in both faces for what only infers a latent
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-8)


@pytest.mark.usefixtures("by_gradient")
def test_soft_one_hot_is_the_id(generator, spec, batch):
    """Relaxed tokens at a corner of the simplex are the ids, in both faces, with and without a gradient."""
    soft = one_hot(batch, spec)
    for grad in (False, True):
        with torch.set_grad_enabled(grad):
            expected = generator(batch)
            assert_same(generator(soft), expected)
            assert_same(by_steps(generator, soft), expected)


@pytest.mark.usefixtures("by_gradient")
def test_gradient_reaches_relaxed_tokens(generator, spec, batch):
    """Both faces pass the gradient back to the tokens read, and the same one."""
    generator.double()
    grads = []
    for face in (generator, lambda x: by_steps(generator, x)):
        soft = one_hot(batch, spec, torch.double)
        leaf = soft.soft.requires_grad_()
        outputs = face(soft)
        outputs["hidden" if "hidden" in generator.gives else "logits"].sin().sum().backward()
        grads.append(leaf.grad)
    torch.testing.assert_close(grads[0], grads[1], rtol=1e-4, atol=1e-5)
    assert grads[0][:, :-1].abs().sum(-1).min() > 0
    assert grads[0][:, -1].abs().max() == 0


def test_pain_12_padding_changes_no_logprob(generator, spec, batch):
    """Neither what stands after EOS nor how many columns there are changes a real token's log-probability."""
    if spec.end is None:
        pytest.skip("there is no padding")
    expected = nll(generator(batch), batch)
    garbage = torch.where(batch.mask, batch.tokens, torch.randint_like(batch.tokens, spec.vocab_size))
    torch.testing.assert_close(
        nll(generator(batch.replace(tokens=garbage)), batch)[batch.mask], expected[batch.mask], rtol=1e-6, atol=1e-6
    )
    for rows in (batch.lengths == length for length in range(1, spec.max_length)):
        short = batch.select(rows).trim()
        assert short.length < batch.length
        torch.testing.assert_close(
            nll(generator(short), short), expected[rows][:, : short.length], rtol=1e-5, atol=1e-6
        )


@pytest.mark.usefixtures("by_gradient")
def test_closed_ids_have_probability_zero(generator, spec, batch):
    """PAD and BOS are never written, and no entropy or gradient is NaN because of it."""
    outputs = generator(batch)
    probabilities = outputs["logits"].softmax(-1)
    assert (probabilities[..., list(spec.never)] == 0).all()
    open_ids = [i for i in range(spec.vocab_size) if i not in spec.never]
    assert (probabilities[..., open_ids] > 0).all()
    for temperature in (1.0, 0.1):
        uncertainty = entropy({"logits": outputs["logits"] / temperature})
        assert (uncertainty > 0).all()
        assert (uncertainty <= math.log(len(open_ids)) + 1e-5).all()
        uncertainty.sum().backward(retain_graph=True)
    assert all(p.grad is None or p.grad.isfinite().all() for p in generator.parameters())


@torch.no_grad()
def test_a_kept_state_can_be_continued_twice(generator, spec, batch):
    """Neither reading nor selecting changes a state that was kept."""
    kept = after(generator, batch, 2)
    before = {name: value.clone() for name, value in kept.rows.items()}
    third = batch.tokens[:, 2]
    first, state = generator.step(third, kept)
    generator.step(third, state)
    generator.step((third + 1) % spec.vocab_size, kept)
    kept.select(torch.arange(1)), kept.repeat(2), kept.under(kept)
    assert all(torch.equal(kept.rows[name], value) for name, value in before.items())
    assert_same(generator.step(third, kept)[0], first, 0)


@torch.no_grad()
def test_rows_of_a_state_are_independent(generator, batch):
    """`select`, `repeat` and `under` are what they are for sequences."""
    kept, token = after(generator, batch, 3), batch.tokens[:, 3]
    assert all(len(value) == len(batch) for value in kept.rows.values())
    expected, _ = generator.step(token, kept)
    index = torch.tensor([5, 0, 0, 3])
    assert_same(
        generator.step(token[index], kept.select(index))[0], {name: value[index] for name, value in expected.items()}
    )
    twice = {name: torch.cat([value, value]) for name, value in expected.items()}
    assert_same(generator.step(token.repeat(2), kept.repeat(2))[0], twice)
    both = {name: torch.cat([value, value[index]]) for name, value in expected.items()}
    assert_same(generator.step(torch.cat([token, token[index]]), kept.under(kept.select(index)))[0], both)
    none = torch.arange(0)
    assert generator.step(token[none], kept.select(none))[0]["logits"].shape == (0, generator.spec.vocab_size)


@pytest.mark.usefixtures("by_gradient")
@torch.no_grad()
def test_no_law_depends_on_later_tokens(generator, spec, batch):
    """Changing token t changes the law of token t+1 and of none before it."""
    expected = generator(batch)["logits"]
    for t in range(spec.max_length - 1):
        tokens = batch.tokens.clone()
        tokens[:, t] = (tokens[:, t] + 1) % spec.vocab_size
        changed = generator(batch.replace(tokens=tokens))["logits"]
        torch.testing.assert_close(changed[:, : t + 1], expected[:, : t + 1], rtol=1e-6, atol=1e-6)
        open_ids = [i for i in range(spec.vocab_size) if i not in spec.never]
        assert (changed[:, t + 1, open_ids] != expected[:, t + 1, open_ids]).any(-1).all()


@torch.no_grad()
def test_dropout_is_off_in_eval_mode(generator, batch):
    """In eval mode a pass repeats itself; with dropout, one in training mode does not, unless it is switched off."""
    assert torch.equal(generator(batch)["logits"], generator(batch)["logits"])
    expected = generator(batch)
    generator.train()
    with without_dropout(generator):
        assert_same(generator(batch), expected)
    if any(isinstance(part, torch.nn.Dropout) and part.p > 0 for part in generator.modules()):
        assert not torch.equal(generator(batch)["logits"], generator(batch)["logits"])
        assert not torch.equal(by_steps(generator, batch)["logits"], by_steps(generator, batch)["logits"])


@pytest.mark.usefixtures("by_gradient")
@torch.no_grad()
def test_saved_weights_give_the_same_logits(generator, make_generator, spec, batch, tmp_path):
    """The state dict goes to safetensors as it is (no tensor has two names) and comes back."""
    for parameter in generator.parameters():
        parameter.add_(0.1 * torch.randn_like(parameter) * parameter.requires_grad)
    save_file(generator.state_dict(), tmp_path / "g.safetensors")
    other = make_generator(spec).eval()
    assert not torch.equal(other(batch)["logits"], generator(batch)["logits"])
    other.load_state_dict(load_file(tmp_path / "g.safetensors"))
    assert torch.equal(other(batch)["logits"], generator(batch)["logits"])


@pytest.mark.parametrize("temperature", [1.0, 0.3])
def test_score_is_what_the_logits_say(generator, batch, temperature):
    """Log-probabilities, entropies and gradients without logits are those from logits."""
    if not isinstance(generator, Projected):
        pytest.skip("its law is not a linear layer's")
    generator.double()
    parameters = [p for p in generator.parameters() if p.requires_grad]
    weight = torch.rand(batch.tokens.shape, dtype=torch.double) * batch.mask
    laws = (generator(batch)["logits"] / temperature).log_softmax(-1)
    logp = laws.gather(2, batch.tokens.unsqueeze(2)).squeeze(2)
    scored = generator.score(batch, temperature)
    torch.testing.assert_close(scored["logp"], logp * batch.mask, rtol=1e-9, atol=1e-9)
    uncertainty = -(laws.exp() * laws).sum(-1) * batch.mask
    torch.testing.assert_close(scored["entropy"], uncertainty, rtol=1e-9, atol=1e-9)
    losses = [(value * weight).sum() for value in (scored["logp"], logp)]
    grads = [torch.autograd.grad(loss, parameters, allow_unused=True) for loss in losses]
    assert any(one is not None for one in grads[0])
    for one, other in zip(*grads, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-9)


TINY = [
    Spec(vocab_size=3, max_length=3, start=0),
    Spec(vocab_size=5, max_length=3, start=1, end=2, pad=0),
    Spec(vocab_size=5, max_length=3, start=1, end=2, pad=0, condition={"source": 4}),
]


def every_sequence(spec: Spec) -> Sequences:
    """Return all sequences there are, each once."""
    ids = [i for i in range(spec.vocab_size) if i not in spec.never]
    tokens = torch.tensor(list(itertools.product(ids, repeat=spec.max_length)))
    tokens, _ = tidy(tokens, spec)
    return Sequences(*tidy(tokens.unique(dim=0), spec))


@pytest.mark.parametrize("tiny", TINY, ids=["oracle", "words", "pairs"])
@torch.no_grad()
def test_samples_follow_the_distribution(make_generator, tiny, conditions):
    """Probabilities of all sequences sum to 1, and what is written comes with those frequencies."""
    if make_generator.lacks(tiny):
        pytest.skip("the task does not have what it writes for")
    generator = make_generator(tiny).eval()
    if not isinstance(generator, Autoregressive):
        pytest.skip("does not write one token at a time")
    for parameter in generator.parameters():  # away from the uniform law
        parameter.add_(0.5 * torch.randn_like(parameter) * parameter.requires_grad)
    x, count = every_sequence(tiny), 4000
    one = {**conditions(tiny, 1), **drawn(generator, 1)}  # the law is that under one condition, where there is one
    x = x.replace(condition=rows_of(one, torch.zeros(len(x), dtype=torch.long)))
    logp = -(nll(generator(x), x) * x.mask).sum(1).double()
    assert abs(logp.exp().sum().item() - 1) < 1e-6
    condition = rows_of(one, torch.zeros(count, dtype=torch.long))
    written = write(generator, count, Noise(torch.Generator().manual_seed(5)), condition=condition)
    seen = (written.tokens.unsqueeze(1) == x.tokens).all(-1)
    assert (seen.sum(1) == 1).all()
    torch.testing.assert_close(written.logp.sum(1).double(), (seen.double() @ logp), rtol=1e-5, atol=1e-5)
    expected = count * logp.exp()
    common = expected >= 5
    observed, expected = [
        torch.cat([value[common], value[~common].sum().view(1)]) for value in (seen.sum(0).double(), expected)
    ]
    chi_square = ((observed - expected).square() / expected.clamp(min=1e-9)).sum().item()
    freedom = int(common.sum())
    assert chi_square < freedom + 5 * math.sqrt(2 * freedom)


@torch.no_grad()
def test_untrained_lstm_knows_nothing():
    """Its NLL is about log V (mle-and-ngram.md): N(0, 0.1) weights say almost nothing."""
    torch.manual_seed(0)
    spec = Spec(vocab_size=5000, max_length=20)
    x = Sequences(torch.randint(5000, (64, 20)), torch.ones(64, 20, dtype=torch.bool))
    assert abs(nll(LSTM(spec)(x), x).mean().item() - math.log(5000)) < 0.03


def test_lstm_is_the_papers():
    """SeqGAN's size has 15 arrays: one bias a gate, so PyTorch's second one is zero and stays so."""
    generator = LSTM(Spec(vocab_size=50, max_length=20))
    learned = sum(p.numel() for p in generator.parameters() if p.requires_grad)
    assert learned == 50 * 32 + 4 * (32 * 32 + 32 * 32 + 32) + 32 * 50 + 50
    frozen = [p for p in generator.parameters() if not p.requires_grad]
    assert [p.abs().max().item() for p in frozen] == [0.0]
    assert generator.embedding.weight.std().item() == pytest.approx(0.1, rel=0.1)


def test_tied_output_shares_the_matrix():
    """It has one matrix fewer, and its width must fit."""
    spec = Spec(vocab_size=50, max_length=20)
    for network in (LSTM, GRU, Transformer):
        free, tied = network(spec, embedding=32), network(spec, embedding=32, tied=True)
        assert sum(p.numel() for p in free.parameters()) - sum(p.numel() for p in tied.parameters()) == 50 * 32
    with pytest.raises(ValueError, match="embedding == hidden"):
        GRU(spec, embedding=4, hidden=5, tied=True)


@torch.no_grad()
def test_too_long_a_sequence_is_refused():
    """A Transformer has positions for `max_length` tokens, in both faces."""
    spec = Spec(vocab_size=5, max_length=3)
    generator = Transformer(spec)
    x = Sequences(torch.zeros(1, 4, dtype=torch.long), torch.ones(1, 4, dtype=torch.bool))
    for face in (generator, lambda x: by_steps(generator, x)):
        assert face(x.prefix(3))["logits"].shape == (1, 3, 5)
        with pytest.raises(ValueError, match="4 tokens is longer than the 3 positions"):
            face(x)
    with pytest.raises(ValueError, match="multiple of the number of heads"):
        Transformer(spec, embedding=6, heads=4)


def test_transformer_starts_near_the_uniform_law():
    """Small weights and a residual stream that does not grow with depth."""
    torch.manual_seed(0)
    spec = Spec(vocab_size=100, max_length=10)
    x = Sequences(torch.randint(100, (32, 10)), torch.ones(32, 10, dtype=torch.bool))
    for layers in (1, 8):
        assert abs(nll(Transformer(spec, layers=layers)(x), x).mean().item() - math.log(100)) < 0.05
