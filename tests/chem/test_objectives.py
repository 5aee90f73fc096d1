"""The objectives against the card's anchors (RDKit 2026.09) and their formulas."""

from __future__ import annotations

import math

import pytest

pytest.importorskip("rdkit", reason="molecules need RDKit: the extra chem")

from tokengan.chem import objectives, properties
from tokengan.chem.molecules import CACHE, parse
from tokengan.chem.objectives import Diversity, Novelty, between
from tokengan.errors import UserError

ETHANOL, BENZENE, OCTANE, METHANE = "CCO", "c1ccccc1", "CCCCCCCC", "C"
ASPIRIN, CAFFEINE = "CC(=O)Oc1ccccc1C(=O)O", "Cn1c(=O)c2c(ncn2C)n(C)c1=O"
ALL = ["validity", "logp", "sa", "qed", "naturalness", "lipinski", "conciseness"]


@pytest.mark.parametrize(("text", "value"), [(ETHANOL, -0.001), (BENZENE, 1.687), (ASPIRIN, 1.310), (CAFFEINE, -1.029)])
def test_anchors_of_logp(text, value):
    assert properties.logp(parse(text)) == pytest.approx(value, abs=5e-4)


@pytest.mark.parametrize(
    ("text", "score", "reward"), [(ASPIRIN, 1.58, 0.977), (CAFFEINE, 2.298, 0.772), (METHANE, 7.33, 0)]
)
def test_anchors_of_sa(text, score, reward):
    assert properties.sa(parse(text)) == pytest.approx(score, abs=5e-3)
    assert objectives.sa([text])[0] == pytest.approx(reward, abs=1e-3)


@pytest.mark.parametrize(("text", "value"), [(ASPIRIN, 0.550), (CAFFEINE, 0.538)])
def test_anchors_of_qed(text, value):
    assert objectives.qed([text])[0] == pytest.approx(value, abs=5e-4)


def test_trap_6_a_long_chain_is_all_that_logp_asks_for():
    ethanol, octane, longer = objectives.logp([ETHANOL, OCTANE, OCTANE * 2])
    assert (round(ethanol, 2), round(octane, 2), longer) == (0.26, 0.67, 1.0)


def test_the_mapping_of_logp_and_sa_is_linear_and_clipped():
    value = properties.logp(parse(ASPIRIN))
    assert objectives.logp([ASPIRIN])[0] == (value + 2.12178879609) / (6.0429063424 + 2.12178879609)
    assert [between(sa, 5.0, 1.5) for sa in (1.0, 1.5, 3.25, 5.0, 9.0)] == [1, 1, 0.5, 0, 0]


@pytest.mark.parametrize("name", ALL)
def test_invalid_texts_score_0_and_a_score_does_not_depend_on_its_neighbours(name):
    objective = getattr(objectives, name)
    texts = ["C(", ASPIRIN, "", "C", "CCO x", CAFFEINE, ASPIRIN]
    scores = objective(texts)
    assert [scores[i] for i in (0, 2, 3, 4)] == [0, 0, 0, 0]
    assert scores[1] == scores[6] == objective([ASPIRIN])[0] > 0
    assert scores[::-1] == objective(texts[::-1])
    assert all(0 <= score <= 1 and isinstance(score, float) for score in scores)
    assert objective([]) == []


@pytest.mark.parametrize("name", ["validity", "logp", "sa", "qed", "naturalness", "lipinski"])
def test_trap_5_one_molecule_has_one_score_however_it_is_written(name):
    a, b = getattr(objectives, name)(["OC(=O)c1ccccc1OC(C)=O", ASPIRIN])
    assert a == b


def test_objectives_in_workers_are_the_same(molecules, monkeypatch):
    from tokengan.chem import pool

    here = objectives.lipinski(molecules)
    one = objectives.lipinski.one
    assert pool.mapped(one, ["C(", *molecules], 2, small=1) == [0.0, *here]


def test_scores_are_remembered_within_a_bound(monkeypatch):
    monkeypatch.setattr(objectives, "CACHE", 4)
    texts = ["CC", "CCC", "CCCC", "CCCCC", "CCCCCC", "CC"]
    assert objectives.validity(texts) == [1.0] * 6
    assert objectives.validity(["CN", *texts]) == [1.0] * 7
    assert CACHE > 4


def test_lipinski_counts_the_rules_that_hold():
    assert objectives.lipinski([ASPIRIN]) == [1.0]
    sugar = "OC1C(O)C(O)C(O)C(O)C1O"  # six donors
    assert objectives.lipinski([sugar]) == [0.75]


def test_conciseness_is_what_a_needless_symbol_costs():
    assert objectives.conciseness(
        ["CCO", "C(C)O", "C(C)(O)", "C(C(C(C(C(C(C(C(C(C(C(C))))))))))))"[:-1]]
    ) == pytest.approx([1.0, 0.9, 0.8, 0.0], abs=1e-9)


def test_novelty_compares_molecules_not_strings():
    hard, soft = Novelty(["CCO", "C(", "c1ccccc1"]), Novelty(["CCO"], known=0.3)
    assert hard(["OCC", "C1=CC=CC=C1", "CCN", "C("]) == [0.0, 0.0, 1.0, 0.0]
    assert soft(["OCC", "CCN", ""]) == [0.3, 1.0, 0.0]
    with pytest.raises(UserError, match="no training text"):
        Novelty(["C("])


def test_diversity_is_the_mean_distance_to_a_fixed_draw(molecules):
    from rdkit import DataStructs
    from rdkit.Chem import MolFromSmiles, rdFingerprintGenerator

    morgan = rdFingerprintGenerator.GetMorganGenerator(radius=4, fpSize=2048)
    drawn = [morgan.GetFingerprint(MolFromSmiles(text)) for text in molecules[:50]]
    diversity = Diversity(molecules[:50])
    for text, score in zip(molecules[50:80], diversity(molecules[50:80]), strict=True):
        alike = DataStructs.BulkTanimotoSimilarity(morgan.GetFingerprint(MolFromSmiles(text)), drawn)
        assert score == pytest.approx(between(1 - math.fsum(alike) / 50, 0.9, 0.945), abs=1e-5)
    assert diversity(["C(", "", "OCC"])[:2] == [0, 0]


def test_diversity_draws_100_with_a_seed_and_not_by_the_order(molecules):
    a, b, c = Diversity(molecules), Diversity(molecules[::-1]), Diversity(molecules, seed=1)
    assert len(a.bits) == 100
    assert a(molecules) == b(molecules)
    assert a(molecules) != c(molecules)


@pytest.mark.parametrize(("name", "value"), [("logP", -1.029), ("SA", 2.298), ("QED", 0.538), ("weight", 194.19)])
def test_properties_by_name(name, value):
    got = properties.properties([CAFFEINE, "C("], name)
    assert got[0] == pytest.approx(value, abs=5e-3)
    assert math.isnan(got[1])
    with pytest.raises(UserError, match="property logp is not there"):
        properties.properties([CAFFEINE], "logp")
