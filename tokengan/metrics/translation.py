"""sacreBLEU and chrF2 of texts written for sources, each against its own row's target (Post 2018; Popovic 2015).

Counted by the library sacrebleu on whole texts, as they would be shown, not on the model's tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import torch

from tokengan.generators.base import Autoregressive, rows_of
from tokengan.metrics.base import Direction, Figure, Given, Metric
from tokengan.sampling.beam import beam
from tokengan.sampling.decoding import Decoding
from tokengan.sequences import Sequences

if TYPE_CHECKING:
    from tokengan.tasks.base import Task

__all__ = ["NOT_THERE", "Paired", "Translation", "sentence_chrf"]

BEAMS, ROWS = 5, 500
NOT_THERE = "needs the package sacrebleu: pip install 'tokengan[metrics]'"


@dataclass(frozen=True)
class Paired:
    """What was written for held-out rows, row by row.

    Args:
        task: Turns sequences into text.
        written: What was drawn.
        heldout: The rows, their sources as the condition.
        references: The target of each row as it stands in the data.
    """

    task: Task
    written: Sequences
    heldout: Sequences
    references: Sequence[str]

    def searched(self, law: Autoregressive, rows: int, beams: int) -> list[str]:
        """Return the best text that a beam search finds for each of the first rows."""
        forbid = () if law.spec.unk is None else (law.spec.unk,)
        condition = rows_of(self.heldout.condition, slice(0, rows))
        found = beam(law, rows, beams, condition=condition, decoding=Decoding(forbid=forbid))
        return self.task.decode(found.select(slice(0, rows)))


class Translation(Metric):
    """Corpus BLEU and chrF2, 0 to 100, of samples at temperature 1 and of the best of a beam search.

    Beam search is measured on the first 500 rows at most. Both are against one reference, the row's own: where a source
    has many good targets (dialogue) both are small, and say little.
    """

    name: ClassVar[str] = "translation"
    needs: ClassVar[frozenset[str]] = frozenset({"samples", "pairs"})
    direction: ClassVar[Direction] = "higher"
    bounds: ClassVar[tuple[float, float]] = (0.0, 100.0)
    split: ClassVar[str] = "reference"

    def compute(self, given: Given) -> list[Figure]:
        """Return the figures of the samples, and those of a beam search where there is a law to search."""
        pairs: Paired = given.get("pairs")
        law = given.get("law")
        figures = self._figures(pairs.task.decode(pairs.written), pairs.references, given, "")
        if law is not None and law.needs:
            rows = min(ROWS, len(pairs.heldout))
            with torch.no_grad():
                texts = pairs.searched(law, rows, BEAMS)
            figures += self._figures(texts, pairs.references[:rows], given, f" (beam {BEAMS})")
        return figures

    def _figures(self, texts: Sequence[str], references: Sequence[str], given: Given, how: str) -> list[Figure]:
        return [
            self.figure(
                f"{name}{how}", value, given, signature, f"rows={len(texts)}", note="" if signature else NOT_THERE
            )
            for name, (value, signature) in corpus_scores(texts, references).items()
        ]


def corpus_scores(texts: Sequence[str], references: Sequence[str]) -> dict[str, tuple[float, str]]:
    """Return each score and the library's signature of it; not a number, without one, where the library is missing.

    >>> scores = corpus_scores(["the cat sat on the mat"], ["the cat sat on the mat"])
    >>> [(name, round(value, 6)) for name, (value, _) in scores.items()]
    [('sacreBLEU', 100.0), ('chrF2', 100.0)]
    """
    try:
        from sacrebleu.metrics.bleu import BLEU
        from sacrebleu.metrics.chrf import CHRF
    except ImportError:
        return dict.fromkeys(("sacreBLEU", "chrF2"), (float("nan"), ""))
    found: dict[str, tuple[float, str]] = {}
    counters: dict[str, Any] = {"sacreBLEU": BLEU(), "chrF2": CHRF()}
    for name, counter in counters.items():
        score = counter.corpus_score(list(texts), [list(references)])
        found[name] = (float(score.score), str(counter.get_signature()).replace("|", " "))
    return found


def sentence_chrf(text: str, reference: str) -> float:
    """Return chrF2 of one text, 0 to 100; not a number where the library is missing.

    >>> round(sentence_chrf("the cat", "the cat"), 6), sentence_chrf("xyz", "the cat")
    (100.0, 0.0)
    """
    try:
        from sacrebleu.metrics.chrf import CHRF
    except ImportError:
        return float("nan")
    return float(CHRF().sentence_score(text, [reference]).score)
