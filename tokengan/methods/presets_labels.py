"""Presets of the methods that write for labels: `text` is for a few thousand short labelled sentences."""

from __future__ import annotations

from typing import Any

from tokengan.methods.presets import SEQGAN_PRESETS

__all__ = ["LABELGAN_PRESETS", "LABELGAN_USUAL", "SENTIGAN_PRESETS", "SENTIGAN_USUAL"]

Presets = dict[str, dict[str, Any]]

# A sentence of fifteen words is judged whole: roll-outs at every word would take all the minutes that there are.
_GAME: dict[str, Any] = {"credit": "final", "patience": 2, "d_rounds": 3, "rounds": 8, "g_steps": 20, "mle_steps": 5}
# Categories of the built-in sentences.
_FORTUNES: dict[str, Any] = {
    "task": "labelled",
    "data.source": "fortunes",
    "data.labels": ["computers", "food", "love", "science"],
    "data.max_length": 14,
}


def _text(generator: str) -> dict[str, Any]:
    """Return the demonstration's networks for sentences, as members of a generator of labels."""
    dropped = ("data", "estimator", "credit")
    own = {key: value for key, value in SEQGAN_PRESETS["demo"].items() if not key.startswith(dropped)}
    renamed = {key.replace("generator.", "generator.member.", 1): value for key, value in own.items()}
    return {**renamed, **_GAME, "generator": generator, "generator.member": "lstm"}


def _both(text: dict[str, Any]) -> Presets:
    return {"text": text, "quick": {**text, **_FORTUNES, "rounds": 4}}


SENTIGAN_PRESETS = _both(_text("per_label"))
LABELGAN_PRESETS = _both({**_text("conditional"), "estimator.baseline": "label_ema", "policy_optimiser.lr": 1e-3})
SENTIGAN_USUAL = {"labelled": "text"}
LABELGAN_USUAL = {"labelled": "text"}
