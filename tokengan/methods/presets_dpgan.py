"""DPGAN's settings by name."""

from __future__ import annotations

from typing import Any

from tokengan.methods.presets import PG_BLEU_PRESETS, Presets

__all__ = ["DPGAN_PRESETS", "DPGAN_USUAL"]

# Returns are sums of rewards above 0, so without the siblings' mean taken off every sample would be made likelier.
_GAME: dict[str, Any] = {
    "estimator.baseline": "leave_one_out",
    "trainer.eval_every": 2,
    "discriminator": "language_model",
    "discriminator.model": "lstm",
    "credit": "discounted",
    "d_steps": 1,
    "d_epochs": 1,
}
_REAL: dict[str, Any] = {
    **PG_BLEU_PRESETS["text"],
    **_GAME,
    "discriminator.model.embedding": 64,
    "discriminator.model.hidden": 128,
    "discriminator_optimiser.lr": 1e-3,
    "credit.gamma": 0.5,
    "d_rounds": 1,
    "rounds": 4,
    "g_steps": 30,
    "policy_optimiser.lr": 5e-5,
    "teacher_optimiser.lr": 1e-4,
}

DPGAN_PRESETS: Presets = {
    "quick": {**PG_BLEU_PRESETS["quick"], **_GAME, "d_rounds": 2, "teacher_optimiser.lr": 1e-3},
    "text": _REAL,
    "pairs": {
        **_REAL,
        "generator": "seq2seq",
        "data.max_length": 20,
        "data.max_source": 24,
        "data.lowercase": True,
        "data.vocab_size": 5000,
        "generator.embedding": 96,
        "generator.hidden": 192,
        "generator.dropout": 0.3,
        "mle_epochs": 12,
        "patience": 1,
    },
}
DPGAN_USUAL = {"oracle": "quick", "text": "text", "pairs": "pairs"}
