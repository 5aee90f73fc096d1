"""Presets of the methods that write for labels: `text` is for a few thousand short labelled sentences."""

from __future__ import annotations

from typing import Any

from tokengan.methods.presets import SEQGAN_PRESETS

__all__ = ["LABELGAN_PRESETS", "LABELGAN_USUAL", "SENTIGAN_PRESETS", "SENTIGAN_USUAL"]

Presets = dict[str, dict[str, Any]]


def _text(generator: str) -> dict[str, Any]:
    """Return the demonstration's networks for sentences, as members of a generator of labels."""
    own = {key: value for key, value in SEQGAN_PRESETS["demo"].items() if not key.startswith(("data", "estimator"))}
    renamed = {key.replace("generator.", "generator.member.", 1): value for key, value in own.items()}
    return {**renamed, "generator": generator, "generator.member": "lstm"}


SENTIGAN_PRESETS: Presets = {"text": {**_text("per_label"), "credit.n": 4, "mle_steps": 40}}
LABELGAN_PRESETS: Presets = {"text": {**_text("conditional"), "estimator.baseline": "label_ema"}}
SENTIGAN_USUAL = {"labelled": "text"}
LABELGAN_USUAL = {"labelled": "text"}
