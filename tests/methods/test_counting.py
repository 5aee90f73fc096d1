"""Methods without a player: trained, measured, resumed and used like any other."""

from __future__ import annotations

import json
import math

import pytest

from tokengan.api import load, resume, train
from tokengan.errors import UserError

SMALL = {"data.max_length": 6, "data.max_lines": 600, "trainer.device": "cpu", "trainer.quiet": True}


@pytest.fixture(scope="module", params=["ngram", "template"])
def run(request, tmp_path_factory):
    return train(request.param, "emoji", out=tmp_path_factory.mktemp(request.param) / "run", **SMALL)


def test_it_ends_with_figures_a_likelihood_only_where_there_is_one(run):
    figures = {figure.name: figure for figure in run.report.figures}
    assert run.result.status == "done"
    for name in ("NLL-test", "NLL-div"):
        if run.config.method == "ngram":
            assert 0 < figures[name].value < math.log(run.method.spec.vocab_size)
        else:
            assert math.isnan(figures[name].value)
            assert "not defined" in figures[name].note
    assert 0 < figures["BLEU-2"].value <= 1
    assert "no start model" in run.report.why


def test_what_was_counted_is_in_the_log(run):
    training = json.loads((run.path / "metrics.jsonl").read_text().splitlines()[-1])["training"]
    assert training["generator/n-grams of order 4" if run.config.method == "ngram" else "generator/patterns"] > 100


def test_the_folder_alone_writes_the_same_texts(run):
    texts = load(run.path).generate(20)
    assert texts == run.generate(20)
    assert len(set(texts)) > 10
    assert resume(run.path).generate(20) == texts


def test_temperature_and_likelihood_where_they_mean_something(run):
    if run.config.method == "ngram":
        assert run.generate(5, temperature=0) == run.generate(5, greedy=True)
        assert len(run.nll(["red heart"])) == 1
        return
    with pytest.raises(UserError, match="no probabilities"):
        run.generate(5, temperature=0.5)
    with pytest.raises(UserError, match="has no likelihood"):
        run.nll(["red heart"])


@pytest.mark.parametrize(("method", "generator"), [("mle", "ngram"), ("gan", "ngram"), ("ngram", "lstm")])
def test_counts_are_not_moved_and_networks_not_counted(method, generator, tmp_path):
    with pytest.raises(UserError, match=r"counted|counts|generator"):
        train(method, "emoji", out=tmp_path / "run", preset="none", generator=generator, **SMALL)
