"""Settings by name, each as the flags it stands for: `--preset quick` is the same as typing them.

A preset named `paper-...` is the paper's own table row; where our figures differ, the method's page says by how much.
"""

from __future__ import annotations

from typing import Any

__all__ = ["MLE_PRESETS", "MLE_USUAL", "SEQGAN_PRESETS", "SEQGAN_USUAL"]

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

# On real text: optimisers that do not overfit in the first epochs, and small steps in the game.
_REAL_TEXT: dict[str, Any] = {
    "generator": "lstm",
    "generator.init_std": None,
    "discriminator": "cnn",
    "discriminator.dropout": 0.5,
    "credit": "rollout",
    "credit.n": 4,
    "d_steps": 1,
    "d_epochs": 1,
    "batch_size": 64,
    "generator_optimiser.name": "adamw",
    "generator_optimiser.lr": 3e-3,
    "generator_optimiser.weight_decay": 1e-2,
    "generator_optimiser.clip": 1.0,
    "discriminator_optimiser.lr": 5e-4,
    "trainer.eval_every": 5,
}

SEQGAN_PRESETS: Presets = {
    "paper-oracle-20": {"data": "oracle", "data.length": 20, **_PAPER_GAME},
    "paper-oracle-40": {"data": "oracle", "data.length": 40, **_PAPER_GAME},
    # The same game on the same data, shortened until it fits a coffee break: likelihood stops at its held-out best, D
    # has the narrow widths only and sees one epoch a round, four roll-outs a prefix.
    "quick": {
        "data": "oracle",
        **_PAPER_GENERATOR,
        "discriminator": "cnn",
        "discriminator.widths": [1, 2, 3, 4, 5],
        "discriminator.filters": [50, 100, 100, 100, 100],
        "credit": "rollout",
        "credit.n": 4,
        "mle_epochs": 20,
        "patience": 2,
        "d_rounds": 4,
        "rounds": 12,
        "g_steps": 2,
        "d_steps": 1,
        "d_epochs": 1,
        "policy_optimiser.lr": 1e-3,
        "discriminator_optimiser.lr": 1e-3,
        "trainer.eval_every": 2,
    },
    "text": {
        **_REAL_TEXT,
        "generator.embedding": 128,
        "generator.hidden": 256,
        "generator.dropout": 0.4,
        "discriminator.widths": [1, 2, 3, 4, 5],
        "discriminator.filters": [100, 200, 200, 100, 100],
        "mle_epochs": 30,
        "patience": 2,
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
        **_REAL_TEXT,
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
}

# What is taken for a task where nobody asks for a preset.
MLE_USUAL = {"oracle": "tuned", "text": "tuned"}
SEQGAN_USUAL = {"oracle": "quick", "text": "text"}
