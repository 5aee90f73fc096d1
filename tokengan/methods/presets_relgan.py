"""RelGAN's presets.

The authors' schedule is beta_max^(n/5000) with n the step of the game, and their runs stop at step 2,000 (text) or
3,000 (oracle): the sharpness that ends a run is beta_max^0.4 or beta_max^0.6. `coco-100` is that run, with the
published constant and 6.3 at its end; `coco-100-reached` is what their text says, with 100 at its end.
"""

from __future__ import annotations

from tokengan.methods.presets import Presets

__all__ = ["RELGAN_PRESETS", "RELGAN_USUAL"]


def _sharpness(end: float, over: int) -> dict[str, object]:
    """Return the exponential policy from 1 to `end`."""
    names = {"start": 1.0, "end": end, "over": over, "shape": "exponential"}
    return {f"relax.sharpness.{name}": value for name, value in names.items()}


_PAPER = {
    "generator": "relational_memory",
    "generator.embedding": 32,
    "generator.slots": 1,
    "generator.heads": 2,
    "generator.head_size": 256,
    "generator.joint_norm": True,
    "discriminator": "multi_view",
    "discriminator.embedding": 64,
    "discriminator.views": 64,
    "batch_size": 64,
    "mle_epochs": 150,
    "generator_optimiser.lr": 1e-2,
    "policy_optimiser.lr": 1e-4,
    "discriminator_optimiser.lr": 1e-4,
    "d_steps": 5,
    "updates": 20,
    "trainer.eval_every": 5,
}
_COCO = {**_PAPER, "rounds": 100}
_PAPER_ORACLE = {**_PAPER, "data": "oracle", "rounds": 150}

# Small enough for minutes of one core: likelihood stopped at its held-out best, then 80 updates of the generator.
_QUICK = {
    "generator": "relational_memory",
    "generator.embedding": 32,
    "generator.heads": 2,
    "generator.head_size": 32,
    "discriminator": "multi_view",
    "discriminator.embedding": 64,
    "discriminator.views": 8,
    "discriminator.filters": [50, 50, 50, 50],
    "batch_size": 64,
    "patience": 2,
    "updates": 20,
    "d_steps": 5,
}

RELGAN_PRESETS: Presets = {
    "quick": {
        **_QUICK,
        "data": "oracle",
        "mle_epochs": 20,
        "generator_optimiser.lr": 1e-2,
        "rounds": 4,
        "trainer.eval_every": 2,
        **_sharpness(10.0, over=80),
    },
    "text": {
        **_QUICK,
        "generator.embedding": 64,
        "generator.head_size": 64,
        "generator.dropout": 0.3,
        "generator_optimiser.name": "adamw",
        "generator_optimiser.lr": 3e-3,
        "generator_optimiser.weight_decay": 1e-2,
        "generator_optimiser.clip": 1.0,
        "discriminator.views": 16,
        "mle_epochs": 30,
        "rounds": 3,
        "trainer.eval_every": 1,
        **_sharpness(10.0, over=60),
    },
    "coco-100": {**_COCO, **_sharpness(100.0, over=5000)},
    "coco-1000": {**_COCO, **_sharpness(1000.0, over=5000)},
    "coco-100-reached": {**_COCO, **_sharpness(100.0, over=2000)},
    "paper-oracle-20": {**_PAPER_ORACLE, "data.length": 20, "relax.sharpness.start": 1.0, "relax.sharpness.end": 1.0},
    "paper-oracle-40": {**_PAPER_ORACLE, "data.length": 40, **_sharpness(2.0, over=5000)},
}
RELGAN_USUAL = {"oracle": "quick", "text": "text"}
