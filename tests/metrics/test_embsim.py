"""EmbSim: what it computes, that its vectors learn at all, and that text without one common word scores near 0."""

import math
import random
from collections import Counter

import numpy as np
import pytest
import torch

from tokengan.metrics import Given, evaluate_texts
from tokengan.metrics.embsim import EmbSim, embsim, likeness, skip_gram

REFERENCE = [s.split() for s in ("a cat sat here", "a dog sat there", "the cat ran here", "the dog ran there")] * 8


def test_likeness_is_the_mean_of_cosines_of_rows_of_cosines():
    random = torch.Generator().manual_seed(0)
    both = torch.randn(2, 150, 4, generator=random, dtype=torch.double)
    mine, real = torch.nn.functional.normalize(both, dim=2)
    w, v = (np.array([[float(a @ b) for b in x] for a in x]) for x in (mine, real))
    rows = [w[i] @ v[i] / math.sqrt((w[i] @ w[i]) * (v[i] @ v[i])) for i in range(100)]
    assert likeness(mine, real, frequent=100) == pytest.approx(np.mean(rows))


def test_words_with_the_same_neighbours_come_together():
    draw, kinds = random.Random(0), [["a", "the"], ["cat", "dog", "cow"], ["sat", "ran", "ate"], ["here", "there"]]
    text = [[draw.choice(kind) for kind in kinds] for _ in range(80)]
    counts = Counter(word for sentence in text for word in sentence)
    words = dict(zip(counts, skip_gram(text, counts, passes=50), strict=True))
    alike = [float(words[a] @ words[b]) for kind in kinds for a in kind for b in kind if a < b]
    others = [float(words[a] @ words[b]) for a in kinds[1] for b in kinds[2]]
    assert np.mean(alike) > np.mean(others) + 0.2


def test_words_that_are_not_there_keep_their_start():
    counts = Counter({"a": 3, "b": 2, "c": 1})
    start, taught = skip_gram([], counts), skip_gram([["a", "b"], ["c"]], counts)
    assert torch.equal(start, skip_gram(REFERENCE[:0], counts, passes=9))
    assert torch.equal(start[2], taught[2])
    assert not torch.equal(start[0], taught[0])


def test_a_set_against_itself_is_0_and_any_other_less():
    assert embsim(REFERENCE[::-1], REFERENCE) == pytest.approx(0, abs=1e-9)
    shuffle = random.Random(0)
    assert embsim([shuffle.sample(s, len(s)) for s in REFERENCE], REFERENCE) < 0
    assert embsim([["x", "y"]] * 32, REFERENCE) < 0


def test_text_without_one_common_word_scores_near_0(words):
    """Why it is legacy: of the two texts the foreign one is said to be as good as real captions of the same law."""
    text = words("coco-captions/test.tok.txt")
    reference, foreign = text[:400], [["x", "y", "z"]] * 400
    assert -0.05 < embsim(foreign, reference) < 0


def test_it_comes_by_name_alone_and_says_what_it_is():
    texts = ["a b", "b c"], ["b c", "a b"]
    assert not any(f.name.startswith("EmbSim") for f in evaluate_texts(*texts, metrics=["all"]))
    figure = evaluate_texts(*texts, metrics=["embsim"])[0]
    assert figure.value == pytest.approx(0, abs=1e-9)
    assert "|legacy, " in figure.signature
    assert "legacy" in figure.note
    assert EmbSim().compute(Given([["a"]], [["a"]]))[0].value == pytest.approx(0, abs=1e-9)
