"""Settings by name, each as the flags it stands for: `--preset quick` is the same as typing them.

A preset named `paper-...` is the paper's own table row; where our figures differ, the method's page says by how much.
"""

from __future__ import annotations

from typing import Any

from tokengan.methods.presets_pairs import MLE_PAIRS, SEQGAN_PAIRS

__all__ = [
    "COT_PRESETS",
    "COT_USUAL",
    "GAN_PRESETS",
    "GAN_USUAL",
    "JUDGE_PRESETS",
    "JUDGE_USUAL",
    "MALIGAN_PRESETS",
    "MALIGAN_USUAL",
    "MLE_PRESETS",
    "MLE_USUAL",
    "ORGAN_PRESETS",
    "ORGAN_USUAL",
    "PG_BLEU_PRESETS",
    "PG_BLEU_USUAL",
    "RANKGAN_PRESETS",
    "RANKGAN_USUAL",
    "SEQGAN_PRESETS",
    "SEQGAN_USUAL",
    "WGAN_PRESETS",
    "WGAN_USUAL",
]

Presets = dict[str, dict[str, Any]]

# The generator and likelihood training of SeqGAN's code: no dropout, no early stop, the last weights are kept.
_PAPER_GENERATOR: dict[str, Any] = {
    "generator": "lstm",
    "generator.embedding": 32,
    "generator.hidden": 32,
    "batch_size": 64,
    "generator_optimiser.lr": 1e-2,
    "generator_optimiser.clip": 5.0,
}

MLE_PRESETS: Presets = {
    "paper-oracle-20": {"data": "oracle", "data.length": 20, "epochs": 120, **_PAPER_GENERATOR},
    # What likelihood can do on the same data: the opponent that a gain has to be measured against.
    "tuned": {
        "generator": "lstm",
        "generator.embedding": 128,
        "generator.hidden": 128,
        "generator.dropout": 0.5,
        "epochs": 60,
        "batch_size": 64,
        "generator_optimiser.name": "adamw",
        "generator_optimiser.lr": 1e-2,
        "generator_optimiser.weight_decay": 0.03,
        "generator_optimiser.clip": 1.0,
        "generator_optimiser.factor.start": 1.0,
        "generator_optimiser.factor.end": 0.1,
        "generator_optimiser.factor.over": 4000,
        "generator_optimiser.factor.shape": "exponential",
        "patience": 3,
        "trainer.eval_every": 1,
    },
    "pairs": MLE_PAIRS,
}

_PAPER_GAME: dict[str, Any] = {
    **_PAPER_GENERATOR,
    "discriminator": "cnn",
    "reward": "probability",
    "credit": "rollout",
    "credit.n": 16,
    "mle_epochs": 120,
    "d_rounds": 50,
    "rounds": 200,
    "g_steps": 1,
    "d_steps": 5,
    "d_epochs": 3,
    "policy_optimiser.lr": 1e-2,
    "discriminator_optimiser.lr": 1e-4,
    "trainer.eval_every": 5,
}

# Every method's `quick`: the same start, likelihood stopped at its held-out best, and the same narrow discriminator.
_QUICK_START: dict[str, Any] = {"data": "oracle", **_PAPER_GENERATOR, "mle_epochs": 20, "patience": 2}
_QUICK: dict[str, Any] = {
    **_QUICK_START,
    "discriminator": "cnn",
    "discriminator.widths": [1, 2, 3, 4, 5],
    "discriminator.filters": [50, 100, 100, 100, 100],
    "policy_optimiser.lr": 1e-3,
    "discriminator_optimiser.lr": 1e-3,
    "trainer.eval_every": 2,
}
# 80 updates of the generator (CoT's has 120), and an epoch of the discriminator after every twenty.
_QUICK_GAME: dict[str, Any] = {"d_rounds": 4, "rounds": 4, "g_steps": 20, "d_steps": 1, "d_epochs": 1}

# On real text: optimisers that do not overfit in the first epochs, and small steps in the game.
_REAL_GENERATOR: dict[str, Any] = {
    "generator": "lstm",
    "generator.init_std": None,
    "batch_size": 64,
    "generator_optimiser.name": "adamw",
    "generator_optimiser.lr": 3e-3,
    "generator_optimiser.weight_decay": 1e-2,
    "generator_optimiser.clip": 1.0,
}
_REAL_START: dict[str, Any] = {
    **_REAL_GENERATOR,
    "generator.embedding": 128,
    "generator.hidden": 256,
    "generator.dropout": 0.4,
    "mle_epochs": 30,
    "patience": 2,
}
_REAL_JUDGE: dict[str, Any] = {
    "discriminator": "cnn",
    "discriminator.dropout": 0.5,
    "discriminator_optimiser.lr": 5e-4,
    "trainer.eval_every": 5,
}
_REAL_GAME: dict[str, Any] = {**_REAL_JUDGE, "credit": "rollout", "credit.n": 4, "d_steps": 1, "d_epochs": 1}
_NARROW: dict[str, Any] = {
    "discriminator.widths": [1, 2, 3, 4, 5],
    "discriminator.filters": [100, 200, 200, 100, 100],
}

SEQGAN_PRESETS: Presets = {
    "paper-oracle-20": {"data": "oracle", "data.length": 20, **_PAPER_GAME},
    "paper-oracle-40": {"data": "oracle", "data.length": 40, **_PAPER_GAME},
    # The same game on the same data, shortened until it fits a coffee break: likelihood stops at its held-out best, D
    # has the narrow widths only and sees one epoch a round, four roll-outs a prefix.
    "quick": {**_QUICK, "credit": "rollout", "credit.n": 4, **_QUICK_GAME},
    "text": {
        **_REAL_START,
        **_REAL_GAME,
        **_NARROW,
        "d_rounds": 3,
        "rounds": 40,
        "policy_optimiser.lr": 1e-4,
    },
    # A few minutes on two cores: short sentences of common words, small networks.
    "demo": {
        "data": "fortunes",
        "data.max_length": 14,
        "data.vocab_size": 2000,
        "data.drop_unknown": True,
        **_REAL_GENERATOR,
        **_REAL_GAME,
        "generator.embedding": 64,
        "generator.hidden": 96,
        "generator.dropout": 0.3,
        "discriminator.embedding": 32,
        "discriminator.widths": [1, 2, 3, 4],
        "discriminator.filters": [50, 50, 50, 50],
        "estimator.baseline": "ema",
        "mle_epochs": 15,
        "patience": 1,
        "d_rounds": 2,
        "rounds": 10,
        "g_steps": 5,
        "policy_optimiser.lr": 5e-4,
    },
    "pairs": SEQGAN_PAIRS,
}

_QUICK_TEXT: dict[str, Any] = {key: value for key, value in SEQGAN_PRESETS["text"].items() if key[:6] != "credit"}

MALIGAN_PRESETS: Presets = {
    "quick": {**_QUICK, **_QUICK_GAME, "estimator.baseline.start": 1.0},
    "text": {**_QUICK_TEXT, "estimator.baseline.start": 1.0},
}

# The authors' schedule and sixteen references; batches of 64 where they take 32 for the policy.
RANKGAN_PRESETS: Presets = {
    "paper-oracle-20": {
        "data": "oracle",
        "data.length": 20,
        **_PAPER_GAME,
        "reward": "rank",
        "reward.references": 16,
        "loss": "ranking",
        "d_epochs": 1,
    },
    "quick": {**_QUICK, "credit": "rollout", "credit.n": 4, **_QUICK_GAME},
    "text": {**SEQGAN_PRESETS["text"]},
}

# A few minutes of one core for a few thousand sequences that are judged whole, each against its siblings: four
# roll-outs a prefix would mean a hundred times the chemistry.
_SCORED: dict[str, Any] = {
    **_REAL_GENERATOR,
    "generator.embedding": 64,
    "generator_optimiser.lr": 6e-3,
    "generator_optimiser.factor.start": 1.0,
    "generator_optimiser.factor.end": 0.1,
    "generator_optimiser.factor.shape": "exponential",
    "patience": 2,
    "credit": "final",
    "estimator": "rloo",
    "estimator.num_generations": None,
    "g_steps": 16,
    "policy_optimiser.clip": 1.0,
    "trainer.eval_every": 3,
}
_MOLECULES: dict[str, Any] = {
    **_SCORED,
    "data.max_length": 60,  # as in ORGAN's published script
    "generator.hidden": 256,
    "generator.dropout": 0.2,
    "generator_optimiser.factor.over": 976,  # steps: the sixteen epochs of the molecules that RDKit ships
    "mle_epochs": 16,
    # Stay near the start: else the same small molecules come again and again where those are what scores well (SA).
    "estimator.beta": 0.05,
    "rounds": 5,
    "policy_optimiser.lr": 5e-4,
}
_CANONICAL = "tokengan.chem.molecules:canonical"
_TUNES: dict[str, Any] = {
    **_SCORED,
    "generator.hidden": 128,
    "generator.dropout": 0.3,
    "generator_optimiser.factor.over": 1260,  # steps: twenty epochs of four thousand melodies
    "mle_epochs": 20,
    "estimator.beta": 0.02,
    "rounds": 10,
    "policy_optimiser.lr": 1e-3,
}
_SOUNDING = "tokengan.music.objectives:canonical"
_OBJECTIVES_AND_JUDGE: dict[str, Any] = {
    "reward": "tokengan.rewards.organ.ObjectiveReinforced",
    "discriminator": "cnn",
    "discriminator.embedding": 32,
    "discriminator.widths": [1, 3, 5],
    "discriminator.filters": [64, 64, 64],
    "discriminator.dropout": 0.5,
    "discriminator_optimiser.lr": 1e-3,
    "d_rounds": 1,
    "d_steps": 1,
    "d_epochs": 1,
}
_OBJECTIVE_ALONE: dict[str, Any] = {"reward": "repetition", "reward.reward": "objective"}

# On the oracle, whose tokens mean nothing, the objective is the share of distinct tokens.
ORGAN_PRESETS: Presets = {
    "quick": {**_QUICK, "credit": "rollout", "credit.n": 4, **_QUICK_GAME},
    "text": {**SEQGAN_PRESETS["text"], "g_steps": 2, "estimator.baseline": "ema"},
    "molecules": {**_MOLECULES, **_OBJECTIVES_AND_JUDGE, "reward.objectives": ["qed"], "reward.canonical": _CANONICAL},
    # A melody is far easier to tell from a real one than a molecule: with half the reward D outweighs any objective.
    "tunes": {
        **_TUNES,
        **_OBJECTIVES_AND_JUDGE,
        "reward.weight": 0.2,
        "reward.objectives": ["melodicity"],
        "reward.canonical": _SOUNDING,
    },
}

_QUICK_RL: dict[str, Any] = {"policy_optimiser.lr": 1e-3, "trainer.eval_every": 5, "estimator.baseline": "ema"}
PG_BLEU_PRESETS: Presets = {
    "quick": {**_QUICK_START, **_QUICK_RL, "rounds": 4, "g_steps": 20},
    "text": {
        **_REAL_START,
        **_QUICK_RL,
        "policy_optimiser.lr": 1e-4,
        "rounds": 100,
    },
    "molecules": {
        **_MOLECULES,
        **_OBJECTIVE_ALONE,
        "reward.reward.function": "qed",
        "reward.canonical": _CANONICAL,
    },
    "tunes": {
        **_TUNES,
        **_OBJECTIVE_ALONE,
        "reward.reward.function": "melodicity",
        "reward.canonical": _SOUNDING,
    },
}

GAN_PRESETS: Presets = {
    "quick": {**_QUICK, "policy_optimiser.lr": 1e-4, "d_rounds": 4, "rounds": 4, "updates": 20},
    "text": {
        **_REAL_START,
        **_REAL_JUDGE,
        **_NARROW,
        "policy_optimiser.lr": 1e-4,
        "d_rounds": 3,
        "rounds": 10,
        "updates": 20,
    },
}
# A critic is kept smooth by its constraint: a decay on its last layer would only shrink its scale.
_CRITIC: dict[str, Any] = {"discriminator.l2": 0.0, "discriminator.dropout": 0.0}
WGAN_PRESETS: Presets = {
    "quick": {
        **_QUICK,
        "policy_optimiser.lr": 1e-4,
        "discriminator_optimiser.lr": 1e-4,
        **_CRITIC,
        "d_rounds": 2,
        "rounds": 4,
        "updates": 20,
    },
    "text": {
        **_REAL_START,
        **_REAL_JUDGE,
        **_NARROW,
        "policy_optimiser.lr": 1e-4,
        "discriminator_optimiser.lr": 1e-4,
        **_CRITIC,
        "d_rounds": 2,
        "rounds": 10,
        "updates": 20,
    },
}

# A judge that knows more than the generator: twice the width, dropout, stopped at its held-out best.
_BETTER: dict[str, Any] = {"embedding": 64, "hidden": 64, "dropout": 0.4}
# On real text G is no small model, and what knows more is two of its kind that overfit differently.
_BETTER_TWO: dict[str, Any] = {
    "members": 2,
    "member": "lstm",
    "member.embedding": 128,
    "member.hidden": 256,
    "member.dropout": 0.5,
    "member.init_std": None,
}
_BETTER_OPTIMISER: dict[str, Any] = {
    "name": "adamw",
    "lr": 1e-2,
    "weight_decay": 3e-2,
    "clip": 1.0,
    "factor.start": 1.0,
    "factor.end": 0.1,
    "factor.over": 4000,
    "factor.shape": "exponential",
}
JUDGE_PRESETS: Presets = {
    "quick": {
        **_QUICK_START,
        "judge": "lstm",
        **{f"judge.{name}": value for name, value in _BETTER.items()},
        **{f"judge_optimiser.{name}": value for name, value in _BETTER_OPTIMISER.items()},
        "judge_epochs": 16,
        "judge_patience": 2,
        "rounds": 8,
        "updates": 10,
        "samples": 256,
        "policy_optimiser.lr": 5e-3,
        "trainer.eval_every": 4,
    },
    "text": {
        **_REAL_START,
        "judge": "ensemble",
        **{f"judge.{name}": value for name, value in _BETTER_TWO.items()},
        **{f"judge_optimiser.{name}": value for name, value in _BETTER_OPTIMISER.items()},
        "judge_optimiser.lr": 3e-3,
        "judge_epochs": 16,
        "judge_patience": 2,
        "rounds": 12,
        "updates": 10,
        "samples": 128,
        "policy_optimiser.lr": 5e-4,
        "trainer.eval_every": 2,
    },
}
COT_PRESETS: Presets = {
    "quick": {
        **_QUICK_START,
        "mediator": "lstm",
        **{f"mediator.{name}": value for name, value in _BETTER.items()},
        **{f"mediator_optimiser.{name}": value for name, value in _BETTER_OPTIMISER.items()},
        "mediator_epochs": 16,
        "rounds": 12,
        "updates": 10,
        "samples": 256,
        "policy_optimiser.lr": 5e-3,
        "trainer.eval_every": 4,
    },
    "text": {
        **_REAL_START,
        "mediator": "lstm",
        "mediator.embedding": 128,
        "mediator.hidden": 256,
        "mediator.dropout": 0.5,
        "mediator.init_std": None,
        **{f"mediator_optimiser.{name}": value for name, value in _BETTER_OPTIMISER.items()},
        "mediator_optimiser.lr": 3e-3,
        "mediator_epochs": 8,
        "rounds": 12,
        "updates": 10,
        "samples": 128,
        "policy_optimiser.lr": 5e-4,
        "trainer.eval_every": 2,
    },
    # The authors' schedule: no likelihood training, 200,000 updates of each player in turn.
    "paper-oracle-20": {
        "data": "oracle",
        "data.length": 20,
        "generator": "lstm",
        "generator.embedding": 32,
        "generator.hidden": 32,
        "mediator": "lstm",
        "mediator.embedding": 64,
        "mediator.hidden": 64,
        "mediator.dropout": 0.5,
        "mle_epochs": 0,
        "mediator_epochs": 0,
        "rounds": 2000,
        "updates": 100,
        "samples": 64,
    },
}

# What is taken for a task where nobody asks for a preset.
MLE_USUAL = {"oracle": "tuned", "text": "tuned", "pairs": "pairs"}
SEQGAN_USUAL = {"oracle": "quick", "text": "text", "pairs": "pairs"}
MALIGAN_USUAL = {"oracle": "quick", "text": "text"}
RANKGAN_USUAL = {"oracle": "quick", "text": "text"}
ORGAN_USUAL = {"oracle": "quick", "text": "text", "smiles": "molecules", "abc": "tunes"}
PG_BLEU_USUAL = {"oracle": "quick", "text": "text", "smiles": "molecules", "abc": "tunes"}
GAN_USUAL = {"oracle": "quick", "text": "text"}
WGAN_USUAL = {"oracle": "quick", "text": "text"}
JUDGE_USUAL = {"oracle": "quick", "text": "text"}
COT_USUAL = {"oracle": "quick", "text": "text"}
