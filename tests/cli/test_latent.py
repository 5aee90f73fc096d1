"""Texts by way of their codes, as commands and as functions."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

import tokengan
from tokengan.cli import main

FLAGS = [
    *("--generator.latent", "4", "--generator.embedding", "12", "--generator.hidden", "24", "--batch_size", "16"),
    *("--epochs", "60", "--kl_weight.start", "0.05", "--kl_weight.end", "null", "--free_bits.nats", "0"),
    *("--generator.dropout", "0", "--generator.word_dropout", "0.2", "--generator_optimiser.lr", "0.02"),
    *("--trainer.eval_every", "60", "--trainer.device", "cpu", "--trainer.quiet"),
]


@pytest.fixture(scope="module")
def coded(tmp_path_factory: pytest.TempPathFactory, lines: list[str]) -> Path:
    """Return a run of VAE on a small text, whose data file is gone."""
    folder = tmp_path_factory.mktemp("coded")
    data = folder / "my.txt"
    data.write_text("\n".join(lines) + "\n")
    assert main(["train", "vae", str(data), "--out", str(folder / "run"), *FLAGS]) == 0
    data.unlink()
    return folder / "run"


def test_reconstruct_writes_each_line_again(tg: Any, coded: Path, my_txt: Path) -> None:
    rows = tg("reconstruct", coded, my_txt, "--json").json()
    texts = [row["text"] for row in rows]
    assert texts == my_txt.read_text().splitlines()
    again = tokengan.load(coded).reconstruct(texts)
    assert [row["reconstruction"] for row in rows] == again
    same = sum(a == b for a, b in zip(texts, again, strict=True))
    assert same > len(texts) / 3  # a run that was hardly trained writes most words of most lines
    shown = tg("reconstruct", coded, my_txt, "-n", 2).out.splitlines()
    assert shown[:2] == [texts[0], f"  -> {again[0]}"]
    assert shown[-1].endswith("of 2 came back word for word")
    # Alone or among others, a text has one code and one reconstruction.
    assert tokengan.load(coded).reconstruct(texts[5:6]) == again[5:6]


def test_interpolate_goes_from_one_reconstruction_to_the_other(tg: Any, coded: Path) -> None:
    ends = ["the cat sat in the park", "a dog sang a song at home"]
    model = tokengan.load(coded)
    texts = tg("interpolate", coded, *ends, "-n", 9, "--json").json()["texts"]
    assert len(texts) == 9
    assert [texts[0], texts[-1]] == model.reconstruct(ends)
    assert model.interpolate(*ends, n=9) == texts
    assert model.interpolate(*reversed(ends), n=9) == texts[::-1]
    assert len(model.interpolate(*ends)) == 7
    shown = tg("interpolate", coded, *ends).out.splitlines()
    assert [shown[0], shown[-2]] == ends
    assert shown[-1].endswith("of 7 are different")


def test_the_score_of_a_text_is_a_bound_on_its_likelihood(coded: Path) -> None:
    model = tokengan.load(coded)
    seen, strange = model.nll(["the cat sat in the park", "park park song the the at"])
    assert 0 < seen < strange
    law = model.method.writer
    x = model.method.task.encode(["the cat sat in the park"])
    with torch.no_grad():
        z = torch.randn(4000, 4)
        logp = law.score(law.given(x.repeat(4000), z))["logp"].sum(1)
    by_prior = -(logp.logsumexp(0) - math.log(4000)).item() / x.length
    assert seen == pytest.approx(by_prior, abs=0.2)


def test_a_run_without_codes_is_refused_by_name(tg: Any, trained: Path, my_txt: Path) -> None:
    for words in (("reconstruct", trained, my_txt), ("interpolate", trained, "a dog", "the cat")):
        ended = tg(*words)
        assert ended.code == 2
        assert "has no latent code (LSTM)" in ended.err
        assert "vae" in ended.err


def test_what_cannot_be_interpolated_is_said(tg: Any, coded: Path, my_txt: Path) -> None:
    for words, what in (
        (("interpolate", coded, "the cat", "a dog", "-n", 1), "n is 1"),
        (("interpolate", coded, " ", "a dog"), "text 1, '', is empty"),
        (("interpolate", coded, "the cat", "a dog " * 20), "has 41 tokens"),
        (("reconstruct", coded, my_txt, "-n", 0), "n is 0"),
        (("reconstruct", coded, coded / "nowhere.txt"), "nowhere.txt"),
    ):
        ended = tg(*words)
        assert ended.code == 2, words
        assert what in ended.err, (words, ended.err)


def test_a_latent_generator_in_a_method_that_begins_with_likelihood(tg: Any, my_txt: Path, tiny: list[str]) -> None:
    ended = tg("train", "seqgan", my_txt, "--generator", "latent", *tiny, "--trainer.quiet")
    assert ended.code == 2
    assert "the method vae trains it" in ended.err
    ended = tg("train", "vae", my_txt, "--generator", "lstm")
    assert ended.code == 2
    assert "generator takes a Inferring" in ended.err
