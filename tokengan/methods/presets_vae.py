"""The settings of VAE by name, each as the flags it stands for."""

from __future__ import annotations

from typing import Any

__all__ = ["VAE_PRESETS", "VAE_USUAL"]

VAE_PRESETS: dict[str, dict[str, Any]] = {
    # A data set without any latent cause: a small code, and a decoder like the other methods'.
    "quick": {
        "data": "oracle",
        "generator": "latent",
        "generator.latent": 8,
        "generator.embedding": 32,
        "generator.hidden": 32,
        "epochs": 8,
        "kl_weight.start": 0.0,
        "kl_weight.end": 1.0,
        "kl_weight.over": 4,
        "batch_size": 64,
        "generator_optimiser.lr": 5e-3,
        "trainer.eval_every": 4,
    },
    # Short sentences in a few minutes of one core: cycles, free bits and word dropout together.
    "text": {
        "generator": "latent",
        "generator.latent": 32,
        "generator.embedding": 128,
        "generator.hidden": 256,
        "generator.dropout": 0.3,
        "generator.word_dropout": 0.3,
        "epochs": 16,
        "kl_weight.start": 0.0,
        "kl_weight.end": 1.0,
        "kl_weight.over": 12,
        "kl_weight.cycles": 4,
        "kl_weight.rise": 0.5,
        "free_bits.nats": 8.0,
        "batch_size": 64,
        "generator_optimiser.lr": 2e-3,
        "trainer.eval_every": 4,
    },
    # What happens without any of that: a strong decoder finds that it needs no code.
    "collapse": {
        "generator": "latent",
        "generator.latent": 32,
        "generator.embedding": 128,
        "generator.hidden": 256,
        "generator.dropout": 0.3,
        "epochs": 4,
        "kl_weight.start": 1.0,
        "kl_weight.end": None,
        "batch_size": 64,
        "generator_optimiser.lr": 2e-3,
        "trainer.eval_every": 2,
    },
}
VAE_USUAL = {"oracle": "quick", "text": "text"}
