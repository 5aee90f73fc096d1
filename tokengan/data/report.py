"""What was read, dropped and split, in numbers: the content of a run's `data.json`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from tokengan.data.levels import UNK
from tokengan.data.lines import Lines

__all__ = ["Encoded", "corpus_report", "length_figures", "split_report"]

QUANTILES = {"shortest": 0.0, "median": 0.5, "p95": 0.95, "p99": 0.99, "longest": 1.0}
# Above these the data are nearly always read at the wrong level, or hold little to learn from.
MANY_UNKNOWN, MANY_DROPPED, MANY_COPIES, MANY_BLANKS = 0.05, 0.01, 0.2, 0.4


@dataclass(frozen=True)
class Encoded:
    """One split after tokenisation.

    Args:
        lines: The split as read.
        rows: The ids of each of its texts, without EOS.
        kept: Places of the texts that stay.
        dropped: Reason -> places of the texts that do not.
    """

    lines: Lines
    rows: Sequence[Sequence[int]]
    kept: Sequence[int]
    dropped: dict[str, list[int]]

    def distinct(self, key: Callable[[str], str]) -> set[str]:
        """Return the different texts that stay."""
        return {key(self.lines.texts[i]) for i in self.kept}

    def further(self) -> dict[str, Any]:
        """Return figures that only this kind of data has."""
        return {}


def length_figures(rows: Sequence[Sequence[int]]) -> dict[str, float]:
    """Return quantiles and mean of the lengths of rows of ids, EOS counted.

    >>> length_figures([[4], [4, 5, 6]])
    {'shortest': 2, 'median': 2, 'p95': 2, 'p99': 2, 'longest': 4, 'mean': 3.0}
    """
    lengths = np.array([len(row) + 1 for row in rows] or [0])
    quantiles = {name: int(np.quantile(lengths, q, method="lower")) for name, q in QUANTILES.items()}
    return quantiles | {"mean": round(float(lengths.mean()), 2)}


def split_report(part: Encoded, key: Callable[[str], str] = str) -> dict[str, Any]:
    """Return the figures of one split. Lengths count EOS, token and unknown counts do not.

    Duplicates are texts of one key, not of one row of ids: two texts with different unknown words are different.

    >>> lines = Lines("my.txt", ["a b", "a b", "a b c d"], [1, 2, 4])
    >>> figures = split_report(Encoded(lines, [[4, 5], [4, 5], [4, 5, 3, 3]], [0, 1], {"too_long": [2]}))
    >>> figures["sequences"], figures["tokens"], figures["duplicates"], figures["dropped"]
    (2, 4, 1, {'too_long': {'texts': 1, 'first_line': 4}})
    """
    rows = [part.rows[i] for i in part.kept]
    tokens = sum(map(len, rows))
    unknown = sum(row.count(UNK) for row in rows)
    return {
        "file": part.lines.name,
        "sha256": part.lines.sha256,
        "texts": len(part.lines),
        "dropped": {
            reason: {"texts": len(places), "first_line": part.lines.numbers[places[0]]}
            for reason, places in part.dropped.items()
            if places
        },
        "sequences": len(rows),
        "duplicates": len(rows) - len(part.distinct(key)),
        "tokens": tokens,
        "unknown": unknown,
        "unknown_share": round(unknown / tokens, 6) if tokens else 0.0,
        "length": length_figures(rows),
        **part.further(),
    }


def corpus_report(
    source: str, cut: Sequence[str], parts: dict[str, Encoded], key: Callable[[str], str], vocabulary: Sequence[str]
) -> dict[str, Any]:
    """Return the figures of all splits, what they share, and notes in words on whatever a reader should know.

    Args:
        source: What the user named.
        cut: The splits cut from train.
        parts: The splits.
        key: Texts of the same key are the same to the tokenizer.
        vocabulary: The token of each id.
    """
    splits = {name: split_report(part, key) for name, part in parts.items()}
    distinct = {name: part.distinct(key) for name, part in parts.items()}
    shared = {f"{a}+{b}": len(distinct[a] & distinct[b]) for a, b in combinations(parts, 2)}
    files = {part.lines.name: part.lines for part in parts.values()}
    report = {
        "source": source,
        "files": [
            {"name": name, "sha256": lines.sha256, "lines": lines.read, "blank": lines.blank}
            for name, lines in files.items()
        ],
        "cut_from_train": list(cut),
        "vocabulary": {"size": len(vocabulary), "special": UNK + 1},
        "splits": splits,
        "shared_texts": shared,
    }
    return report | {"notes": [*_notes(splits, shared), *_level_notes(parts["train"], vocabulary)]}


def _notes(splits: dict[str, dict[str, Any]], shared: dict[str, int]) -> list[str]:
    notes: list[str] = []
    for name, figures in splits.items():
        for reason, count in figures["dropped"].items():
            if count["texts"] > MANY_DROPPED * figures["texts"]:
                share = count["texts"] / figures["texts"]
                remedy = "; raise max_length to keep them" if reason == "too_long" else ""
                notes.append(f"{name}: {share:.1%} of the texts were dropped ({reason.replace('_', ' ')}){remedy}")
        if figures["unknown_share"] > MANY_UNKNOWN:
            notes.append(f"{name}: {figures['unknown_share']:.1%} of the tokens are not in the vocabulary (<unk>)")
        if figures["duplicates"] > MANY_COPIES * figures["sequences"]:
            notes.append(f"{name}: {figures['duplicates'] / figures['sequences']:.1%} of the sequences are copies")
    notes += [f"{pair.replace('+', ' and ')} share {count:,} texts" for pair, count in shared.items() if count]
    return notes


def _level_notes(train: Encoded, vocabulary: Sequence[str]) -> list[str]:
    """Say where the training data look as if they were written for another level."""
    counts = Counter(i for place in train.kept for i in train.rows[place])
    tokens = sum(counts.values())
    once = sum(count == 1 for count in counts.values())
    if " " in vocabulary and counts[vocabulary.index(" ")] > MANY_BLANKS * tokens:
        return ["nearly every second token is a blank: the text is already in tokens, read it with level=word"]
    if tokens < 2 * len(train.kept):
        return ["most texts are a single token: read them with level=char, smiles or bpe"]
    if once > len(counts) / 2:
        return [f"{once:,} of {len(counts):,} tokens occur once: consider min_count=2, vocab_size or level=bpe"]
    return []
