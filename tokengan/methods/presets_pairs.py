"""Settings for pairs: a few minutes of one core for some thousand of them."""

from __future__ import annotations

from typing import Any

__all__ = ["MLE_PAIRS", "SEQGAN_PAIRS"]

_GENERATOR: dict[str, Any] = {
    "generator": "seq2seq",
    "generator.embedding": 128,
    "generator.hidden": 256,
    "generator.dropout": 0.3,
    "batch_size": 64,
    "generator_optimiser.name": "adamw",
    "generator_optimiser.lr": 3e-3,
    "generator_optimiser.weight_decay": 1e-2,
    "generator_optimiser.clip": 1.0,
    "patience": 3,
}

MLE_PAIRS: dict[str, Any] = {**_GENERATOR, "epochs": 40, "trainer.eval_every": 1}

# The discriminator reads the source too: it can reward an answer, and not only a likely sentence.
SEQGAN_PAIRS: dict[str, Any] = {
    **_GENERATOR,
    "discriminator": "pair",
    "discriminator.network.widths": [1, 2, 3, 4],
    "discriminator.network.filters": [50, 100, 100, 100],
    "discriminator.network.dropout": 0.5,
    "credit": "rollout",
    "credit.n": 4,
    "mle_epochs": 40,
    "d_rounds": 3,
    "d_steps": 1,
    "d_epochs": 1,
    "rounds": 10,
    "g_steps": 10,
    "estimator.baseline": "ema",
    "policy_optimiser.lr": 1e-4,
    "discriminator_optimiser.lr": 5e-4,
    "trainer.eval_every": 2,
}
