"""Time BLEU-2..5 and leave-one-out Self-BLEU-2..5 on one core against nltk, as a ratio in one run.

    python benchmarks/text_metrics.py [--sentences 10000] [--plain 4] [--data ../shared/data/coco-captions]

nltk is timed on a few hypotheses, each against all references, and extrapolated to all of them: its cost per hypothesis
is the same for each. The scores of those few are compared too. Growth: the same at a tenth of the sentences.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu

from tokengan.metrics import bleu, self_bleu

ORDERS = (2, 3, 4, 5)
WEIGHTS = [(1 / n,) * n for n in ORDERS]
Result = TypeVar("Result")


def timed(work: Callable[[], Result], repeats: int = 1) -> tuple[Result, float]:
    """Return the result and the seconds of the fastest of some runs: the others waited for somebody else."""
    start = time.perf_counter()
    result = work()
    seconds = time.perf_counter() - start
    return (result, seconds) if repeats == 1 else (result, min(seconds, timed(work, repeats - 1)[1]))


def plain(hypothesis: list[str], references: list[list[str]]) -> list[float]:
    """Return BLEU-2..5 of one sentence as nltk computes it, all orders in one call."""
    return sentence_bleu(references, hypothesis, weights=WEIGHTS, smoothing_function=SmoothingFunction().method1)  # pyright: ignore


def row(name: str, ours: dict[int, np.ndarray], seconds: float, nltk: np.ndarray, nltk_seconds: float) -> str:
    """Return one line of the table; `nltk` holds the scores of the first few sentences."""
    few = np.stack([ours[n][: len(nltk)] for n in ORDERS], axis=1)
    whole = nltk_seconds / len(nltk) * len(ours[2])
    cells = [name, f"{seconds:.2f} s", f"{whole:,.0f} s", f"{whole / seconds:,.0f}x", f"{np.abs(few - nltk).max():.0e}"]
    return "| " + " | ".join([*cells, " ".join(f"{ours[n].mean():.3f}" for n in ORDERS)]) + " |"


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sentences", type=int, default=10_000)
    parser.add_argument("--plain", type=int, default=4, help="hypotheses that nltk scores")
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared/data/coco-captions")
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    train, test = (
        [line.split() for line in (arguments.data / f"{name}.tok.txt").read_text().splitlines()[: arguments.sentences]]
        for name in ("train", "test")
    )
    few = range(arguments.plain)
    size = len(test)
    print(f"{size:,} captions, one core, n = 2..5, nltk extrapolated from {len(few)} hypotheses\n")
    print("| work | tokengan | nltk | ratio | largest difference | scores |\n|---|---|---|---|---|---|")
    scores, seconds = timed(lambda: bleu(train, test, ORDERS), repeats=3)
    by_nltk, nltk_seconds = timed(lambda: np.array([plain(train[i], test) for i in few]))
    print(row("BLEU, train lines against test", scores, seconds, by_nltk, nltk_seconds))
    scores, self_seconds = timed(lambda: self_bleu(test, ORDERS), repeats=3)
    by_nltk, nltk_seconds = timed(lambda: np.array([plain(test[i], test[:i] + test[i + 1 :]) for i in few]))
    print(row("Self-BLEU, test lines", scores, self_seconds, by_nltk, nltk_seconds))
    tenth = size // 10
    small = timed(lambda: (bleu(train[:tenth], test[:tenth]), self_bleu(test[:tenth])), repeats=3)[1]
    both = seconds + self_seconds
    print(f"\nBoth together: {both:.2f} s. At a tenth of the sentences: {small:.3f} s, a ratio of {both / small:.0f}.")


if __name__ == "__main__":
    main()
