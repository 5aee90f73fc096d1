"""What the seeds of a row come to: a mean and its interval, of figures that were computed in one way and no others."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from tokengan.figure import Figure
from tokengan.reports.blocks import number
from tokengan.reports.comparison import Comparison, Row
from tokengan.reports.statistics import interval

__all__ = ["REAL_ENDS", "Summary", "figure_names", "real_of", "signature_of", "split_real", "summary"]

REAL_ENDS = (" (train lines)", " (reference)")  # endings of the names of figures of real text in the samples' place


@dataclass(frozen=True)
class Summary:
    """A figure of a row at a temperature, over its seeds.

    Args:
        figure: One of the figures, for its name, direction and signature.
        values: The number of each seed that has one.
    """

    figure: Figure
    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Mean over seeds; not a number where no seed has one."""
        return fmean(self.values) if self.values else math.nan

    @property
    def ends(self) -> tuple[float, float] | None:
        """The 95% interval over seeds, None for fewer than two, and for seeds that are all the same.

        A method that counts draws nothing when it is trained: its seeds are one and the same model, three times.
        """
        return interval(self.values) if len(set(self.values)) > 1 else None

    def told(self) -> str:
        """Return the mean, with half the width of its interval where there is one.

        >>> figure = Figure("BLEU-4", 0.3, "higher", "test", "BLEU-4|refs=9")
        >>> Summary(figure, (0.3,)).told(), Summary(figure, (0.30, 0.32)).told(), Summary(figure, ()).told()
        ('0.300', '0.310 ±0.127', '-')
        """
        ends = self.ends
        return number(self.mean) + ("" if ends is None else f" ±{number((ends[1] - ends[0]) / 2)}")


def summary(row: Row, name: str, temperature: float = 1.0) -> Summary | None:
    """Return a figure of a row over its seeds, None where no seed was measured.

    Seeds whose signature differs from the first one's are left out: they cannot be averaged with it.
    """
    points = [point for cell in row.done if (point := cell.at(temperature)) is not None]
    found = [figure for point in points for figure in point.figures if figure.name == name]
    if not found:
        return None
    alike = [figure for figure in found if figure.signature == found[0].signature]
    return Summary(found[0], tuple(figure.value for figure in alike if math.isfinite(figure.value)))


def figure_names(found: Comparison) -> list[str]:
    """Return the names of all figures, in the order of the first point that has them."""
    names: dict[str, None] = {}
    for _, cell in found.cells():
        for point in cell.points:
            names |= dict.fromkeys(figure.name for figure in point.figures)
    return list(names)


def signature_of(found: Comparison, name: str, temperature: float = 1.0) -> str | None:
    """Return the signature that a column has: the base's, else the one that most rows have; None where none has any."""
    each = [(row, one.figure.signature) for row in found.rows if (one := summary(row, name, temperature)) is not None]
    base = next((signature for row, signature in each if row.role == "base"), None)
    return base or (Counter(signature for _, signature in each).most_common(1)[0][0] if each else None)


def real_of(found: Comparison, name: str, signature: str | None) -> Figure | None:
    """Return what real text has in the place of samples, if it was computed in the same way.

    Real text is another text under the same signature: its own size is in the signature too.
    """
    return next((one for one in found.real if one.name == name and one.signature == signature), None)


def split_real(figures: Iterable[Figure]) -> tuple[list[Figure], list[Figure]]:
    """Return figures of samples, and those of real text under the samples' names, labelled in the note.

    >>> own = Figure("BLEU-2", 0.5, "higher", "test", "BLEU-2|refs=9")
    >>> samples, real = split_real([own, own.replace(name="BLEU-2 (train lines)", value=0.6)])
    >>> [one.name for one in samples], [(one.name, one.value, one.note) for one in real]
    (['BLEU-2'], [('BLEU-2', 0.6, 'train lines')])
    """
    samples: list[Figure] = []
    real: list[Figure] = []
    for figure in figures:
        end = next((end for end in REAL_ENDS if figure.name.endswith(end)), None)
        if end is None:
            samples.append(figure)
        else:
            note = "; ".join(filter(None, [end.strip(" ()"), figure.note]))
            real.append(figure.replace(name=figure.name.removesuffix(end), note=note))
    return samples, real


def temperatures(row: Row) -> Sequence[float]:
    """Return the temperatures that a row was measured at, the coldest first."""
    return sorted({point.temperature for cell in row.done for point in cell.points})
