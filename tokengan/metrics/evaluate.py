"""Any text against any text: the metrics that need only texts, each beside what real text scores in its place."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from tokengan.data.read import read_file
from tokengan.errors import UserError, nearest
from tokengan.metrics.base import TEXTS, TOOLS, Figure, Given, Metric, missing
from tokengan.metrics.bleu import Bleu, SelfBleu
from tokengan.metrics.diversity import Distinct, Entropy, TopSentenceShare, UniqueShare
from tokengan.metrics.embsim import EmbSim
from tokengan.metrics.features import Features, encoder
from tokengan.metrics.fed import FED
from tokengan.metrics.lm_score import LMScore
from tokengan.metrics.mauve import Mauve
from tokengan.metrics.mmd import MMD
from tokengan.metrics.multisets import JensenShannon, MSJaccard
from tokengan.metrics.nearest import NearestOverlap
from tokengan.metrics.ngrams import digest, draw
from tokengan.metrics.novelty import CopyShare, Novelty
from tokengan.metrics.profiles import Lengths, Vocabulary
from tokengan.metrics.two_sample import TwoSample
from tokengan.training.progress import Bar, Progress

__all__ = ["Texts", "evaluate", "evaluate_texts", "known_metrics", "real_text"]

Texts = str | Path | Sequence[str]  # a file that `tokengan.data` reads, or the lines
ON_TRAIN = "the reference is the training text: this measures memory"
ALL = "all"
CUTS = {"word": str.split, "char": list}


def known_metrics() -> dict[str, Metric]:
    """Return the metrics that need only texts, or texts and their vectors, by the names that `evaluate_texts` takes.

    >>> list(known_metrics())[:3]
    ['bleu', 'self-bleu', 'distinct']
    """
    metrics = [
        Bleu(),
        SelfBleu(),
        Distinct(),
        UniqueShare(),
        TopSentenceShare(),
        Entropy(),
        Novelty(),
        CopyShare(),
        MSJaccard(),
        JensenShannon(),
        Lengths(),
        Vocabulary(),
        NearestOverlap(),
        LMScore(),
        FED(),
        Mauve(),
        MMD(),
        TwoSample(),
        EmbSim(),
    ]
    return {metric.name: metric for metric in metrics}


def real_text(metric: Metric, given: Given) -> tuple[str, Given] | None:
    """Return real text to be measured in place of the samples, with its label, or None where there is none.

    A metric that compares with the reference gets training lines (it would find the reference in the reference), any
    other one gets the reference; as many sentences as there are samples, drawn with a fixed seed, since most figures
    move with that number. Where real text has fewer sentences the signatures differ and say so.

    >>> given = Given([["a"]], reference=[["b"], ["c"]], train=[["d"]])
    >>> [real_text(metric, given)[0] for metric in (Bleu(), SelfBleu())]
    ['train lines', 'reference']
    """
    if not metric.needs <= TEXTS | TOOLS:
        return None
    label, source = ("train lines", "train") if "reference" in metric.needs else ("reference", "reference")
    text = given.get(source)
    if not text:
        return None
    splits = {**given.splits, "samples": given.split_of(source)}
    return label, given.replace(samples=draw(text, len(given.samples)), splits=splits)


def evaluate(given: Given, metrics: Iterable[Metric], progress: Progress = Progress()) -> list[Figure]:
    """Return the figures of all metrics, each metric followed by the same figures of real text where there is any.

    Each metric is a phase of `progress`. Raises UserError for a metric whose needs are not there.

    >>> figures = evaluate(Given([["a"], ["a"]], reference=[["a"], ["b"]]), [UniqueShare()])
    >>> [(figure.name, figure.value, figure.split) for figure in figures]
    [('unique share', 0.5, 'samples'), ('unique share (reference)', 1.0, 'test')]
    """
    figures = []
    metrics = list(metrics)
    for i, metric in enumerate(metrics):
        progress.phase(metric.name, len(metrics), i)
        reason = missing(metric, given)
        if reason:
            raise UserError(reason)
        computed = metric.compute(given)
        real = real_text(metric, given)
        if real:
            label, real_given = real
            computed += [figure.replace(name=f"{figure.name} ({label})") for figure in metric.compute(real_given)]
        if "reference" in metric.needs and given.split_of("reference") == "train":
            computed = [figure.replace(note=ON_TRAIN) for figure in computed]
        figures += computed
    return figures


def evaluate_texts(
    samples: Texts,
    reference: Texts | None = None,
    train: Texts | None = None,
    *,
    metrics: Sequence[str] | None = None,
    lowercase: bool = False,
    tokens: Literal["word", "char"] = "word",
    reference_split: str = "test",
    encoder_name: str = "lsa",
    progress: bool = False,
) -> list[Figure]:
    """Judge samples by every cheap text metric whose needs are there, or by those asked for.

    Args:
        samples: What a system wrote, one sequence a line. An empty line is an empty sequence and is scored as one.
        reference: Held-out real text. Empty lines are left out, here and in `train`.
        train: The text that the system learnt from.
        metrics: Names out of `known_metrics()`; None for all cheap ones that can be computed, `["all"]` for the costly
            ones too, though not for those of old tables.
        lowercase: Lower-case all texts first; stated in the signature.
        tokens: Cut at white space ("word") or into characters ("char"); stated in the signature.
        reference_split: What the reference is, for the figures. It becomes "train", with a note, when the reference is
            the training text itself.
        encoder_name: What turns texts into vectors for the metrics that read those: see `features.encoder`.
        progress: Show on standard error which metric is under way, where that is a terminal.

    Raises:
        UserError: For an empty text, an unknown metric, or a metric asked for whose needs are not there.

    >>> figures = evaluate_texts(["a b c d", "a b c e"], ["a b c d", "x y"], metrics=["bleu"])
    >>> [(figure.name, round(figure.value, 3)) for figure in figures]
    [('BLEU-2', 0.854), ('BLEU-3', 0.815), ('BLEU-4', 0.699), ('BLEU-5', 0.466)]
    """
    known = known_metrics()
    wanted = [name for name in metrics or () if name != ALL]
    for name in wanted:
        if name not in known:
            raise UserError(f"there is no metric {name!r}{nearest(name, known)}. Known are {', '.join(known)}, {ALL}.")
    if tokens not in CUTS:
        raise UserError(f"tokens is {tokens!r}{nearest(tokens, CUTS)}. It is one of {', '.join(CUTS)}.")

    def cut(texts: Texts, name: str) -> list[list[str]]:
        lines = [line.lower() if lowercase else line for line in _lines(texts, name)]
        sentences = [CUTS[tokens](line) for line in lines]
        return sentences if name == "samples" else [sentence for sentence in sentences if sentence]

    texts = {"samples": samples, "reference": reference, "train": train}
    given = {name: cut(text, name) for name, text in texts.items() if text is not None}
    for name, sentences in given.items():
        if not any(sentences):
            raise UserError(f"the {name} text is empty: give at least one sequence, one a line.")
    on_train = len(given) == len(texts) and digest(given["reference"]) == digest(given["train"])
    at_hand = Given(
        given["samples"],
        given.get("reference"),
        given.get("train"),
        {"features": Features(encoder(encoder_name))},
        tokens=tokens,
        case="lower" if lowercase else "mixed",
        splits={"reference": "train" if on_train else reference_split},
    )
    costs = {"cheap"} if metrics is None else {"cheap", "costly"} if ALL in metrics else set()
    wanted += [name for name, metric in known.items() if metric.cost in costs and missing(metric, at_hand) is None]
    shown = Bar() if progress and sys.stderr.isatty() else Progress()
    try:
        return evaluate(at_hand, [known[name] for name in dict.fromkeys(wanted)], shown)
    finally:
        shown.close()


def _lines(texts: Texts, name: str) -> list[str]:
    """Return the texts of a file, or the lines given, checked."""
    if not isinstance(texts, str | Path):
        for i, line in enumerate(texts):
            if not isinstance(line, str):
                raise UserError(
                    f"item {i} of the {name} is {type(line).__name__}, not text: give one string a sequence."
                )
        return list(texts)
    return read_file(texts).with_blanks()
