"""Beam search against every sequence there is, against a search in plain Python, and against greedy decoding."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from tokengan.errors import UserError
from tokengan.generators.recurrent import LSTM
from tokengan.generators.seq2seq import Seq2Seq
from tokengan.generators.seq2seq_transformer import Seq2SeqTransformer
from tokengan.noise import Noise
from tokengan.sampling import beam as module
from tokengan.sampling.beam import beam, penalty
from tokengan.sampling.decoding import Decoding
from tokengan.sampling.law import nll
from tokengan.sampling.write import write
from tokengan.sequences import Sequences, pad_lists, tidy
from tokengan.spec import Spec

TEXT = Spec(vocab_size=6, max_length=4, start=1, end=2, pad=0, unk=3, condition={"source": 4})
FIXED = Spec(vocab_size=3, max_length=3)
MAKE = {
    "lstm": lambda spec: LSTM(spec, hidden=8, init_std=1.5),
    "seq2seq": lambda spec: Seq2Seq(spec, embedding=8, hidden=8, init_std=1.5),
    "seq2seq_transformer": lambda spec: Seq2SeqTransformer(spec, embedding=8, heads=2, init_std=0.7),
}
SOURCES = Sequences(*pad_lists([[4, 5, 3, 2], [2], [5, 2], [4, 2], [3, 3, 2]], 0))


def make(name, spec=TEXT):
    torch.manual_seed(5)
    return MAKE[name](spec).double().eval()


def every_sequence(spec: Spec) -> Sequences:
    ids = [i for i in range(spec.vocab_size) if i not in spec.never]
    tokens, _ = tidy(torch.tensor(list(itertools.product(ids, repeat=spec.max_length))), spec)
    return Sequences(*tidy(tokens.unique(dim=0), spec))


@torch.no_grad()
def ranked(generator, condition, alpha) -> list[tuple[float, list[int]]]:
    """Return every sequence with its score, the best first."""
    x = every_sequence(generator.spec)
    x = x.replace(condition={name: value.repeat(len(x)) for name, value in condition.items()})
    totals = -(nll(generator(x), x) * x.mask).sum(1)
    scores = totals / penalty(x.lengths, alpha)
    return sorted(zip(scores.tolist(), x.tokens.tolist(), strict=True), reverse=True)


def of_row(found: Sequences, rows: int, row: int) -> tuple[list[list[int]], list[float]]:
    """Return the beams of a row, best first, and their log-probabilities."""
    own = found.select(torch.arange(row, len(found), rows))
    return [tokens for tokens, any_ in zip(own.tokens.tolist(), own.mask.any(1), strict=True) if any_], own.logp.sum(
        1
    ).tolist()


@pytest.mark.parametrize("alpha", [0.0, 0.6, 2.0])
@pytest.mark.parametrize("name", MAKE)
def test_with_enough_beams_it_is_exact(name, alpha):
    """All sequences of a law of 4 open ids and 4 steps, in the order of their scores; a batch of sources together."""
    generator = make(name)
    count = len(every_sequence(TEXT))
    found = beam(generator, len(SOURCES), count, condition={"source": SOURCES}, alpha=alpha)
    assert found.copies == count
    for row in range(len(SOURCES)):
        expected = ranked(generator, {"source": SOURCES.select(slice(row, row + 1))}, alpha)
        tokens, logp = of_row(found, len(SOURCES), row)
        assert tokens == [sequence for _, sequence in expected]
        scores = [
            total / float(penalty(torch.tensor(_length(one)), alpha)) for total, one in zip(logp, tokens, strict=True)
        ]
        assert scores == pytest.approx([score for score, _ in expected], rel=1e-5)


def _length(tokens: list[int]) -> int:
    return tokens.index(2) + 1 if 2 in tokens else len(tokens)


def test_sequences_of_one_length():
    """Without EOS all run to the end; more beams than sequences leave the last ones empty."""
    generator = make("lstm", FIXED)
    found = beam(generator, 1, 30, alpha=0.0)
    tokens, _ = of_row(found, 1, 0)
    assert tokens == [sequence for _, sequence in ranked(generator, {}, 0.0)]
    assert found.mask.sum(1).tolist() == [3] * 27 + [0] * 3
    assert found.logp[27:].abs().max() == 0


def slow(generator, source, beams, alpha, decoding) -> list[list[int]]:
    """Return a row's beams by lists and dictionaries, the law of every prefix computed from the whole sequence."""
    kept: list[tuple[float, list[int]]] = [(0.0, [])]
    done = lambda tokens: bool(tokens) and tokens[-1] == TEXT.end  # noqa: E731
    for t in range(TEXT.max_length):
        candidates = []
        for total, tokens in kept:
            if done(tokens):
                candidates.append((total, tokens))
                continue
            x = Sequences(*pad_lists([[*tokens, 3]], 0), condition={"source": source})
            logits = generator(x)["logits"][0, t]
            for i in decoding.forbid:
                logits[i] = -math.inf
            law = logits.log_softmax(0).tolist()
            candidates += [(total + law[i], [*tokens, i]) for i in range(len(law)) if law[i] > -1e9]
        candidates.sort(key=lambda one: one[0] / ((5 + len(one[1])) / 6) ** alpha, reverse=True)
        kept = candidates[:beams]
    return [tokens + [0] * (TEXT.max_length - len(tokens)) for _, tokens in kept]


@torch.no_grad()
@pytest.mark.parametrize("beams", [1, 2, 5])
@pytest.mark.parametrize("name", ["seq2seq", "seq2seq_transformer"])
def test_it_is_the_slow_one(name, beams):
    """Few beams, ended ones among them, an id forbidden; every row as if it were alone, in chunks as at once."""
    generator, decoding = make(name), Decoding(forbid=(3,))
    found = beam(generator, len(SOURCES), beams, condition={"source": SOURCES}, alpha=0.6, decoding=decoding)
    for row in range(len(SOURCES)):
        source = SOURCES.select(slice(row, row + 1))
        assert of_row(found, len(SOURCES), row)[0] == slow(generator, source, beams, 0.6, decoding)


@torch.no_grad()
@pytest.mark.parametrize("name", MAKE)
def test_one_beam_is_greedy_and_its_logp_the_laws(name):
    generator, rows = make(name), len(SOURCES)
    found = beam(generator, rows, 1, condition={"source": SOURCES})
    noise = Noise(torch.Generator().manual_seed(0))
    greedy = write(generator, rows, noise, Decoding(greedy=True), condition={"source": SOURCES})
    assert torch.equal(found.tokens, greedy.tokens)
    assert torch.equal(found.mask, greedy.mask)
    five = beam(generator, rows, 5, condition={"source": SOURCES})
    assert torch.equal(five.condition["source"].tokens, SOURCES.repeat(5).tokens)
    expected = -nll(generator(five), five) * five.mask
    torch.testing.assert_close(five.logp.double(), expected, rtol=1e-5, atol=1e-5)


def test_more_beams_find_no_worse_and_chunks_change_nothing(monkeypatch):
    generator = make("seq2seq")
    asked = {"condition": {"source": SOURCES}, "alpha": 0.0}
    found = [beam(generator, len(SOURCES), beams, **asked) for beams in (1, 200)]
    best = [one.logp[: len(SOURCES)].sum(1) for one in found]
    assert (best[1] >= best[0] - 1e-6).all()
    assert (best[1] > best[0] + 1e-6).any()
    whole = beam(generator, len(SOURCES), 3, **asked)
    monkeypatch.setattr(module, "rows_at_once", lambda size: 6)
    assert torch.equal(beam(generator, len(SOURCES), 3, **asked).tokens, whole.tokens)


def test_no_beams_are_refused():
    with pytest.raises(UserError, match="beams is 0"):
        beam(make("lstm", FIXED), 1, 0)
