"""The hot paths give what the plain forms of `benchmarks/paths` give, on small cases, from the same uniforms."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def paths(monkeypatch: pytest.MonkeyPatch):
    """Return the modules of the paths."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from paths import leaking, relational, seqgan

    yield {"seqgan": seqgan, "leaking": leaking, "relational": relational}
    for name in [name for name in sys.modules if name.partition(".")[0] == "paths"]:
        del sys.modules[name]


def test_returns_of_roll_outs_are_those_of_reading_every_prefix_anew(paths) -> None:
    assert paths["seqgan"].credit_apart() < 1e-6


def test_returns_of_leaking_roll_outs_are_those_of_padded_prefixes(paths) -> None:
    assert paths["leaking"].apart() < 1e-6


def test_views_of_relaxed_samples_are_those_of_head_after_head(paths) -> None:
    assert paths["relational"].apart() < 1e-6


@torch.no_grad()
def test_tokens_are_those_of_the_whole_cumulated_law(paths) -> None:
    seqgan = paths["seqgan"]
    game = seqgan.method.__wrapped__(rows=8, length=9, vocabulary=130)
    game.eval()
    uniforms = seqgan.Noise(seqgan.seeded("same", 0)).uniforms(300, 9)
    written = seqgan.write(game.generator, 300, seqgan.Noise(seqgan.seeded("same", 0))).tokens
    empty = torch.zeros(300, 9, dtype=torch.long)
    assert torch.equal(written, seqgan.written_plainly.complete(game.generator, empty, 0, uniforms))
