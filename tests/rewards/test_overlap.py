"""BLEU, ROUGE-L and CIDEr-D against nltk and slow plain versions."""

from __future__ import annotations

import math
import random
import sys
import time
from collections import Counter
from itertools import accumulate
from pathlib import Path

import numpy as np
import pytest
import torch
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu

sys.path.insert(0, str(Path(__file__).parent))
from reward_toys import FIRST, WORDS, Words, game

from tokengan.errors import UserError
from tokengan.rewards.bleu import Bleu
from tokengan.rewards.cider import CiderD
from tokengan.rewards.overlap import common_length, padded
from tokengan.rewards.rouge import RougeL
from tokengan.sequences import Sequences


def sentences(number: int, seed: int, longest: int = 8, words: int = len(WORDS)) -> list[str]:
    rng = random.Random(seed)
    return [" ".join(rng.choices(WORDS[:words], k=rng.randint(1, longest))) for _ in range(number)]


def with_references(task: Words, texts: list[str], references: list[list[str]]) -> Sequences:
    return task.encode(texts).replace(columns={"references": references})


def nltk_bleu(text: str, references: list[str], order: int) -> float:
    cut = [reference.split() for reference in references]
    smooth = SmoothingFunction().method2
    return sentence_bleu(cut, text.split(), weights=[1 / order] * order, smoothing_function=smooth)


def slow_lcs(a: list[str], b: list[str]) -> int:
    if not a or not b:
        return 0
    if a[-1] == b[-1]:
        return 1 + slow_lcs(a[:-1], b[:-1])
    return max(slow_lcs(a[:-1], b), slow_lcs(a, b[:-1]))


def slow_rouge(text: str, references: list[str], beta: float) -> float:
    best = 0.0
    for reference in references:
        common = slow_lcs(text.split(), reference.split())
        if common:
            p, r = common / len(text.split()), common / len(reference.split())
            best = max(best, (1 + beta**2) * p * r / (r + beta**2 * p))
    return best


def grams(words: list[str]) -> list[Counter]:
    return [Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1)) for n in range(1, 5)]


def slow_cider(text: str, references: list[str], documents: list[list[str]], ends: bool = True) -> float:
    """The captioning field's code, sentence by sentence, with <eos> as a word."""

    def ended(sentence: str) -> list[str]:
        return [*sentence.split(), "<eos>"]

    df = Counter()
    for document in documents:
        df.update({gram for sentence in document for counts in grams(ended(sentence)) for gram in counts})

    def vector(words: list[str]) -> tuple[list[dict], list[float], int]:
        weights = [
            {gram: count * (math.log(len(documents)) - math.log(max(1, df[gram]))) for gram, count in counts.items()}
            for counts in grams(words)
        ]
        return weights, [math.sqrt(sum(w * w for w in each.values())) for each in weights], len(words)

    mine, norms, length = vector(ended(text) if ends else text.split())
    total = np.zeros(4)
    for reference in references:
        theirs, their_norms, their_length = vector(ended(reference))
        for n in range(4):
            value = sum(min(w, theirs[n].get(gram, 0.0)) * theirs[n].get(gram, 0.0) for gram, w in mine[n].items())
            if norms[n] and their_norms[n]:
                value /= norms[n] * their_norms[n]
            total[n] += value * math.exp(-((length - their_length) ** 2) / (2 * 6.0**2))
    return float(total.mean() / len(references) * 10)


# ---- BLEU


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5])
def test_bleu_is_nltks_method2_against_the_training_sentences(order: int) -> None:
    train, texts = sentences(40, 1, words=6), sentences(60, 2, words=8)
    task = Words(train)
    found = Bleu(order, references=None)(task.encode(texts), game(task))
    expected = [nltk_bleu(text, train, order) for text in texts]
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-6)
    assert 0 in expected or order > 1


@pytest.mark.parametrize("order", [2, 4])
def test_bleu_is_nltks_method2_against_a_rows_own_references(order: int) -> None:
    task, texts = Words(sentences(5, 0)), sentences(50, 3, words=5)
    own = [sentences(1 + i % 3, 100 + i % 20, words=5) for i in range(50)]
    x = with_references(task, texts, own)
    expected = [nltk_bleu(text, references, order) for text, references in zip(texts, own, strict=True)]
    np.testing.assert_allclose(Bleu(order)(x, game(task)).numpy(), expected, atol=1e-6)


def test_bleu_worked_by_hand() -> None:
    task = Words(["the cat sat on the mat", "a dog sat on a mat"])
    score = Bleu(2, references=None)
    # Two of three words; one of two pairs, (1 + 1) / (2 + 1); too short by one: exp(1 - 6/3).
    found = score(task.encode(["the cat ran"]), game(task)).item()
    assert found == pytest.approx(math.exp(-1) * math.sqrt(2 / 3 * 2 / 3))
    assert score(task.encode(["big red"]), game(task)).item() == 0.0
    assert score(task.encode(["the cat sat on a mat"]), game(task)).item() == pytest.approx(1.0)


@pytest.mark.filterwarnings("ignore:\\nThe hypothesis contains 0 counts")
def test_without_smoothing_most_samples_would_teach_nothing() -> None:
    train, texts = sentences(5, 1), sentences(200, 2)
    task = Words(train)
    found = Bleu(references=None)(task.encode(texts), game(task))
    unsmoothed = [
        sentence_bleu([t.split() for t in train], text.split(), smoothing_function=SmoothingFunction().method0) > 1e-60
        for text in texts[:50]
    ]
    assert (found > 0).float().mean() > 0.9 > 0.3 > np.mean(unsmoothed)


def test_the_end_is_no_word_of_bleu_and_padding_no_word_at_all() -> None:
    task = Words(["the cat"])
    whole = task.encode(["the cat"])
    cut = whole.prefix(2)
    score = Bleu(2)
    assert score(whole, game(task)).item() == score(cut, game(task)).item() == pytest.approx(1.0)


def test_bleu_draws_its_references_once_and_by_seed() -> None:
    task = Words(sentences(300, 1))
    x, players = task.encode(sentences(30, 2)), game(task)
    one, other = Bleu(references=5), Bleu(references=5, seed=1)
    first = one(x, players)
    assert torch.equal(one(x, players), first)
    assert torch.equal(Bleu(references=5)(x, players), first)
    assert not torch.equal(other(x, players), first)
    assert (Bleu(references=None)(x, players) >= first).float().mean() > 0.9


def test_thousands_of_rows_take_less_than_a_second() -> None:
    task = Words(sentences(500, 1))
    x = task.encode(sentences(200, 2)).repeat(50)
    players, score = game(task), Bleu()
    score(x, players)
    begin = time.process_time()
    score(x, players)
    assert time.process_time() - begin < 1.0


# ---- ROUGE-L


@pytest.mark.parametrize("beta", [1.0, 1.2])
def test_rouge_l_is_the_slow_one(beta: float) -> None:
    task, texts = Words(sentences(5, 0)), sentences(40, 3, longest=6, words=5)
    own = [sentences(1 + i % 3, 50 + i, longest=6, words=5) for i in range(40)]
    found = RougeL(beta)(with_references(task, texts, own), game(task))
    expected = [slow_rouge(text, references, beta) for text, references in zip(texts, own, strict=True)]
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-6)


def test_rouge_l_against_training_sentences_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    train, texts = sentences(12, 1, longest=6), sentences(20, 2, longest=6)
    task = Words(train)
    expected = [slow_rouge(text, train, 1.0) for text in texts]
    np.testing.assert_allclose(RougeL()(task.encode(texts), game(task)).numpy(), expected, atol=1e-6)
    monkeypatch.setattr("tokengan.rewards.rouge.AT_ONCE", 50)
    np.testing.assert_allclose(RougeL()(task.encode(texts), game(task)).numpy(), expected, atol=1e-6)


def fast_lcs(a: list[int], b: list[int]) -> int:
    best = [0] * (len(b) + 1)
    for token in a:
        best = [0, *(max(best[j + 1], best[j] + 1 if token == other else 0) for j, other in enumerate(b))]
        best = list(accumulate(best, max))
    return best[-1]


@pytest.mark.parametrize("longest", [6, 64, 65, 200])
def test_common_length_of_lists_of_any_length(longest: int) -> None:
    rng = random.Random(longest)
    one, other = (
        [[], *([rng.randrange(4) for _ in range(length)] for length in (longest, longest, longest // 2, 1, 2))]
        for _ in range(2)
    )
    rows, others = np.divmod(np.arange(36), 6)
    found = common_length(padded(one), padded(other), rows, others).tolist()
    assert found == [fast_lcs(one[i], other[j]) for i, j in zip(rows, others, strict=True)]
    assert max(found) > longest // 3


# ---- CIDEr-D


def test_cider_d_is_the_slow_one_against_own_references() -> None:
    documents = [sentences(3, 200 + i, words=7) for i in range(15)]
    task = Words([document[0] for document in documents], {"references": documents})
    texts = sentences(30, 4, words=9)
    own = [documents[i % 15] for i in range(30)]
    found = CiderD()(with_references(task, texts, own), game(task))
    expected = [slow_cider(text, references, documents) for text, references in zip(texts, own, strict=True)]
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-4)
    assert max(expected) > 0.5


def test_cider_d_is_the_slow_one_against_training_sentences() -> None:
    train, texts = sentences(10, 1, words=6), sentences(25, 2, words=9)
    task = Words(train)
    expected = [slow_cider(text, train, [[sentence] for sentence in train]) for text in texts]
    np.testing.assert_allclose(CiderD()(task.encode(texts), game(task)).numpy(), expected, atol=1e-4)


def test_an_exact_copy_scores_ten_and_one_that_breaks_off_less() -> None:
    """EOS counts as a word: a sentence cut before it has lost n-grams."""
    documents = [["the cat sat on a mat"], ["a big dog ran"], ["the red dog sat"]]
    task = Words([document[0] for document in documents], {"references": documents})
    x = with_references(task, ["the cat sat on a mat"], documents[:1])
    assert CiderD()(x, game(task)).item() == pytest.approx(10.0, abs=1e-4)
    broken = CiderD()(x.prefix(6), game(task)).item()
    assert broken == pytest.approx(slow_cider("the cat sat on a mat", documents[0], documents, ends=False), abs=1e-4)
    assert broken < 9.5


def test_document_frequencies_are_of_the_training_references_not_of_the_batch() -> None:
    documents = [["the cat sat"], ["the dog ran"], ["the big mat"]]
    task = Words([document[0] for document in documents], {"references": documents})
    x = with_references(task, ["the cat", "red and on"], [["the cat ran"], ["red and on"]])
    both, alone = CiderD()(x, game(task)), CiderD()(x.select(torch.tensor([0])), game(task))
    assert both[0].item() == pytest.approx(alone.item())


def test_references_that_are_no_texts_are_refused() -> None:
    task = Words(["the cat"])
    for entry in ([], 7, ["a", 3]):
        with pytest.raises(UserError, match="needs a text"):
            Bleu()(with_references(task, ["the cat"], [entry]), game(task))


@pytest.mark.parametrize("make", [lambda: Bleu(references=None), RougeL, CiderD], ids=["bleu", "rouge", "cider"])
def test_another_task_has_other_references(make) -> None:
    """One after the other, so that the next task may get the id of the one that is gone."""
    score = make()
    for line in ["the cat sat on a mat", "a big red dog ran"] * 10:
        task = Words([line, "the and"])
        text = [line]
        assert score(task.encode(text), game(task)).item() == make()(task.encode(text), game(task)).item()
        del task


def test_words_stand_for_themselves() -> None:
    assert Words(["the cat"]).encode(["cat"]).tokens[0, 0] == FIRST + 1
