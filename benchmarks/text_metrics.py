"""BLEU-2..5 and leave-one-out Self-BLEU-2..5 against nltk, and at ten times the size: writes the page of the docs.

    OMP_NUM_THREADS=1 python benchmarks/text_metrics.py [--sentences 10000] [--plain 4] [--data ../shared/data]

nltk is timed on a few hypotheses, each against all references, and extrapolated to all of them: its cost per hypothesis
is the same for each. The scores of those few are compared too. Captions beyond those there are: `captions.py`. All
times are CPU seconds of one thread, the least of some runs.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
from captions import Text, at_least, lines
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu

from tokengan.metrics import bleu, self_bleu
from tokengan.metrics.ngrams import encode, ngrams

ORDERS = (2, 3, 4, 5)
WEIGHTS = [(1 / n,) * n for n in ORDERS]
Result = TypeVar("Result")


def timed(work: Callable[[], Result], repeats: int = 1) -> tuple[Result, float]:
    """Return the result and the CPU seconds of the fastest of some runs."""
    start = time.process_time()
    result = work()
    seconds = time.process_time() - start
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


def both(hypotheses: Text, references: Text, repeats: int = 3) -> tuple[float, float]:
    """Return the seconds of BLEU of hypotheses against references, and of Self-BLEU of the references."""
    return tuple(
        timed(work, repeats)[1]
        for work in (lambda: bleu(hypotheses, references, ORDERS), lambda: self_bleu(references, ORDERS))
    )


def repeated(hypotheses: Text, references: Text) -> int:
    """Return the places of n-grams up to 5 that stand more than once: what both metrics look at."""
    corpora = (encode([*hypotheses, *references]), encode(references))
    return sum(len(places) for corpus in corpora for _, places, _ in ngrams(corpus, max(ORDERS), repeated=True))


def main() -> None:
    """Measure and write a Markdown page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    root = Path(__file__).parents[1]
    parser.add_argument("--sentences", type=int, default=10_000)
    parser.add_argument("--plain", type=int, default=4, help="hypotheses that nltk scores")
    parser.add_argument("--data", type=Path, default=root.parent / "shared" / "data")
    parser.add_argument("--out", type=Path, default=root / "docs" / "results" / "text-metrics.md")
    arguments = parser.parse_args()
    train, test = (lines(arguments.data / f"coco-captions/{name}.tok.txt") for name in ("train", "test"))
    train, test = train[: arguments.sentences], test[: arguments.sentences]
    size, few = len(test), range(arguments.plain)
    page = [
        "# BLEU and Self-BLEU against nltk",
        "",
        f"Output of `python benchmarks/text_metrics.py`: {size:,} against {size:,} COCO captions, n = 2..5, CPU",
        "seconds of one thread.",
        f"nltk is measured on {len(few)} hypotheses and extrapolated: its cost is the same for each.",
        "",
        "| work | tokengan | nltk | ratio | largest difference | scores |\n|---|---|---|---|---|---|",
    ]
    scores, seconds = timed(lambda: bleu(train, test, ORDERS), repeats=3)
    by_nltk, nltk_seconds = timed(lambda: np.array([plain(train[i], test) for i in few]))
    page.append(row("BLEU, train lines against test", scores, seconds, by_nltk, nltk_seconds))
    scores, self_seconds = timed(lambda: self_bleu(test, ORDERS), repeats=3)
    by_nltk, nltk_seconds = timed(lambda: np.array([plain(test[i], test[:i] + test[i + 1 :]) for i in few]))
    page.append(row("Self-BLEU, test lines", scores, self_seconds, by_nltk, nltk_seconds))
    page += [
        "",
        f"Both together: {seconds + self_seconds:.2f} s.",
        "",
        "| sentences | BLEU | Self-BLEU | both, to the row above | n-grams not alone, to the row above |",
    ]
    page.append("|---:|---:|---:|---:|---:|")
    # The files are in order of topic.
    mixed = [random.Random(0).sample(text, len(text)) for text in (train, test)]
    before, fewer = 0.0, 0
    for many in (size // 10, size, 10 * size):
        texts = [at_least(text, many, seed) for seed, text in enumerate(mixed)]
        one, other = both(*texts, repeats=5)
        places = repeated(*texts)
        ratios = (f"{(one + other) / before:.1f}", f"{places / fewer:.1f}") if fewer else ("", "")
        page.append(f"| {many:,} | {one:.3f} s | {other:.3f} s | {' | '.join(ratios)} |")
        before, fewer = one + other, places
    page += [
        "",
        f"Beyond {size:,} the captions are drawn from a chain of their words, which repeats more than people do.",
        "An n-gram that stands once is left out with all that begin with it: the work is that of the last column.",
        "",
    ]
    arguments.out.write_text("\n".join(page), encoding="utf-8")
    print("\n".join(page))


if __name__ == "__main__":
    main()
