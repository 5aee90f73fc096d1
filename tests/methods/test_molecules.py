"""The preset for molecules: the usual one of its task, and naive RL the same thing in both methods."""

from __future__ import annotations

import pytest

pytest.importorskip("rdkit", reason="molecules need RDKit: the extra chem")

import torch

from tokengan.config import configure
from tokengan.losses.wasserstein import Wasserstein
from tokengan.methods.world import World
from tokengan.training.updater import Updater, players_of

SMILES = ["CCO", "CCN", "CCC", "CCCl", "c1ccccc1", "Cc1ccccc1", "CC(=O)O", "CC(C)O", "OCCO", "NCCN", "CCCC", "CCOC"]
CRITIC = {
    "loss": "wasserstein",
    "constraint": "gradient_penalty",
    "reward.first": "critic",
    "reward.transform": "rank",
    "discriminator.l2": 0,
    "discriminator.dropout": 0,
}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "molecules.txt"
    path.write_text("".join(f"{one}\n" for one in SMILES))
    return path


def built(method, file, **settings):
    small = {"task": "smiles", "data.source": str(file), "generator.hidden": 8, "data.valid": 2, "data.test": 2}
    config = configure(method, settings=small | settings)
    made = config.build_method(config.build_task())
    made.update = Updater(players_of(made), World())
    return config, made


def test_it_is_usual_and_its_rounds_move_both_players(file):
    config, method = built("organ", file, g_steps=2)
    assert config.preset == "molecules"
    before = {name: value.clone() for name, value in method.state_dict().items()}
    method.phases()[-1].run(0)
    after = method.state_dict()
    for player in ("generator.output", "discriminator.output"):
        assert not torch.equal(before[f"{player}.weight"], after[f"{player}.weight"]), player


def test_naive_rl_is_the_same_reward_in_both_methods(file):
    config, organ = built("organ", file, **{"reward.weight": 0})
    other, plain = built("pg-bleu", file)
    assert (config.preset, other.preset) == ("molecules", "molecules")
    x = plain.task.encode(["CCO", "OCC", "CC(", "c1ccccc1", "CCO"])
    ours, theirs = organ.reward(x, organ), plain.reward(x, plain)
    assert torch.equal(ours, theirs)
    assert ours[0] == ours[1] == ours[4]  # three spellings or copies of one molecule share its score
    assert 0 < ours[0] < 0.2
    assert ours[2] == 0


def test_another_reward_or_a_critic_takes_the_place_of_the_presets(file):
    _, method = built("organ", file, reward="constant", d_rounds=0, d_steps=0)
    assert type(method.reward).__name__ == "Constant"
    _, method = built("organ", file, g_steps=1, **CRITIC)
    assert isinstance(method.loss, Wasserstein)
    method.phases()[-1].run(0)
