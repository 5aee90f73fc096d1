"""What holds for every registered discriminator."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import binary_cross_entropy_with_logits, one_hot

from tokengan.discriminators.base import Discriminator, Judged
from tokengan.discriminators.pooled import pool
from tokengan.discriminators.recurrent import RecurrentDiscriminator
from tokengan.discriminators.transformer import TransformerDiscriminator
from tokengan.generators.base import Autoregressive, Condition, Outputs, State
from tokengan.methods.base import Method
from tokengan.modes import without_dropout
from tokengan.noise import Noise
from tokengan.sampling.write import write
from tokengan.sequences import Sequences, pad_lists
from tokengan.spec import Spec


@pytest.fixture
def discriminator(make_discriminator, spec) -> Discriminator:
    """Return the discriminator in eval mode."""
    if make_discriminator.lacks(spec):
        pytest.skip("the task does not have what it judges by")
    return make_discriminator(spec).eval()


def widen(x: Sequences, columns: int, fill: int = 0) -> Sequences:
    """Return the batch with padding columns behind it."""
    tokens = torch.cat([x.tokens, x.tokens.new_full((len(x), columns), fill)], dim=1)
    return Sequences(tokens, torch.cat([x.mask, x.mask.new_zeros(len(x), columns)], dim=1), condition=x.condition)


def assert_same(one: Outputs, other: Outputs) -> None:
    """Compare all outputs to the precision they have."""
    assert one.keys() == other.keys()
    for name, value in one.items():
        tolerance = 1e-10 if value.dtype == torch.float64 else 1e-5
        pair = [value, other[name]]
        if name == "logp":  # one a token, so one has as many columns as its batch
            columns = min(each.shape[1] for each in pair)
            assert all((each[:, columns:] == 0).all() for each in pair)
            pair = [each[:, :columns] for each in pair]
        torch.testing.assert_close(*pair, rtol=tolerance, atol=tolerance)


def test_it_gives_what_it_says(discriminator, batch):
    """The named outputs, of the width told to whoever reads the features."""
    outputs = discriminator(batch)
    assert outputs.keys() == discriminator.gives
    assert outputs["logits"].shape == (len(batch),)
    if "features" in discriminator.gives:
        assert outputs["features"].shape == (len(batch), discriminator.features)
    else:
        assert discriminator.features == 0
    assert_same(discriminator.score(discriminator.embed(batch), batch), outputs)
    assert torch.equal(Judged(outputs, batch).logits, outputs["logits"])
    penalty = discriminator.weight_penalty()
    assert penalty.shape == ()
    assert penalty >= 0


@torch.no_grad()
def test_pain_12_padding_changes_no_score(discriminator, spec, batch):
    """Neither the number of padding columns nor what stands in them changes a score; the length itself does."""
    expected = discriminator.double()(batch)
    for columns in (1, 4):
        assert_same(discriminator(widen(batch, columns, fill=spec.vocab_size - 1)), expected)
    if spec.end is not None:
        garbage = torch.where(batch.mask, batch.tokens, torch.randint_like(batch.tokens, spec.vocab_size))
        assert_same(discriminator(batch.replace(tokens=garbage)), expected)
    for length in range(1, spec.max_length + 1):
        cut = batch.prefix(length)
        apart = discriminator(cut)
        assert_same(discriminator(widen(cut, spec.max_length - length, fill=1)), apart)
    assert not torch.equal(discriminator(batch.prefix(2))["features"], expected["features"])


@torch.no_grad()
def test_rows_are_judged_apart(discriminator, batch):
    """A row's score does not depend on the rows beside it, their lengths included."""
    expected = discriminator.double()(batch)
    for row in range(len(batch)):
        alone = batch.select(slice(row, row + 1)).trim()
        assert_same(discriminator(alone), {name: value[row : row + 1] for name, value in expected.items()})


@pytest.mark.parametrize("relaxed", [False, True])
def test_real_and_generated_rows_read_as_one_are_judged_as_if_apart(discriminator, spec, batch, relaxed):
    """The same outputs, and the same gradient of every weight, whichever of the two batches is longer."""
    discriminator.double()
    few = batch.select(slice(0, 5)).trim()
    rest = batch.select(slice(5, None))
    if relaxed:
        rest = rest.replace(soft=one_hot(rest.tokens, spec.vocab_size).double())
    game = SimpleNamespace(discriminator=discriminator, spec=spec)
    game.judge = partial(Method.judge, game)

    def followed(one: Judged, other: Judged) -> tuple[list[Outputs], list[Tensor]]:
        discriminator.zero_grad()
        (one.logits.square().mean() - other.opinions.mean()).backward()
        return [one.outputs, other.outputs], [p.grad.clone() for p in discriminator.parameters() if p.grad is not None]

    for first, second in ((few, rest), (rest, few)):
        outputs, gradients = followed(*Method.judge_together(game, first, second))
        expected, apart = followed(game.judge(first), game.judge(second))
        for one, other in zip(outputs, expected, strict=True):
            assert_same(one, other)
        torch.testing.assert_close(gradients, apart, rtol=1e-8, atol=1e-10)


@torch.no_grad()
def test_an_empty_row_has_a_score(discriminator, batch):
    """A row without tokens (an empty prefix) neither fails nor spoils its neighbours."""
    mask = batch.mask.clone()
    mask[0] = False
    outputs = discriminator(batch.replace(mask=mask))
    assert outputs["logits"].isfinite().all()
    assert_same(
        {name: value[1:] for name, value in outputs.items()},
        {name: value[1:] for name, value in discriminator(batch).items()},
    )


def test_soft_one_hot_is_the_id_and_takes_a_gradient(discriminator, spec, batch):
    """Relaxed tokens at a corner are the ids; the gradient reaches the real ones and none of the padding."""
    soft = one_hot(batch.tokens, spec.vocab_size).float().requires_grad_()
    relaxed = batch.replace(tokens=torch.zeros_like(batch.tokens), soft=soft)
    outputs = discriminator(relaxed)
    assert_same(outputs, discriminator(batch))
    outputs["logits"].sum().backward()
    assert soft.grad is not None
    assert (soft.grad.flatten(1).abs().sum(1) > 0).all()
    assert (soft.grad[~batch.mask] == 0).all()


def test_a_gradient_penalty_moves_the_weights(discriminator, batch):
    """Double backward at the embeddings works (attention: with the kernel that has a second derivative)."""
    with sdpa_kernel(SDPBackend.MATH):
        embedded = discriminator.embed(batch).detach().requires_grad_()
        score = discriminator.score(embedded, batch)["logits"].sum()
        (grad,) = torch.autograd.grad(score, embedded, create_graph=True)
        (grad.flatten(1).norm(dim=1) - 1).square().mean().backward()
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in discriminator.parameters())
    assert all(p.grad is None or p.grad.isfinite().all() for p in discriminator.parameters())


@torch.no_grad()
def test_dropout_is_off_in_eval_mode(make_discriminator, spec, batch):
    """A score repeats itself in eval mode and with dropout switched off, not in training mode."""
    if make_discriminator.lacks(spec):
        pytest.skip("the task does not have what it judges by")
    discriminator = make_discriminator(spec, dropout=0.5).eval()
    expected = discriminator(batch)
    assert torch.equal(discriminator(batch)["logits"], expected["logits"])
    discriminator.train()
    with without_dropout(discriminator):
        assert_same(discriminator(batch), expected)
    assert not torch.equal(discriminator(batch)["logits"], discriminator(batch)["logits"])


@torch.no_grad()
def test_saved_weights_give_the_same_scores(discriminator, make_discriminator, spec, batch, tmp_path):
    """The state dict goes to safetensors as it is and comes back."""
    for parameter in discriminator.parameters():
        parameter.add_(0.1 * torch.randn_like(parameter))
    save_file(discriminator.state_dict(), tmp_path / "d.safetensors")
    other = make_discriminator(spec).eval()
    assert not torch.equal(other(batch)["logits"], discriminator(batch)["logits"])
    other.load_state_dict(load_file(tmp_path / "d.safetensors"))
    assert torch.equal(other(batch)["logits"], discriminator(batch)["logits"])


def test_it_learns_the_order_of_words(make_discriminator):
    """A few steps tell "4 before 5" from "5 before 4", rows of many lengths: not a matter of which words there are."""
    spec = Spec(vocab_size=6, max_length=7, start=1, end=2, pad=0)
    rows = [[3] * a + pair + [3] * b + [2] for pair in ([4, 5], [5, 4]) for a in range(3) for b in range(3)]
    x = Sequences(*pad_lists(rows, pad=0))
    real = torch.arange(len(rows)).lt(len(rows) // 2).float()
    if make_discriminator.lacks(spec):
        pytest.skip("the task does not have what it judges by")
    discriminator = make_discriminator(spec, dropout=0.0)
    if sum(p.numel() for p in discriminator.parameters()) > 1e6:
        pytest.skip("too large to train here")
    optimiser = torch.optim.Adam(discriminator.parameters(), lr=3e-3)
    for _ in range(200):
        logits = discriminator(x)["logits"]
        if ((logits > 0) == real.bool()).all():
            return
        optimiser.zero_grad()
        binary_cross_entropy_with_logits(logits, real).backward()
        optimiser.step()
    pytest.fail("200 steps were not enough")


class Reciter(Autoregressive):
    """Writes given rows, whatever it is asked."""

    def __init__(self, spec: Spec, rows: list[list[int]]) -> None:
        super().__init__(spec)
        self.lines, _ = pad_lists(rows, pad=2, length=spec.max_length)

    def start(self, rows: int, condition: Condition) -> tuple[Outputs, State]:
        """Return the law that is certain of each row's first token."""
        return self._law(torch.arange(rows), torch.zeros(rows, dtype=torch.long))

    def step(self, token: torch.Tensor, state: State) -> tuple[Outputs, State]:
        """Return the law that is certain of each row's next token."""
        return self._law(state.rows["line"], state.rows["place"] + 1)

    def _law(self, line: torch.Tensor, place: torch.Tensor) -> tuple[Outputs, State]:
        logits = 1e4 * one_hot(self.lines[line, place], self.spec.vocab_size).float() + self.closed
        return {"logits": logits}, State({"line": line, "place": place})


@torch.no_grad()
def test_pain_15_no_format_leak(make_discriminator):
    """The same words score the same whether they come from data or from a writer: no BOS, EOS or PAD tells them apart.

    texar's shipped SeqGAN example showed BOS to the discriminator in the real half of its batch only (PR #68 there).
    """
    spec = Spec(vocab_size=9, max_length=6, start=1, end=2, pad=0, unk=3)
    rows = [[5, 6, 7, 8, 4, 2], [5, 2], [2], [3, 3, 8, 2]]
    real = Sequences(*pad_lists(rows, spec.pad, spec.max_length))
    fake = write(Reciter(spec, rows), len(rows), Noise(torch.Generator().manual_seed(0)))
    assert torch.equal(real.tokens, fake.tokens)
    assert torch.equal(real.mask, fake.mask)
    assert real.mask.sum(1).tolist() == [len(row) for row in rows]
    assert not torch.isin(real.tokens[real.mask], torch.tensor(spec.never)).any()
    if make_discriminator.lacks(spec):
        pytest.skip("the task does not have what it judges by")
    discriminator = make_discriminator(spec).eval().double()
    assert torch.equal(discriminator(real)["logits"], discriminator(fake)["logits"])
    # A batch of data is cut after its longest row, a written one has max_length columns.
    short = torch.tensor([1, 2, 3])
    assert_same(discriminator(real.select(short).trim()), discriminator(fake.select(short)))


def test_pool_by_hand():
    """The mean and the maximum of the real vectors only; an empty row has 0."""
    vectors = torch.tensor([[[1.0, -5.0], [3.0, -7.0], [100.0, 100.0]], [[9.0, 9.0]] * 3])
    mask = torch.tensor([[True, True, False], [False] * 3])
    assert pool(vectors, mask, "mean").tolist() == [[2.0, -6.0], [0.0, 0.0]]
    assert pool(vectors, mask, "max").tolist() == [[3.0, -5.0], [0.0, 0.0]]


@pytest.mark.parametrize("cell", ["gru", "lstm"])
@torch.no_grad()
def test_recurrent_is_pytorchs_packed_one(cell):
    """Reading turned rows equals a packed bidirectional network with the same weights."""
    spec = Spec(vocab_size=9, max_length=7, start=1, end=2, pad=0)
    discriminator = RecurrentDiscriminator(spec, embedding=4, hidden=5, cell=cell).eval().double()
    kind = torch.nn.GRU if cell == "gru" else torch.nn.LSTM
    packed = kind(4, 5, batch_first=True, bidirectional=True).double()
    state = dict(discriminator.forwards[0].state_dict())
    state |= {f"{name}_reverse": value for name, value in discriminator.backwards[0].state_dict().items()}
    packed.load_state_dict(state)
    x = Sequences(*pad_lists([[5, 6, 7, 2], [2], [8, 2]], pad=0, length=6))
    embedded = discriminator.embed(x)
    pack, unpack = torch.nn.utils.rnn.pack_padded_sequence, torch.nn.utils.rnn.pad_packed_sequence
    rows, _ = packed(pack(embedded, x.lengths, batch_first=True, enforce_sorted=False))
    expected, _ = unpack(rows, batch_first=True, total_length=6)
    torch.testing.assert_close(discriminator.encode(embedded, x)[x.mask], expected[x.mask], rtol=1e-10, atol=1e-10)


@torch.no_grad()
def test_transformer_refuses_long_rows_not_padding():
    """Padding columns beyond `max_length` are only cut off; a real token there has no position."""
    spec = Spec(vocab_size=9, max_length=3, start=1, end=2, pad=0)
    discriminator = TransformerDiscriminator(spec).eval()
    x = Sequences(*pad_lists([[5, 6, 2], [2]], pad=0, length=5))
    assert discriminator(x)["logits"].shape == (2,)
    with pytest.raises(ValueError, match="4 tokens is longer than the 3 positions"):
        discriminator(Sequences(*pad_lists([[5, 6, 7, 2]], pad=0)))
