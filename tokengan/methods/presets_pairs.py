"""Settings for pairs: a few minutes of one core for some thousand of them."""

from __future__ import annotations

from typing import Any

__all__ = ["MLE_PAIRS"]

MLE_PAIRS: dict[str, Any] = {
    "generator": "seq2seq",
    "generator.embedding": 128,
    "generator.hidden": 256,
    "generator.dropout": 0.3,
    "epochs": 40,
    "batch_size": 64,
    "generator_optimiser.name": "adamw",
    "generator_optimiser.lr": 3e-3,
    "generator_optimiser.weight_decay": 1e-2,
    "generator_optimiser.clip": 1.0,
    "patience": 3,
    "trainer.eval_every": 1,
}
