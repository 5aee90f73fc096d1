"""Anybody's texts as a comparison of one row, so that they get the same report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tokengan.data.lines import Lines
from tokengan.figure import Figure
from tokengan.metrics.evaluate import CUTS
from tokengan.reports.comparison import Cell, Comparison, Point, Row
from tokengan.reports.summary import split_real
from tokengan.reports.texts import rates, side_by_side
from tokengan.reports.versions import versions

__all__ = ["of_texts"]

SHOWN = 12


def of_texts(
    figures: Sequence[Figure],
    samples: Lines,
    reference: Lines | None = None,
    train: Lines | None = None,
    *,
    tokens: str = "word",
    lowercase: bool = False,
    command: str = "",
) -> Comparison:
    """Return a comparison of one row with one point.

    Args:
        figures: What `evaluate` returned of these texts, real text among them.
        samples: What a system wrote.
        reference: Held-out real text, or None: then no n-gram is called too frequent.
        train: The text that the system learnt from, or None: then no sample has a nearest sentence.
        tokens: How texts are cut, `word` or `char`.
        lowercase: Whether figures were computed of lower-cased texts.
        command: What was typed.
    """
    cut = CUTS[tokens]

    def sentences(lines: Lines) -> list[list[str]]:
        return [list(cut(text.lower() if lowercase else text)) for text in lines.texts]

    own, real = split_real(figures)
    known = [] if train is None else train.texts
    shown = side_by_side(samples.with_blanks()[:SHOWN], known, cut)
    odd = () if reference is None else rates(sentences(samples), sentences(reference))
    point = Point(1.0, tuple(own), shown, odd)
    name = Path(samples.name).name
    against = "" if reference is None else f" against {Path(reference.name).name}"
    files = {"samples": samples, "reference": reference, "train": train}
    return Comparison(
        f"{name}{against}",
        (Row(name, role="given", cells=(Cell(0, points=(point,)),)),),
        tuple(real),
        {what: _about(lines) for what, lines in files.items() if lines is not None},
        environment=versions(),
        command=command,
    )


def _about(lines: Lines) -> dict[str, Any]:
    return {
        "file": lines.name,
        "lines": lines.read,
        "blank": lines.blank,
        "different": len(set(lines.texts)),
        "sha256": lines.sha256,
    }
