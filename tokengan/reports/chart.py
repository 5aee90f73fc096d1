"""Charts as data: what is drawn, in the units of the axes."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Area", "Chart", "Dot", "Mark", "Marks", "Phase", "Series", "Zone"]


@dataclass(frozen=True)
class Dot:
    """A point of a series, with its interval in both directions where it has one.

    Args:
        x: Place on the horizontal axis.
        y: Place on the vertical axis.
        title: What is told when it is pointed at.
        across: Ends of its interval along x, or None.
        along: Ends of its interval along y, or None.
        main: Whether it stands out: the law itself among temperatures.
    """

    x: float
    y: float
    title: str = ""
    across: tuple[float, float] | None = None
    along: tuple[float, float] | None = None
    main: bool = False


@dataclass(frozen=True)
class Series:
    """Points that belong together.

    Args:
        name: What the legend calls it.
        dots: From left to right, as they are joined.
        style: Number of its colour and shape; 0 is ink, for the base.
        hollow: Shapes without filling and a broken line: a control.
        plain: A line without shapes, as for many evaluations.
        broken: A broken line.
        label: What stands beside it; nothing for one that goes without.
    """

    name: str
    dots: tuple[Dot, ...]
    style: int = 0
    hollow: bool = False
    plain: bool = False
    broken: bool = False
    label: str = ""


@dataclass(frozen=True)
class Area:
    """A band between a lower and an upper line, each as points."""

    lower: tuple[tuple[float, float], ...]
    upper: tuple[tuple[float, float], ...]
    title: str = ""


@dataclass(frozen=True)
class Zone:
    """A range of y with a meaning."""

    low: float
    high: float
    label: str
    tone: str


@dataclass(frozen=True)
class Phase:
    """A range of x with a name."""

    begin: float
    end: float
    label: str


@dataclass(frozen=True)
class Chart:
    """Two axes and what is between them.

    Args:
        title: What it shows.
        x: Name of the horizontal axis.
        y: Name of the vertical axis.
        series: Drawn in this order.
        areas: Bands behind them.
        zones: Ranges of y behind these.
        phases: Ranges of x, named above.
        limits: Ends of the vertical axis where the data shall not choose them.
        note: What has to be known besides.
    """

    title: str
    x: str
    y: str
    series: tuple[Series, ...]
    areas: tuple[Area, ...] = ()
    zones: tuple[Zone, ...] = ()
    phases: tuple[Phase, ...] = ()
    limits: tuple[float, float] | None = None
    note: str = ""


@dataclass(frozen=True)
class Mark:
    """A figure and what real text has in its place; None where there is none."""

    name: str
    value: float
    real: float | None
    direction: str


@dataclass(frozen=True)
class Marks:
    """Figures against the marks of real text, each on a scale of its own."""

    title: str
    marks: tuple[Mark, ...]
    note: str = ""
