"""The synthetic task: the published weights score what was published, and everything is a function of the seed."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tokengan.errors import UserError
from tokengan.metrics.law import cross_entropy
from tokengan.sequences import Sequences
from tokengan.tasks.oracle import ARRAYS, OracleTask

PUBLISHED = Path(__file__).parents[3] / "shared/data/seqgan-oracle/target_params.npz"
needs_published = pytest.mark.skipif(not PUBLISHED.exists(), reason="the published arrays are not in ../shared/data")


@pytest.fixture(scope="module")
def published() -> OracleTask:
    return OracleTask(arrays=PUBLISHED, size=4000, valid=10, test=10)


@needs_published
def test_the_published_oracle_scores_its_own_samples_at_5_752(published: OracleTask) -> None:
    assert cross_entropy(published.oracle, published.train).mean == pytest.approx(5.752, abs=0.02)


@needs_published
def test_uniform_tokens_score_11_43(published: OracleTask) -> None:
    tokens = torch.randint(5000, (4000, 20), generator=torch.Generator().manual_seed(0))
    x = Sequences(tokens, torch.ones_like(tokens, dtype=torch.bool))
    assert cross_entropy(published.oracle, x).mean == pytest.approx(11.43, abs=0.02)


@needs_published
def test_it_is_the_published_network(published: OracleTask) -> None:
    """The equations of the original code, one sequence, in double precision."""
    with np.load(PUBLISHED) as stored:
        w = {name: stored[name].astype(np.float64) for name in stored.files}
    sigmoid = lambda v: 1 / (1 + np.exp(-v))  # noqa: E731
    tokens, h, c, logp, previous = [7, 0, 4999, 123, 5], np.zeros(32), np.zeros(32), [], 0
    for token in tokens:
        x = w["embeddings"][previous]
        gate = {g: x @ w[f"W{g}"] + h @ w[f"U{g}"] + w[f"b{g}"] for g in ("i", "f", "og", "c")}
        c = sigmoid(gate["f"]) * c + sigmoid(gate["i"]) * np.tanh(gate["c"])
        h = sigmoid(gate["og"]) * np.tanh(c)
        logits = h @ w["Wo"] + w["bo"]
        logp.append(logits[token] - np.log(np.exp(logits - logits.max()).sum()) - logits.max())
        previous = token
    x = Sequences(torch.tensor([tokens]), torch.ones(1, 5, dtype=torch.bool))
    np.testing.assert_allclose(published.oracle.score(x)["logp"][0].numpy(), logp, atol=2e-5)


def small(**changes) -> OracleTask:
    return OracleTask(**{"vocab_size": 20, "length": 6, "size": 50, "valid": 20, "test": 20, **changes})


def test_the_seed_decides_everything() -> None:
    a, b, c = small(), small(), small(oracle_seed=1)
    assert torch.equal(a.train.tokens, b.train.tokens)
    assert torch.equal(a.test.tokens, b.test.tokens)
    assert not torch.equal(a.train.tokens, c.train.tokens)
    assert not torch.equal(a.train.tokens[:20], a.valid.tokens)


def test_the_sizes_are_those_asked_for() -> None:
    task = small(hidden=8, length=9)
    assert task.train.tokens.shape == (50, 9)
    assert task.spec.vocab_size == 20
    assert not any(p.requires_grad for p in task.oracle.parameters())


def test_building_a_task_leaves_the_global_random_numbers_alone() -> None:
    torch.manual_seed(0)
    before = torch.rand(1)
    torch.manual_seed(0)
    small()
    assert torch.equal(before, torch.rand(1))


def test_text_goes_there_and_back() -> None:
    task = small()
    x = task.encode(["1 2 3 4 5 6", "0 0 0 0 0 19"])
    assert task.decode(x) == ["1 2 3 4 5 6", "0 0 0 0 0 19"]


@pytest.mark.parametrize("line", ["1 2 3", "1 2 3 4 5 20", "a b c d e f", ""])
def test_what_is_no_sequence_is_refused_by_line(line: str) -> None:
    with pytest.raises(UserError, match="line 2"):
        small().encode(["1 2 3 4 5 6", line])


@pytest.mark.parametrize("damage", ["missing file", "not an archive", "missing array", "wrong shape", "pickled"])
def test_bad_arrays_are_named(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "oracle.npz"
    arrays = {name: np.zeros((4, 4) if name[0] in "WU" else 4) for name in ARRAYS}
    arrays |= {"embeddings": np.zeros((9, 4)), "Wo": np.zeros((4, 9)), "bo": np.zeros(9)}
    if damage == "missing array":
        del arrays["bog"]
    if damage == "wrong shape":
        arrays["Uc"] = np.zeros((3, 4))
    if damage == "pickled":
        arrays["Uc"] = np.array([{"a": 1}], dtype=object)
    if damage == "not an archive":
        path.write_text("hello")
    elif damage != "missing file":
        np.savez(path, **arrays)
    with pytest.raises(UserError, match=r"oracle\.npz"):
        OracleTask(arrays=path)


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(UserError):
        small(length=0)


@needs_published
def test_its_weights_are_known_by_the_digest_that_published_figures_ask_for(published: OracleTask) -> None:
    from tokengan.reports.published import published_tables

    asked = {table.conditions.get("weights") for table in published_tables() if table.data.startswith("SeqGAN's")}
    assert asked == {published.report["weights"]}
    assert OracleTask(size=1, valid=1, test=1).report["weights"] not in asked
