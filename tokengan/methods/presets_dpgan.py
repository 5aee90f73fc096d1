"""DPGAN's settings by name."""

from __future__ import annotations

from tokengan.methods.presets import PG_BLEU_PRESETS, Presets

__all__ = ["DPGAN_PRESETS", "DPGAN_USUAL"]

# Returns are sums of rewards above 0, so without the siblings' mean taken off every sample would be made likelier.
_GAME = {"estimator.baseline": "leave_one_out", "trainer.eval_every": 2, "discriminator.network": "lstm"}

DPGAN_PRESETS: Presets = {
    "quick": {
        **PG_BLEU_PRESETS["quick"],
        **_GAME,
        "d_rounds": 2,
        "d_steps": 1,
        "d_epochs": 1,
        "teacher_optimiser.lr": 1e-3,
    },
    "text": {
        **PG_BLEU_PRESETS["text"],
        **_GAME,
        "discriminator.network.embedding": 128,
        "discriminator.network.hidden": 128,
        "discriminator.network.init_std": None,
        "discriminator_optimiser.lr": 1e-3,
        "d_rounds": 3,
        "d_steps": 1,
        "d_epochs": 1,
        "rounds": 10,
        "g_steps": 20,
        "teacher_optimiser.lr": 1e-4,
    },
}
DPGAN_USUAL = {"oracle": "quick", "text": "text"}
