"""LeakGAN's settings by name."""

from __future__ import annotations

from typing import Any

from tokengan.methods.presets import SEQGAN_PRESETS, Presets

__all__ = ["LEAKGAN_PRESETS", "LEAKGAN_USUAL"]

# The authors' code: roll-outs of every fourth prefix, ranks from 0, divided by the number of roll-outs.
_PUBLISHED: dict[str, Any] = {
    "generator": "manager_worker",
    "generator.goal": 16,
    "generator.window": 4,
    "generator_optimiser.clip": 5.0,
    "policy_optimiser.clip": 5.0,
    "discriminator": "cnn",
    "discriminator.dropout": 0.0,
    "discriminator.l2": 0.0,
    "discriminator_optimiser.lr": 5e-5,
    "reward": "probability",
    "credit": "rollout",
    "credit.n": 4,
    "credit.every": 4,
    "rescale": "rescale",
    "rescale.delta": 16.0,
    "rescale.form": "code",
    "rescale.divide": 4.0,
    "batch_size": 64,
    "rounds": 800,
    "g_steps": 1,
    "d_rounds": 5,
    "d_steps": 5,
    "d_epochs": 3,
    "trainer.eval_every": 10,
}
_QUICK = SEQGAN_PRESETS["quick"]
_TEXT = SEQGAN_PRESETS["text"]
_KEPT = ("batch_size", "policy_optimiser.", "discriminator", "discriminator_optimiser.", "d_steps", "d_epochs")

LEAKGAN_PRESETS: Presets = {
    "paper-oracle-20": {
        "data": "oracle",
        "data.length": 20,
        **_PUBLISHED,
        "generator.embedding": 32,
        "generator.hidden": 32,
        "generator_optimiser.lr": 1.5e-3,
        "policy_optimiser.lr": 1.5e-3,
        "inter_rounds": 10,
        "mle_epochs": 8,
        "supervise_every": 0,
    },
    # COCO, 32 words: sharpened by 0.8 in training. The authors' 12 passes over a twentieth of the data are one here.
    "paper-text": {
        **_PUBLISHED,
        "generator.embedding": 128,
        "generator.hidden": 128,
        "generator_optimiser.lr": 1e-3,
        "policy_optimiser.lr": 1e-3,
        "discriminator.embedding": 256,
        "inter_rounds": 16,
        "mle_epochs": 1,
        "temperature.start": 1.25,
        "beside.start": 0.0,
        "beside.end": 64.0,
        "beside.over": 128,
        "supervise_every": 15,
        "supervise": 0.05,
    },
    "quick": {
        **{key: value for key, value in _QUICK.items() if not key.startswith(("generator.", "mle_", "patience"))},
        "generator": "manager_worker",
        "generator.goal": 4,
        "credit.every": 4,
        "inter_rounds": 12,
        "mle_epochs": 1,
        "patience": 2,
        "d_rounds": 1,
        "generator_optimiser.lr": 1e-2,
        "supervise_every": 0,
    },
    "text": {
        **{key: value for key, value in _TEXT.items() if not key.startswith(("mle_", "patience"))},
        "generator": "manager_worker",
        "generator.embedding": 128,
        "generator.hidden": 128,
        "generator.goal": 8,
        "credit.every": 4,
        "inter_rounds": 20,
        "mle_epochs": 1,
        "patience": 2,
        "d_rounds": 1,
    },
}
LEAKGAN_USUAL = {"oracle": "quick", "text": "text"}
