"""Text whose sequences have labels: a file for each label, or a column of labels."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tokengan.data.by_file import label_files, read_labels
from tokengan.data.codec import TextCodec
from tokengan.data.lines import Lines
from tokengan.data.messages import brief, listing, place, suggest
from tokengan.data.read import read_file
from tokengan.data.records import Column
from tokengan.data.source import Corpus, load
from tokengan.data.write import atomic_write
from tokengan.errors import UserError
from tokengan.generators.base import Condition
from tokengan.noise import Noise
from tokengan.sequences import Sequences
from tokengan.tasks.base import named
from tokengan.tasks.text import TextTask

__all__ = ["LabelledTask"]

LABEL = "label"
USUAL = ("label", "category")  # columns taken where none is named
FILE = "labels.json"


class LabelledTask(TextTask):
    """Labelled sequences of a folder with a file for each label, of such files, or of a table with a column of labels.

    Held-out parts are cut from each label alone, so that each label is in each split. New sequences are written for
    equally many of each label, however the data are distributed.

    Args:
        source: A folder (`reviews/` with `positive.txt` and `negative.txt`), files between commas (`pos.txt,neg.txt`),
            or what `TextTask` reads where it has a column of labels; `fortunes` has categories.
        label: Column of the labels: its name, or its number where there is no header. None: `label` or `category`, or
            the only column beside the text.
        labels: Read these labels alone, in this order; None reads all, sorted by name.
        outside: More text with the same labels, read in the same way, for the outside classifier alone; what stands in
            `source` is left out of it. Without it the classifier learns from the very sentences that the generator
            does, and knows again what that has memorised.
        settings: Those of `TextTask`.

    >>> task = LabelledTask("fortunes", labels=["wisdom", "work"], max_length=12)
    >>> task.spec.labels, task.decode(task.train.select(task.train.condition["label"] == 1))[0].split()[:2]
    (2, ['remember', ','])
    """

    def __init__(
        self,
        source: str,
        *,
        label: Column = None,
        labels: Sequence[str] | None = None,
        outside: str | None = None,
        **settings: Any,
    ) -> None:
        self.label, self.labels, self._source = label, [str(name) for name in labels or ()], outside
        super().__init__(source, **settings)
        self.spec = replace(self.spec, labels=len(self.labels))
        self.codec = TextCodec(self.tokenizer, self.spec)
        for split in ("train", "valid", "test"):
            setattr(self, split, self._with_labels(getattr(self, split), split))
        self.report["labels"] = {
            name: {split: int((getattr(self, split).condition[LABEL] == k).sum()) for split in self.report["splits"]}
            for k, name in enumerate(self.labels)
        }
        if len(self.labels) == 1:
            self.report["notes"].append(f"there is only one label, '{brief(self.labels[0])}'")
        if self.apart is not None:
            self.report["notes"].append(f"the outside classifier learns from {len(self.apart):,} texts of {outside}")

    # ---- reading

    def read(self, source: str, column: Column, **how: Any) -> Corpus:
        """Return the splits, cut from each label alone. Raises UserError for a label that one of them does not know."""
        corpus = load(source, column, prepare=self.prepare, by=LABEL, **how)
        train = corpus.splits["train"]
        self.labels = self.labels or sorted(set(train.columns[LABEL]))
        for lines in corpus.splits.values():
            for number, name in zip(lines.numbers, lines.columns[LABEL], strict=True):
                if name not in self.labels:
                    raise UserError(
                        f"{place(lines.name, number)}: the label '{brief(name)}' is in no row of "
                        f"{place(train.name)}{suggest(name, self.labels)}: mend the row, or train on that label too"
                    )
        self.apart = None if self._source is None else self._outside(self._source, column, corpus, **how)
        return corpus

    def _outside(self, source: str, column: Column, corpus: Corpus, key: Callable[[str], str], **how: Any) -> Lines:
        """Return the texts of another source that stand in no split. Raises UserError for a label without any."""
        files = label_files(source)
        lines = read_labels(source, files, LABEL) if files else read_file(source, column)
        lines = self.prepare(lines)
        known = {key(text) for part in corpus.splits.values() for text in part.texts}
        lines = lines.take([i for i, text in enumerate(lines.texts) if key(text) not in known])
        for name in self.labels:
            if name not in lines.columns[LABEL]:
                raise UserError(
                    f"{place(source)} has no text of the label '{brief(name)}' that is not in {corpus.source} too: "
                    "give other text, or leave out outside"
                )
        return lines

    def classified(self) -> tuple[list[str], list[str]]:
        """Return the texts apart, where there are some, else those of train, and the label of each."""
        return super().classified() if self.apart is None else (self.apart.texts, list(self.apart.columns[LABEL]))

    def prepare(self, lines: Lines) -> Lines:
        """Return the texts of the labels that are read, and the labels as the column `label`."""
        named = self._column(lines)
        values = [_text(lines, named, i, value) for i, value in enumerate(lines.columns[named])]
        for name in self.labels:
            if name not in values:
                raise UserError(
                    f"{place(lines.name)} has no label '{brief(name)}'{suggest(name, set(values)) or '.'} Its labels: "
                    f"{listing(sorted(set(values)), limit=40)}"
                )
        kept = [i for i, value in enumerate(values) if not self.labels or value in self.labels]
        return replace(lines, columns={**lines.columns, LABEL: values}).take(kept)

    def _column(self, lines: Lines) -> str:
        names = list(lines.columns)
        if self.label is not None and str(self.label) in names:
            return str(self.label)
        if self.label is not None:
            raise UserError(
                f"{place(lines.name)} has no column '{brief(self.label)}' of labels{suggest(self.label, names) or '.'} "
                f"Columns beside the text: {listing(names)}"
            )
        found = [name for name in USUAL if name in names] or (names if len(names) == 1 else [])
        if not found:
            cure = (
                f"say which of its columns holds them, as label=NAME: {listing(names)}"
                if names
                else (
                    "give a table with a column of labels (.csv, .tsv, .jsonl), or a file for each label (a folder, or "
                    "pos.txt,neg.txt)"
                )
            )
            raise UserError(f"{place(lines.name)} has no labels: {cure}")
        return found[0]

    def _with_labels(self, x: Sequences, split: str) -> Sequences:
        known = {name: k for k, name in enumerate(self.labels)}
        labels = torch.tensor([known[name] for name in x.columns[LABEL]], dtype=torch.long)
        counts = labels.bincount(minlength=len(known)).tolist()
        if 0 in counts:
            raise UserError(
                f"{self.name}: the label '{brief(self.labels[counts.index(0)])}' has no sequence in {split}: give more "
                "of it, raise max_length or vocab_size, or leave it out (labels names those that are read)"
            )
        return x.replace(condition={LABEL: labels})

    # ---- conditions

    def fresh(self, rows: int, noise: Noise) -> Condition:
        """Return labels, equally many of each over all processes; which ones are left over is drawn."""
        count, total = self.spec.labels, rows if noise.total is None else noise.total
        place_ = torch.arange(noise.first, noise.first + rows)
        drawn = (noise.uniforms(rows, 1).squeeze(1).cpu() * count).long().clamp(max=count - 1)
        return {LABEL: torch.where(place_ < total - total % count, place_ % count, drawn)}

    def order(self, rows: Tensor, rng: torch.Generator) -> Tensor:
        """Return shuffled rows, one label after another; those of a rare one come again, those of a common one wait."""
        labels, count = self.train.condition[LABEL][rows], self.spec.labels
        each = -(-len(rows) // count)
        columns = []
        for k in range(count):
            own = rows[labels == k]
            passes = -(-each // max(len(own), 1))
            order = [own[torch.randperm(len(own), generator=rng)] for _ in range(passes)]
            columns.append(torch.cat(order)[:each])
        if any(len(column) < each for column in columns):  # a label of which these rows have none
            return super().order(rows, rng)
        turns = torch.stack(columns, dim=1)
        # Within a turn the labels are shuffled, so that no label always comes first.
        shuffled = torch.rand(turns.shape, generator=rng).argsort(1)
        return turns.gather(1, shuffled).flatten()[: len(rows)]

    def asked(self, rows: int, label: str | None = None, **conditions: Any) -> Condition:
        """Return the number of the label asked for, or where none is, of one label after another."""
        super().asked(rows, **conditions)
        if label is None:
            return {LABEL: torch.arange(rows) % self.spec.labels}
        if label not in self.labels:
            raise UserError(
                f"there is no label '{brief(label)}'{suggest(label, self.labels) or '.'} The labels: "
                f"{listing(self.labels, limit=40)}"
            )
        return {LABEL: torch.full((rows,), list(self.labels).index(label))}

    def shown(self, x: Sequences) -> list[str]:
        """Return each row behind its label and a tab."""
        names = named(self.labels, x.condition[LABEL])
        return [f"{name}\t{text}" for name, text in zip(names, self.decode(x), strict=True)]

    # ---- in a run folder

    def save(self, folder: Path) -> None:
        """Write the names of the labels too."""
        super().save(folder)
        atomic_write(folder / FILE, json.dumps(list(self.labels), ensure_ascii=False, indent=2) + "\n")

    def restore(self, folder: Path) -> None:
        """Read what `save` wrote."""
        super().restore(folder)
        try:
            names = json.loads((folder / FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UserError(
                f"{place(folder / FILE)} cannot be read ({brief(error, 80)}): the run folder is not whole"
            ) from None
        if not isinstance(names, list) or len(names) != self.spec.labels or max(Counter(map(str, names)).values()) > 1:
            raise UserError(f"{place(folder / FILE)} does not hold the {self.spec.labels} labels of spec.json")
        self.labels = [str(name) for name in names]


def _text(lines: Lines, column: str, i: int, value: Any) -> str:
    """Return a label as text. Raises UserError for a row that has none."""
    if isinstance(value, str | int | float) and (text := " ".join(str(value).split())):
        return text
    lack = "is empty" if value is None or isinstance(value, str) else f"holds {brief(value)}, which is no text"
    raise UserError(
        f"{place(lines.name, lines.numbers[i])}: the label (column '{brief(column)}') {lack}: fill it in, or leave the "
        "row out"
    )
