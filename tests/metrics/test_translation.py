"""sacreBLEU and chrF2: against the row's own reference, on whole texts, signature kept."""

from __future__ import annotations

import math
import sys

import pytest
import torch

from tokengan.metrics.base import Given, missing
from tokengan.metrics.evaluate import evaluate
from tokengan.metrics.translation import Paired, Translation, corpus_scores
from tokengan.sequences import Sequences
from tokengan.tasks.pairs import PairsTask

pytest.importorskip("sacrebleu", reason="the extra metrics is not installed")
WORDS = [f"w{i}" for i in range(20)]


@pytest.fixture(scope="module")
def task(tmp_path_factory) -> PairsTask:
    path = tmp_path_factory.mktemp("pairs") / "my.tsv"
    lines = [f"{a} {b}\t{a} likes {b} and c d" for a in WORDS[:6] for b in WORDS[6:12]]
    path.write_text("\n".join(["s\tt", *lines]))
    return PairsTask(str(path), column="s", target="t")


def given(task: PairsTask, written: Sequences) -> Given:
    x = task.test
    return Given([["x"]], [["x"]], extra={"pairs": Paired(task, written, x, x.columns["target"])})


def values(task: PairsTask, written: Sequences) -> dict[str, float]:
    return {figure.name: figure.value for figure in Translation().compute(given(task, written))}


def test_references_against_themselves_are_a_hundred(task):
    assert values(task, task.test) == pytest.approx({"sacreBLEU": 100, "chrF2": 100})


def test_each_row_has_its_own_reference(task):
    """The same texts in another order are worse, which they are not against a pool of references."""
    turned = task.test.select(torch.arange(len(task.test)).roll(1))
    found = values(task, turned)
    assert 0 < found["sacreBLEU"] < 90
    assert 0 < found["chrF2"] < 90


def test_the_unknown_word_is_wrong_whatever_the_reference_became(task):
    """References are the data's own text, not what the tokenizer left of it."""
    blank = task.test.replace(tokens=torch.where(task.test.mask & (task.test.tokens != 2), 3, task.test.tokens))
    assert values(task, blank)["sacreBLEU"] < 1
    assert not any("<unk>" in text for text in task.test.columns["target"])


def test_bleu_by_hand():
    """One unigram of five wrong and none short: (4/5 3/4 2/3 1/2)^(1/4); two words fewer: times exp(1 - 5/3)."""
    (bleu, signature), _ = corpus_scores(["a b c d e"], ["a b c d f"]).values()
    assert bleu == pytest.approx(100 * (4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** 0.25)
    assert "tok:13a" in signature
    assert "version:" in signature
    longer = corpus_scores(["a b c d"], ["a b c d e f"])["sacreBLEU"][0]
    assert longer == pytest.approx(100 * math.exp(1 - 6 / 4))


def test_the_signature_says_how_and_only_pairs_have_the_figures(task):
    figures = evaluate(given(task, task.test), [Translation()])
    assert all("rows=" in figure.signature and figure.split == "test" for figure in figures)
    assert "case:mixed" in figures[0].signature
    assert missing(Translation(), Given([["x"]], [["x"]])) is not None


def test_without_the_library_it_says_what_to_install(task, monkeypatch):
    monkeypatch.setitem(sys.modules, "sacrebleu.metrics.bleu", None)
    figures = Translation().compute(given(task, task.test))
    assert all(math.isnan(figure.value) and "tokengan[metrics]" in figure.note for figure in figures)
