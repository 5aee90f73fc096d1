"""Corpus templates: what can be written, how often, and what is refused."""

from __future__ import annotations

import pytest
import torch

from tokengan.errors import UserError
from tokengan.generators.base import Generator
from tokengan.generators.template import Template
from tokengan.noise import Noise
from tokengan.sampling.decoding import Decoding
from tokengan.sampling.write import write
from tokengan.sequences import Sequences, pad_lists
from tokengan.spec import Spec

SPEC = Spec(vocab_size=12, max_length=6, start=1, end=2, pad=0, unk=3)
THE, A, CAT, DOG, BIRD, RAN, SAT, FAR = range(4, 12)
ROWS = [
    *([THE, CAT, RAN, 2], [THE, DOG, RAN, 2], [THE, BIRD, SAT, 2], [THE, CAT, SAT, 2]),
    *([THE, DOG, SAT, FAR, 2], [A, CAT, RAN, 2], [A, CAT, RAN, 2]),
]


def counted(rows: list[list[int]] = ROWS, literal: int = 0, classes: int = 2) -> Template:
    model = Template(SPEC, literal, classes)
    model.count(Sequences(*pad_lists(rows, 0)))
    return model


def written(model: Generator, rows: int = 4000, decoding: Decoding = Decoding()) -> list[list[int]]:
    y = write(model, rows, Noise(torch.Generator().manual_seed(1)), decoding)
    assert y.tokens.shape == (rows, SPEC.max_length)
    assert (y.tokens[~y.mask] == SPEC.pad).all()
    assert y.logp is None
    return [row[mask].tolist() for row, mask in zip(y.tokens, y.mask, strict=True)]


def test_every_word_its_own_class_gives_the_corpus_back():
    """All words literal: the sentences come with the frequencies of the data."""
    texts = written(counted(literal=12))
    assert {tuple(text) for text in texts} == {tuple(row) for row in ROWS}
    share = texts.count([A, CAT, RAN, 2]) / len(texts)
    assert share == pytest.approx(2 / 7, abs=0.03)


def test_slots_are_filled_by_counts_between_the_same_neighbours():
    """Nouns share a class, so a sentence that no line has is written; the fillers come as often as in such slots."""
    rows = [[THE, noun, verb, 2] for noun in (CAT, DOG, BIRD) for verb in (RAN, SAT)]
    rows = [*rows, *rows, [THE, CAT, RAN, 2], [THE, CAT, SAT, 2]]
    model = Template(SPEC, literal=2, classes=2)  # EOS and THE stay
    without = [row for row in rows if row[1:3] != [BIRD, SAT]]
    model.count(Sequences(*pad_lists(without, 0)))
    texts = written(model)
    assert [THE, BIRD, SAT, 2] in texts
    assert all(text[0] == THE and text[1] in (CAT, DOG, BIRD) and text[2] in (RAN, SAT) for text in texts)
    birds = sum(text[1] == BIRD for text in texts) / len(texts)
    assert birds == pytest.approx(sum(row[1] == BIRD for row in without) / len(without), abs=0.03)


def test_a_forbidden_word_is_never_written_and_its_patterns_neither():
    rows = [[THE, CAT, RAN, 2], [3, DOG, RAN, 2], [THE, 3, RAN, 2]]
    texts = written(counted(rows, literal=12), decoding=Decoding(forbid=(3,)))
    assert {tuple(text) for text in texts} == {(THE, CAT, RAN, 2)}
    with pytest.raises(UserError, match="forbidden word"):
        written(counted(rows[1:], literal=12), decoding=Decoding(forbid=(3,)))


@pytest.mark.parametrize(
    "decoding", [Decoding(0.5), Decoding(top_k=3), Decoding(top_p=0.9), Decoding(greedy=True), Decoding(0)]
)
def test_what_needs_probabilities_is_refused(decoding):
    with pytest.raises(UserError, match="no probabilities to sharpen"):
        written(counted(), 1, decoding)


def test_before_it_counts_it_cannot_write():
    with pytest.raises(UserError, match="counted nothing"):
        written(Template(SPEC), 1)


def test_counts_come_back_from_a_state():
    model, other = counted(), Template(SPEC, 0, 2)
    other.count(Sequences(*pad_lists(ROWS[:2], 0)))
    assert written(model, 50) != written(other, 50)
    other.load_state_dict(model.state_dict())
    assert written(model, 50) == written(other, 50)


def test_sequences_without_an_end_keep_their_length():
    spec = Spec(vocab_size=6, max_length=5, start=0)
    model = Template(spec, literal=2, classes=2)
    tokens = torch.randint(6, (40, 5), generator=torch.Generator().manual_seed(0))
    model.count(Sequences(tokens, tokens >= 0))
    y = write(model, 30, Noise(torch.Generator().manual_seed(1)))
    assert y.tokens.shape == (30, 5)
    assert y.mask.all()
