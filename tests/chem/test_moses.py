"""The MOSES metrics against slow plain versions, the closed forms of the card, and the published values."""

from __future__ import annotations

import csv
import gzip
import math
import os
import random
import sys
from collections import Counter
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("rdkit", reason="molecules need RDKit: the extra chem")

from tokengan.chem.described import Described
from tokengan.chem.distances import frechet, gaussian, wasserstein
from tokengan.chem.filters import mcf_file, pains_file, passes, patterns
from tokengan.chem.fingerprints import fingerprint, unpack
from tokengan.chem.molecules import canonical, parse
from tokengan.chem.moses import moses, novelty, unique_at
from tokengan.chem.parts import cosine, fragments, scaffold
from tokengan.chem.similarity import internal_diversity, nearest
from tokengan.errors import UserError

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"
SAMPLES = ("moses_char_rnn_1", "moses_aae_1")


def values(scores) -> dict[str, float]:
    return {score.name: score.value for score in scores}


def tanimoto(a: set[int], b: set[int]) -> float:
    return len(a & b) / len(a | b) if a | b else 1.0


def sets_of_bits(texts: list[str]) -> list[set[int]]:
    from rdkit.Chem import rdFingerprintGenerator

    morgan = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=1024)
    return [set(morgan.GetFingerprint(parse(text)).GetOnBits()) for text in texts]


def test_bits_are_unpacked_where_rdkit_sets_them(molecules):
    bits = unpack([fingerprint(text) for text in molecules])
    assert bits.shape == (len(molecules), 1024)
    assert [set(np.flatnonzero(row)) for row in bits] == sets_of_bits(molecules)


@pytest.mark.parametrize("chunk", [3, 1000])
def test_similarities_are_those_of_plain_sets(molecules, monkeypatch, chunk):
    monkeypatch.setattr("tokengan.chem.similarity.ROWS", chunk)
    monkeypatch.setattr("tokengan.chem.similarity.COLUMNS", chunk + 1)
    texts, reference = molecules[:20], molecules[20:45]
    bits, others = (unpack([fingerprint(text) for text in part]) for part in (texts, reference))
    sets, other_sets = sets_of_bits(texts), sets_of_bits(reference)
    best = [max(tanimoto(x, y) for y in other_sets) for x in sets]
    assert nearest(bits, others) == pytest.approx(np.mean(best), abs=1e-7)
    for power, got in zip((1, 2), internal_diversity(bits), strict=True):
        means = [np.mean([tanimoto(x, y) ** power for y in sets]) ** (1 / power) for x in sets]
        assert got == pytest.approx(1 - np.mean(means), abs=1e-7)


def test_two_molecules_without_a_bit_are_alike():
    empty = np.zeros((2, 8), np.float32)
    assert nearest(empty, empty) == 1
    assert internal_diversity(empty) == [0, 0]
    assert math.isnan(nearest(empty[:0], empty))
    assert all(math.isnan(value) for value in internal_diversity(empty[:0]))


def test_wasserstein_is_the_mean_gap_between_sorted_samples():
    draw = np.random.default_rng(0)
    a, b = draw.normal(size=500), draw.normal(1, 2, size=500)
    assert wasserstein(a, b) == pytest.approx(np.abs(np.sort(a) - np.sort(b)).mean())
    assert wasserstein(np.repeat(a, 3), b) == pytest.approx(wasserstein(a, b))
    assert wasserstein(a, a) == 0
    assert wasserstein(a, a + 2) == pytest.approx(2)


def test_frechet_is_the_closed_form_of_commuting_covariances():
    draw = np.random.default_rng(0)
    turn, _ = np.linalg.qr(draw.normal(size=(6, 6)))
    s, t = draw.uniform(0, 3, 6), np.array([0, 0, 1.0, 2, 3, 4])
    m, n = draw.normal(size=6), draw.normal(size=6)
    expected = ((m - n) ** 2).sum() + ((np.sqrt(s) - np.sqrt(t)) ** 2).sum()
    got = frechet((m, turn @ np.diag(s) @ turn.T), (n, turn @ np.diag(t) @ turn.T))
    assert got == pytest.approx(expected)


def test_frechet_of_fewer_molecules_than_activations_is_0_against_itself():
    few = gaussian(np.random.default_rng(0).normal(size=(5, 40)))
    assert few[1].shape == (40, 40)
    assert frechet(few, few) == pytest.approx(0, abs=1e-5)


def test_cosine_is_that_of_the_vectors_of_counts():
    a, b = Counter("aaabbc"), Counter("abbd")
    keys = sorted({*a, *b})
    x, y = (np.array([counts[key] for key in keys]) for counts in (a, b))
    assert cosine(a, b) == pytest.approx(x @ y / np.linalg.norm(x) / np.linalg.norm(y))


def test_scaffolds_of_one_ring_or_none_do_not_count():
    texts = ["CCO", "Cc1ccccc1", "Cc1ccc2ccccc2c1", "C(", "CCc1ccc2ccccc2c1"]
    assert Described(texts, 1).scaffolds == Counter({"c1ccc2ccccc2c1": 2})
    assert scaffold(parse("CCCC")) is None


def test_fragments_keep_the_number_of_atoms(molecules):
    for text in molecules[:30]:
        pieces = [parse(piece) for piece in fragments(parse(text))]
        atoms = sum(atom.GetAtomicNum() > 0 for piece in pieces for atom in piece.GetAtoms())
        assert atoms == parse(text).GetNumAtoms()


@pytest.mark.parametrize(
    ("text", "passed"),
    [
        ("CC(=O)Oc1ccccc1C(=O)O", True),
        ("CC[N+](C)(C)C", False),  # trap 7: a charge, even a balanced one
        ("C[N+](=O)[O-]", False),
        ("CCP", False),
        ("C1CCCCCC1", True),
        ("C1CCCCCCC1", False),
        ("O=C1C=CC(=O)c2ccccc12", False),  # a quinone: PAINS
        ("C(", False),
    ],
)
def test_trap_7_filters(text, passed):
    assert passes(text) == passed


def test_filters_of_ones_own_and_what_the_figure_is_called(tmp_path, monkeypatch):
    monkeypatch.setattr("tokengan.chem.moses.mcf_file", lambda: None)
    path = tmp_path / "mine.csv"
    path.write_text("names,smarts\nnitrile,C#N\n")
    texts = ["CCC#N", "CCO"]
    with_file, without = moses(texts, mcf=str(path)), moses(texts)
    assert values(with_file)["Filters"] == 0.5
    assert "Filters" not in values(without)
    assert values(without)["Filters without MCF"] == 1.0
    assert len({score.signature for score in [*with_file, *without] if "Filters" in score.name}) == 2
    for name, text, complaint in (("a", "names\nnitrile\n", "column smarts"), ("b", "smarts\nC(\n", "no SMARTS")):
        path = tmp_path / f"{name}.csv"
        path.write_text(text)
        with pytest.raises(UserError, match=complaint):
            moses(["CCO", "CCN"], mcf=str(path))


def test_the_lists_of_molsets_are_read_where_it_is_installed(tmp_path, monkeypatch):
    assert "rdkit" in pains_file().lower()
    assert len(patterns(pains_file())) == 480
    folder = tmp_path / "moses" / "metrics"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    # Without a header, as molsets has it, padded with blanks; the other with one.
    (folder / "wehi_pains.csv").write_text('"CCN  ","<regId=x(1)>"\n')
    (folder / "mcf.csv").write_text("names,smarts\nMCF1,CCO\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert pains_file() == str(folder / "wehi_pains.csv")
    assert patterns(pains_file()) == ("CCN",)
    monkeypatch.setattr("tokengan.chem.filters._default_pains", pains_file)
    assert [passes(text, mcf_file()) for text in ("CCN", "CCO", "CCC")] == [False, False, True]
    (figure,) = [one for one in moses(["CCN", "CCO", "CCC", "CCCC"]) if one.name == "Filters"]
    assert figure.value == 0.5
    mine, own = tmp_path / "a.csv", tmp_path / "b.csv"
    mine.write_text("C#N\n")
    own.write_text("smarts\nC#N\n")
    (other,) = [one for one in moses(["CCN", "CCC#N"], mcf=str(own), pains=str(mine)) if one.name == "Filters"]
    assert other.value == 0.5
    assert other.signature.partition("mcf=")[2] != figure.signature.partition("mcf=")[2]


def test_the_test_set_against_itself(molecules):
    got = values(moses(molecules, train=molecules, test=molecules, test_scaffolds=molecules, fcd=False))
    for name in ("Valid", "Unique@1000", "SNN/Test", "Frag/Test", "Scaf/Test", "SNN/TestSF", "Frag/TestSF"):
        assert got[name] == 1, name
    for name in ("Novelty", "logP", "SA", "QED", "weight"):
        assert got[name] == 0, name
    assert 0 < got["IntDiv2"] < got["IntDiv"] < 1


def test_one_molecule_repeated(molecules):
    got = values(moses(["c1ccc2ccccc2c1"] * 50, train=molecules, test=molecules, fcd=False, unique=(10, 50)))
    assert (got["IntDiv"], got["IntDiv2"], got["Unique@10"], got["Unique@50"]) == (0, 0, 1 / 10, 1 / 50)


def test_invalid_samples_are_dropped_and_forms_made_canonical_before_all_else(molecules):
    from rdkit.Chem import MolToRandomSmilesVect

    other = [MolToRandomSmilesVect(parse(text), 1, randomSeed=3)[0] for text in molecules]
    assert other != molecules
    mixed = [text for pair in zip(other, ["C(", ""] * len(other), strict=False) for text in pair]
    clean, dirty = (values(moses(x, train=molecules[::2], test=molecules, fcd=False)) for x in (molecules, mixed))
    assert (clean.pop("Valid"), dirty.pop("Valid")) == (1.0, 0.5)
    assert dirty == clean
    assert clean["Novelty"] == 0.5


def test_neither_order_nor_workers_matter(molecules, monkeypatch):
    monkeypatch.setattr("tokengan.chem.pool.SMALL", 1)
    monkeypatch.setattr("tokengan.chem.pool.mapped.__defaults__", (None, 1))
    texts = ["C(", *molecules, *molecules[:7]]
    mixed = random.Random(1).sample(texts, len(texts))
    given = {"train": molecules[:50], "test": molecules[50:], "fcd": False, "unique": (1000,)}
    here, there, shuffled = (
        moses(texts, workers=1, **given),
        moses(texts, workers=2, **given),
        moses(mixed, workers=1, **given),
    )
    assert there == here
    assert values(shuffled) == pytest.approx(values(here), abs=1e-6)


def test_trap_8_unique_at_k_of_fewer_says_so():
    scores = {score.name: score for score in moses(["CCO", "OCC", "CCN"], unique=(2, 10_000))}
    assert (scores["Unique@2"].value, scores["Unique@10000"].value) == (1 / 2, 2 / 3)
    assert "only 3 valid samples" in scores["Unique@10000"].note
    assert "only" not in scores["Unique@2"].note
    assert "the protocol has 30,000" in scores["Valid"].note
    assert unique_at(["a", "a", "b"], 2) == 0.5


def test_novelty_is_of_different_molecules():
    assert novelty(["a", "a", "a", "b"], ["b"]) == 0.5
    assert values(moses(["OCC", "CCN"], train=["C(C)O"]))["Novelty"] == 0.5


def test_no_valid_sample_gives_no_numbers_and_says_why(molecules):
    scores = moses(["C(", ""], train=molecules, test=molecules, fcd=True)
    assert scores[0].value == 0
    assert all(math.isnan(score.value) and "no sample is valid" in score.note for score in scores[1:])
    with pytest.raises(UserError, match="no samples"):
        moses([])


def test_each_score_knows_its_split_direction_and_signature(molecules):
    scores = {score.name: score for score in moses(molecules[:9], train=molecules, test=molecules, fcd=False)}
    assert (scores["SNN/Test"].split, scores["Novelty"].split, scores["IntDiv"].split) == ("test", "train", "samples")
    assert (scores["logP"].direction, scores["SNN/Test"].direction) == ("lower", "higher")
    assert "test=120" in scores["SNN/Test"].signature
    assert all("rdkit=20" in score.signature and "samples=9" in score.signature for score in scores.values())


class TestFCD:
    @pytest.fixture(autouse=True)
    def chemnet(self):
        pytest.importorskip("fcd_torch", reason="FCD needs the package fcd_torch: the extra chem")

    def test_of_a_set_against_itself_is_0_and_of_another_is_not(self, molecules):
        small, large = sorted(molecules, key=len)[:24], sorted(molecules, key=len)[-24:]
        assert values(moses(small, test=small[::-1]))["FCD/Test"] == pytest.approx(0, abs=1e-3)
        assert values(moses(small, test=large))["FCD/Test"] > 5

    def test_activations_are_those_of_the_packages_own_reading(self, molecules):
        from fcd_torch.utils import get_one_hot

        from tokengan.chem.chemnet import _network, activations

        texts = [*molecules[:6], "CC(Cl)Br", "C[Si](C)(C)C", "C[C@@H](N)C(=O)O"]
        rows = torch.stack([torch.tensor(get_one_hot(text, 350)).T / 35 for text in texts]).float()
        with torch.no_grad():
            expected = _network()(rows).numpy()
        np.testing.assert_allclose(activations(texts), expected, atol=1e-6)

    def test_it_is_refused_in_words_where_it_cannot_be(self, molecules, monkeypatch):
        assert "two valid molecules" in _score(moses(["CCO"], test=molecules[:3]), "FCD/Test").note
        monkeypatch.setattr("tokengan.chem.moses.available", lambda: False)
        score = _score(moses(["CCO", "CCN"], test=molecules[:3]), "FCD/Test")
        assert math.isnan(score.value)
        assert "fcd-torch" in score.note


def _score(scores, name):
    return next(score for score in scores if score.name == name)


def lines(path: Path) -> list[str]:
    return (gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()).splitlines()


def published(name: str) -> dict[str, float]:
    return {key: float(value) for key, value in csv.reader(lines(SHARED / "peer-samples" / f"{name}.metrics.csv"))}


needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason=f"the development data are not at {SHARED}")


@needs_shared
def test_validity_and_uniqueness_equal_the_published_values():
    # All of a file but the slow descriptions: the first seconds of what `test_all_published` does in many minutes.
    name = SAMPLES[0]
    made = Described(lines(SHARED / "peer-samples" / f"{name}.smi"))
    known = published(name)
    assert f"{made.valid:.6f}" == f"{known['valid']:.6f}"
    assert f"{unique_at(made.forms, 1_000):.6f}" == f"{known['unique@1000']:.6f}"
    assert f"{unique_at(made.forms, 10_000):.6f}" == f"{known['unique@10000']:.6f}"
    bits = unpack([fingerprint(form) for form in made.forms[:3_000]])
    one, two = internal_diversity(bits)
    assert one == pytest.approx(known["IntDiv"], abs=2e-3)
    assert two == pytest.approx(known["IntDiv2"], abs=2e-3)
    assert canonical(made.forms[0]) == made.forms[0]


@pytest.fixture(scope="module")
def benchmark():
    """Return the module that measures, and the described test set: molsets's own description where that is given."""
    spec = spec_from_file_location("moses_benchmark", Path(__file__).resolve().parents[2] / "benchmarks" / "moses.py")
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look for annotations
    spec.loader.exec_module(module)
    stats = os.environ.get("TOKENGAN_MOSES_STATS")
    return module, module.reference(Path(stats) if stats else None)


@needs_shared
@pytest.mark.timeout(7200)
@pytest.mark.skipif(
    not os.environ.get("TOKENGAN_SLOW"),
    reason="takes an hour on a core: TOKENGAN_SLOW=1 (a third with TOKENGAN_MOSES_STATS=.../test_stats.npz of molsets)",
)
@pytest.mark.parametrize("name", SAMPLES)
def test_all_published(name, benchmark):
    pytest.importorskip("fcd_torch", reason="FCD needs the package fcd_torch: the extra chem")
    module, test = benchmark
    molsets = os.environ.get("TOKENGAN_MOLSETS")
    rows = list(module.compared(name, test, None, Path(molsets) if molsets else None, fcd=True))
    measured = {row.name for row in rows}
    assert {"Valid", "Unique@10000", "FCD/Test", "SNN/Test", "Frag/Test", "Scaf/Test", "IntDiv", "IntDiv2"} <= measured
    assert {"logP", "SA", "QED", "weight"} <= measured
    assert ("Filters" in measured) == bool(molsets or mcf_file())
    assert [row for row in rows if not row.equal] == []
