"""Charts as SVG: small enough to be read on a telephone without scaling, and nothing in them comes from elsewhere.

Colours come from classes (`colours.chart_css`), so that one picture serves on a light ground, on a dark one, and on
paper. The same chart is the same text, to the byte.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from html import escape
from math import cos, pi, sin

from tokengan.reports.chart import Area, Chart, Dot, Marks, Series, Zone
from tokengan.reports.colours import SHAPES, STYLES, chart_css

__all__ = ["alone", "draw", "escaped", "shape", "ticks"]

# What HTML has no character for.
UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufdd0-\ufdef\ufffe\uffff\ud800-\udfff]")

WIDTH, HEIGHT = 400, 290
LEFT, RIGHT, TOP, BOTTOM = 46, 106, 22, 40
LINE = 12.5  # between two labels
LONGEST = 13  # characters of a label that fit into the margin


def escaped(words: str) -> str:
    r"""Return anybody's text as text of a page or a picture.

    >>> escaped("<b> & \x00")
    '&lt;b&gt; &amp; �'
    """
    return escape(UNSEEN.sub("\N{REPLACEMENT CHARACTER}", words))


def alone(chart: Chart | Marks) -> str:
    """Return a chart as a file of its own."""
    drawn = draw(chart)
    head, end, rest = drawn.partition(">")
    ground = '<rect width="100%" height="100%" style="fill:var(--ground)"/>'
    return f'{head} xmlns="http://www.w3.org/2000/svg"{end}<style>{chart_css()}</style>{ground}{rest}\n'


def draw(chart: Chart | Marks) -> str:
    """Return a chart as an `<svg>` element for a page.

    >>> dot = Dot(0.0, 1.0, "here")
    >>> svg = draw(Chart("a < b", "x", "y", (Series("one", (dot, Dot(1.0, 2.0))),)))
    >>> svg.startswith("<svg"), "a &lt; b" in svg, "<title>here</title>" in svg
    (True, True, True)
    """
    return _marks(chart) if isinstance(chart, Marks) else _Axes(chart).drawn()


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Return round numbers from low to high, `most` at most.

    >>> ticks(0.13, 0.62), ticks(3, 3), ticks(0, 31)
    ([0.2, 0.3, 0.4, 0.5, 0.6], [3.0], [0.0, 10.0, 20.0, 30.0])
    """
    if not high > low:
        return [float(low)]
    step = 10.0 ** math.floor(math.log10((high - low) / most))
    step *= next((m for m in (1, 2, 5) if (high - low) / (m * step) <= most), 10)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{k * step:.10g}") for k in range(first, last + 1)]


def shape(kind: str, x: float, y: float, r: float) -> str:
    """Return the outline of a shape around a place.

    >>> shape("square", 5, 5, 1)
    '<path class="dot" d="M4.1 4.1L5.9 4.1L5.9 5.9L4.1 5.9Z"/>'
    """
    if kind == "circle":
        return f'<circle class="dot" cx="{_n(x)}" cy="{_n(y)}" r="{_n(r)}"/>'
    lines = {
        "cross": [((-r, -r), (r, r)), ((-r, r), (r, -r))],
        "plus": [((-r, 0), (r, 0)), ((0, -r), (0, r))],
        "bar": [((-r, 0), (r, 0))],
    }
    if kind in lines:
        d = "".join(f"M{_n(x + a)} {_n(y + b)}L{_n(x + c)} {_n(y + d)}" for (a, b), (c, d) in lines[kind])
        return f'<path class="open" d="{d}"/>'
    if kind == "star":
        turns = [(r * (1.2 if k % 2 == 0 else 0.5), pi * (k / 5 - 0.5)) for k in range(10)]
        corners = [(s * cos(a), s * sin(a)) for s, a in turns]
    else:
        e = 0.9 * r
        corners = {
            "square": [(-e, -e), (e, -e), (e, e), (-e, e)],
            "triangle": [(0, -1.15 * r), (r, 0.8 * r), (-r, 0.8 * r)],
            "down": [(0, 1.15 * r), (r, -0.8 * r), (-r, -0.8 * r)],
            "diamond": [(0, -1.25 * r), (1.25 * r, 0), (0, 1.25 * r), (-1.25 * r, 0)],
            "left": [(-1.15 * r, 0), (0.8 * r, -r), (0.8 * r, r)],
            "glass": [(-r, -r), (r, -r), (-r, r), (r, r)],
        }[kind]
    return f'<path class="dot" d="{_path((x + a, y + b) for a, b in corners)}Z"/>'


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _path(points: Iterable[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{_n(x)} {_n(y)}" for x, y in points)


def _text(x: float, y: float, words: str, kind: str = "", anchor: str = "start", turn: bool = False) -> str:
    turned = f' transform="rotate(-90 {_n(x)} {_n(y)})"' if turn else ""
    named = f' class="{kind}"' if kind else ""
    return f'<text{named} x="{_n(x)}" y="{_n(y)}" text-anchor="{anchor}"{turned}>{escaped(words)}</text>'


def _line(kind: str, x: float, y: float, to_x: float, to_y: float) -> str:
    return f'<line class="{kind}" x1="{_n(x)}" y1="{_n(y)}" x2="{_n(to_x)}" y2="{_n(to_y)}"/>'


def _box(kind: str, x: float, y: float, width: float, height: float, title: str) -> str:
    return (
        f'<rect class="{kind}" x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}">'
        f"<title>{escaped(title)}</title></rect>"
    )


def _frame(title: str, height: float, parts: Iterable[str]) -> str:
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {_n(height)}" role="img"><title>{escaped(title)}</title>'
        f"{''.join(parts)}</svg>"
    )


def cut(name: str, longest: int = LONGEST) -> str:
    """Return a name that fits, its end left out where it is too long."""
    return name if len(name) <= longest else f"{name[: longest - 1]}…"


class _Axes:
    """A chart with two axes, being drawn."""

    def __init__(self, chart: Chart) -> None:
        self.chart = chart
        xs, ys = _reach(chart)
        self.left, self.right = _ends(xs)
        self.low, self.high = chart.limits or _ends(ys)
        self.margin = RIGHT if any(one.label for one in chart.series) or chart.zones else 14

    def x(self, value: float) -> float:
        """Return where a value of x stands."""
        return LEFT + (value - self.left) / (self.right - self.left) * (WIDTH - LEFT - self.margin)

    def y(self, value: float) -> float:
        """Return where a value of y stands."""
        return TOP + (self.high - value) / (self.high - self.low) * (HEIGHT - TOP - BOTTOM)

    def drawn(self) -> str:
        """Return the element."""
        chart = self.chart
        parts = [*map(self._zone, chart.zones), *self._phases(), *self._grid()]
        parts += [*map(self._area, chart.areas), *map(self._series, chart.series), *self._labels()]
        return _frame(chart.title, HEIGHT, parts)

    def _grid(self) -> list[str]:
        end, foot = WIDTH - self.margin, HEIGHT - BOTTOM
        parts = []
        for tick in ticks(self.low, self.high):
            y = self.y(tick)
            parts += [_line("grid", LEFT, y, end, y), _text(LEFT - 5, y + 3.5, f"{tick:g}", "tick", "end")]
        for tick in ticks(self.left, self.right, 5):
            x = self.x(tick)
            parts += [_line("axis", x, foot, x, foot + 4), _text(x, foot + 15, f"{tick:g}", "tick", "middle")]
        parts += [_line("axis", LEFT, foot, end, foot)]
        parts += [_text((LEFT + end) / 2, HEIGHT - 6, self.chart.x, "", "middle")]
        return [*parts, _text(11, (TOP + foot) / 2, self.chart.y, "", "middle", turn=True)]

    def _phases(self) -> list[str]:
        parts = []
        for k, phase in enumerate(self.chart.phases):
            x, end = self.x(phase.begin), self.x(phase.end)
            if k % 2:
                parts.append(_box("phase", x, TOP, end - x, HEIGHT - TOP - BOTTOM, phase.label))
            if k:
                parts.append(_line("edge", x, TOP - 4, x, HEIGHT - BOTTOM))
            room = int((end - x) / 6.5)
            if room > 3:
                parts.append(_text(x + 3, TOP - 7, cut(phase.label, room), "tick"))
        return parts

    def _zone(self, zone: Zone) -> str:
        high, low = min(zone.high, self.high), max(zone.low, self.low)
        if high <= low:
            return ""
        top, foot, end = self.y(high), self.y(low), WIDTH - self.margin
        said = _text(end + 4, (top + foot) / 2 + 3.5, zone.label, "tick")
        return _box(f"zone {zone.tone}", LEFT, top, end - LEFT, foot - top, zone.label) + said

    def _area(self, area: Area) -> str:
        outline = [*area.lower, *reversed(area.upper)]
        d = _path((self.x(x), self.y(min(max(y, self.low), self.high))) for x, y in outline)
        return f'<path class="band" d="{d}Z"><title>{escaped(area.title)}</title></path>'

    def _series(self, series: Series) -> str:
        kind = SHAPES[series.style % STYLES]
        parts = [f"<title>{escaped(series.name)}</title>"]
        if len(series.dots) > 1:
            d = _path((self.x(dot.x), self.y(dot.y)) for dot in series.dots)
            parts.append(f'<path class="line" d="{d}"/>')
        if not series.plain:
            for dot in series.dots:
                parts += self._errors(dot)
            parts += [self._dot(dot, kind) for dot in series.dots]
        elif len(series.dots) == 1:
            parts.append(self._dot(series.dots[0], kind))
        more = " hollow" * series.hollow + " broken" * series.broken
        return f'<g class="series s{series.style % STYLES}{more}">{"".join(parts)}</g>'

    def _errors(self, dot: Dot) -> list[str]:
        x, y = self.x(dot.x), self.y(dot.y)
        parts = []
        if dot.across is not None:
            left, right = (self.x(min(max(end, self.left), self.right)) for end in dot.across)
            parts.append(_line("error", left, y, right, y))
        if dot.along is not None:
            foot, top = (self.y(min(max(end, self.low), self.high)) for end in dot.along)
            parts.append(_line("error", x, foot, x, top))
        return parts

    def _dot(self, dot: Dot, kind: str) -> str:
        drawn = shape(kind, self.x(dot.x), self.y(dot.y), 4.6 if dot.main else 2.6)
        return f"<g>{drawn}<title>{escaped(dot.title)}</title></g>"

    def _labels(self) -> list[str]:
        """Return names in the margin at the height of their series, moved apart where they would touch."""
        named = [(one, _anchor(one)) for one in self.chart.series if one.label and one.dots]
        named.sort(key=lambda pair: self.y(pair[1].y))
        places = _apart([self.y(dot.y) for _, dot in named], TOP + 4, HEIGHT - BOTTOM)
        start = WIDTH - self.margin
        parts = []
        for (one, dot), place in zip(named, places, strict=True):
            x, y = self.x(dot.x), self.y(dot.y)
            lead = _line("lead", start - 3, place, start + 3, place)
            if one.plain:
                lead = _line("lead", x, y, start + 3, place)
            title = f"<title>{escaped(one.name)}</title>"
            key = shape(SHAPES[one.style % STYLES], start + 8, place, 3.2) if not one.plain else ""
            hollow = " hollow" * one.hollow
            said = _text(start + (14 if key else 5), place + 3.5, cut(one.label), "name")
            lead = "" if key else lead
            parts.append(f'<g class="s{one.style % STYLES}{hollow}">{title}{lead}{key}{said}</g>')
        return parts


def _anchor(series: Series) -> Dot:
    """Return the point that a label stands beside."""
    return next((dot for dot in series.dots if dot.main), series.dots[-1])


def _apart(places: Sequence[float], low: float, high: float) -> list[float]:
    """Return places moved as little as they must to be a line apart, kept between two ends.

    >>> _apart([10, 11, 50], 0, 100), _apart([99, 99], 0, 100)
    ([10, 22.5, 50], [87.5, 100])
    """
    moved: list[float] = []
    for place in places:
        moved.append(max(place, low, moved[-1] + LINE) if moved else max(place, low))
    edge = high
    for k in range(len(moved) - 1, -1, -1):
        moved[k] = min(moved[k], edge)
        edge = moved[k] - LINE
    return moved


def _reach(chart: Chart) -> tuple[list[float], list[float]]:
    """Return every x and every y that has to be seen."""
    dots = [dot for one in chart.series for dot in one.dots]
    # An interval of few seeds may be wider than all that is drawn: it may run out of the picture.
    xs = [dot.x for dot in dots] + [end for phase in chart.phases for end in (phase.begin, phase.end)]
    return xs or [0.0, 1.0], [dot.y for dot in dots] or [0.0, 1.0]


def _ends(values: Sequence[float]) -> tuple[float, float]:
    """Return the ends of an axis: a little room on either side."""
    low, high = min(values), max(values)
    room = 0.06 * (high - low) or 0.5 * abs(high) or 0.5
    return low - room, high + room


ROW = 21
BEYOND = "blue: beyond it, which memory or lost diversity gets sooner than skill"


def _marks(chart: Marks) -> str:
    """Draw each figure on a scale from 0 to the larger of it and its mark; the mark is a bar, the figure a dot."""
    begin, end = 128, WIDTH - 92
    parts = []
    for k, mark in enumerate(chart.marks):
        y = 14 + k * ROW
        most = max(abs(mark.value), abs(mark.real or 0.0)) * 1.05 or 1.0
        least = min(mark.value, mark.real or 0.0, 0.0) * 1.05
        # What may be negative has its zero inside.
        span = most - least

        def at(value: float, least: float = least, span: float = span) -> float:
            return begin + (value - least) / span * (end - begin)

        tone = _tone(mark.value, mark.real, mark.direction)
        told = f"{mark.name}: {mark.value:.4g}" + ("" if mark.real is None else f", real text {mark.real:.4g}")
        row = [_text(begin - 8, y + 3.5, cut(mark.name, 22), "", "end"), _line("grid", begin, y, end, y)]
        if mark.real is not None:
            row.append(_line("axis", at(mark.real), y - 7, at(mark.real), y + 7))
            row.append(f'<path class="line" d="{_path([(at(mark.real), y), (at(mark.value), y)])}"/>')
        row.append(shape("circle", at(mark.value), y, 4))
        beside = "" if mark.real is None else f" | {mark.real:.3g}"
        row.append(_text(end + 8, y + 3.5, f"{mark.value:.3g}{beside}", "tick"))
        parts.append(f'<g class="s{tone}">{"".join(row)}<title>{escaped(told)}</title></g>')
    foot = 14 + len(chart.marks) * ROW
    said = (
        "Dot: these samples. Bar: real text. Orange, broken: short of the mark.",
        f"{BEYOND[0].upper()}{BEYOND[1:]}.",
    )
    lines = [_text(8, foot + 4 + 14 * k, line, "tick") for k, line in enumerate(said)]
    return _frame(chart.title, foot + 26, [*parts, *lines])


def _tone(value: float, real: float | None, direction: str) -> int:
    """Return the style of a figure: blue beyond real text, orange short of it, ink where neither is better."""
    if real is None or direction == "none" or value == real:
        return 0
    return 1 if (value > real) == (direction == "higher") else 2
