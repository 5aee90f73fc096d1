"""A task owns the data, the tokenizer, and which metrics mean something."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from tokengan.errors import UserError
from tokengan.figure import Figure
from tokengan.sequences import Sequences
from tokengan.spec import Spec

if TYPE_CHECKING:
    from tokengan.generators.base import Autoregressive, Condition
    from tokengan.noise import Noise

__all__ = ["Effort", "Task", "named"]

# quick: a moment, during training; usual: some minutes at most, at the end of a run; slow: where it was asked for.
Effort = Literal["quick", "usual", "slow"]


def named(labels: Sequence[str], numbers: Tensor) -> list[str]:
    """Return the names of labels, given their numbers [B].

    >>> named(["bad", "good"], torch.tensor([1, 0]))
    ['good', 'bad']
    """
    return [str(labels[k]) for k in numbers.tolist()]


class Task:
    """What is to be generated: three splits of real sequences and the way back to text.

    Attributes:
        name: Short name for tables and logs.
        spec: Sizes and ids, for the networks.
        train, valid, test: A whole split each, on the CPU. Checkpoints are chosen on `valid`; `test` is for reports.
        oracle: The law the data come from, where it is known; otherwise None, and oracle metrics are refused.
        report: What was read, dropped and split, as it goes into `data.json`.
        tokens: What text metrics count, for their signatures: `word`, `char` ...
        labels: Names of the labels, in the order of their numbers (`x.condition["label"]`); none without any.
    """

    name: str
    spec: Spec
    train: Sequences
    valid: Sequences
    test: Sequences
    oracle: Autoregressive | None = None
    report: dict[str, Any]
    tokens: str = "word"
    labels: Sequence[str] = ()

    def decode(self, x: Sequences) -> list[str]:
        """Return each row as text."""
        raise NotImplementedError

    def shown(self, x: Sequences) -> list[str]:
        """Return each row as a line for a person, what it was written under beside it; by default the text alone."""
        return self.decode(x)

    def encode(self, texts: Iterable[str]) -> Sequences:
        """Return texts as a batch. Raises UserError for a text that the task cannot hold."""
        raise NotImplementedError

    def cut(self, text: str) -> list[str]:
        """Return a text as the tokens that text metrics count; words by default."""
        return text.split()

    def classified(self) -> tuple[list[str], list[str]]:
        """Return real texts and the label of each, from which an outside classifier learns; by default those of train.

        No held-out text may be among them.
        """
        return self.decode(self.train), named(self.labels, self.train.condition["label"])

    def figures(
        self, texts: Sequence[str], split: Literal["valid", "test"] = "test", effort: Effort = "usual"
    ) -> list[Figure]:
        """Return what only this task can say of generated texts, beside the figures of all tasks; nothing by default.

        Figures of real text in the samples' place have the same name with ` (train lines)` or ` (reference)` behind.
        They are computed while a run is trained: no global random numbers may be drawn.

        Args:
            texts: Decoded samples.
            split: The held-out split to compare with.
            effort: How long it may take.
        """
        del texts, split, effort
        return []

    @classmethod
    def picture(cls, texts: Sequence[str], path: Path | str) -> Path:
        """Draw texts into a file that ends in `.png` or `.svg`. Needs no data. Raises UserError where there is no way.

        A task whose texts are pictures of something draws them; others refuse.
        """
        del texts, path
        raise UserError(f"a {cls.__name__} has no pictures of its texts (smiles has): leave out --picture")

    def fresh(self, rows: int, noise: Noise) -> Condition:
        """Return the conditions under which new sequences are written while training; none for data without any.

        By default those of training rows drawn at random.
        """
        if not self.train.condition:
            return {}
        picked = (noise.uniforms(rows, 1).squeeze(1).cpu() * len(self.train)).long().clamp(max=len(self.train) - 1)
        return self.train.select(picked).condition

    def order(self, rows: Tensor, rng: torch.Generator) -> Tensor:
        """Return as many training rows out of `rows`, shuffled, their conditions as frequent as `fresh` draws them."""
        return rows[torch.randperm(len(rows), generator=rng)]

    def asked(self, rows: int, **conditions: Any) -> Condition:
        """Return the conditions that a user asks for, by name, of `rows` texts; None stands for "not said".

        Needs no data. Raises UserError for one that the task does not know, or a value that it does not have.
        """
        del rows
        for name, value in conditions.items():
            if value is not None:
                raise UserError(f"a {type(self).__name__} has no {name} to write for: leave out --{name}")
        return {}

    def save(self, folder: Path) -> None:
        """Write what a generator needs to write without the data (`spec.json`, `tokenizer.json`)."""
        raise NotImplementedError

    def restore(self, folder: Path) -> None:
        """Read what `save` wrote into a task that was made without its data. Raises UserError where it is not whole."""
        raise NotImplementedError
