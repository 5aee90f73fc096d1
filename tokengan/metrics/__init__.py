"""Metrics: one file a family, each saying what it needs, which way is better, and by what signature it was computed."""

from tokengan.metrics.base import (
    Direction,
    Figure,
    Given,
    Metric,
    comparable,
    missing,
    require_same_signature,
)
from tokengan.metrics.bleu import Bleu, SelfBleu, bleu, self_bleu
from tokengan.metrics.diversity import Distinct, Entropy, TopSentenceShare, UniqueShare
from tokengan.metrics.evaluate import Texts, evaluate, evaluate_texts, known_metrics
from tokengan.metrics.novelty import CopyShare, Novelty
from tokengan.metrics.table import table, to_json

__all__ = [
    "Bleu",
    "CopyShare",
    "Direction",
    "Distinct",
    "Entropy",
    "Figure",
    "Given",
    "Metric",
    "Novelty",
    "SelfBleu",
    "Texts",
    "TopSentenceShare",
    "UniqueShare",
    "bleu",
    "comparable",
    "evaluate",
    "evaluate_texts",
    "known_metrics",
    "missing",
    "require_same_signature",
    "self_bleu",
    "table",
    "to_json",
]
