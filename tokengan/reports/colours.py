"""Colours that people with any colour vision tell apart, with a shape and a line each: colour never stands alone.

Hues after Okabe & Ito (2008), darkened on white and lightened on black until each has a contrast of 3 : 1 and more with
its ground (WCAG 2.2, 1.4.11).
"""

from __future__ import annotations

__all__ = ["BASE", "DARK", "GROUNDS", "LIGHT", "METHODS", "REAL", "SHAPES", "STYLES", "chart_css"]

# Style BASE is ink, REAL a grey star.
LIGHT = (
    "#1a1a1a", "#0072b2", "#c44900", "#007a5a", "#a6447e", "#9a6700", "#2b87b8", "#5c5c5c", "#6a4c9c", "#5c6b00",
    "#b0183f",
)  # fmt: skip
DARK = (
    "#f0f0f0", "#5ab4f0", "#ff8a4c", "#3fcf9f", "#f08cc4", "#e6b84a", "#8fd3ff", "#b9b9b9", "#b79cf2", "#c5d94d",
    "#ff7a93",
)  # fmt: skip
SHAPES = (
    "circle", "square", "triangle", "diamond", "down", "cross", "plus", "star", "bar", "left", "glass",
)  # fmt: skip
DASHES = ("", "", "6 2", "2 2", "8 2 2 2", "5 3", "", "3 3", "7 3", "1 2", "9 3")
STYLES = len(LIGHT)
BASE, REAL = 0, 7
METHODS = tuple(k for k in range(STYLES) if k not in (BASE, REAL))
GROUNDS = {"light": "#ffffff", "dark": "#14171a"}

_SHARED = """
.chart text{font:10.5px system-ui,sans-serif;fill:var(--ink)}
.chart .tick{fill:var(--dim)}
.chart .grid{stroke:var(--line);stroke-width:1}
.chart .axis{stroke:var(--dim);stroke-width:1}
.chart .line{fill:none;stroke:var(--c);stroke-width:1.6}
.chart .error{stroke:var(--c);stroke-width:1;opacity:.55}
.chart .dot{fill:var(--c);stroke:var(--ground);stroke-width:.8}
.chart .open{fill:none;stroke:var(--c);stroke-width:1.6}
.chart .hollow .dot{fill:var(--ground);stroke:var(--c);stroke-width:1.5}
.chart .lead{stroke:var(--c);stroke-width:.7;opacity:.6}
.chart .name{fill:var(--c);font-weight:600}
.chart .band{fill:var(--ink);opacity:.13}
.chart .phase{fill:var(--ink);opacity:.05}
.chart .edge{stroke:var(--dim);stroke-dasharray:2 3}
.chart .zone{opacity:.16}
.chart .bad{fill:var(--bad)}.chart .even{fill:var(--even)}.chart .good{fill:var(--good)}
.chart .series:hover .line{stroke-width:3}
""".strip()


def chart_css() -> str:
    """Return the style sheet of all charts, for light and dark ground; on paper it is light."""
    return f":root{{{_variables('light')}}}{_at_night()}{_SHARED}{_classes()}"


def _at_night() -> str:
    return f"@media screen and (prefers-color-scheme:dark){{:root{{{_variables('dark')}}}}}"


def _variables(which: str) -> str:
    """Return the custom properties of a ground."""
    dark = which == "dark"
    colours = DARK if dark else LIGHT
    other = {
        "ground": GROUNDS[which],
        "raised": "#1d2125" if dark else "#f6f7f8",
        "ink": "#e8eaed" if dark else "#1a1a1a",
        "dim": "#a3abb3" if dark else "#555d66",
        "line": "#343a40" if dark else "#dfe3e7",
        "bad": DARK[2] if dark else LIGHT[2],
        "even": DARK[5] if dark else LIGHT[5],
        "good": DARK[3] if dark else LIGHT[3],
        "link": DARK[1] if dark else LIGHT[1],
    }
    named = {**other, **{f"c{i}": colour for i, colour in enumerate(colours)}}
    return f"color-scheme:{which};" + "".join(f"--{name}:{value};" for name, value in named.items())


def _classes() -> str:
    lines = (
        f".s{i}{{--c:var(--c{i})}}" + (f".s{i} .line{{stroke-dasharray:{dash}}}" if dash else "")
        for i, dash in enumerate(DASHES)
    )
    # Behind those of the styles: a control's line, and a second figure's, is broken in the same way in all colours.
    return "".join(lines) + ".chart .hollow .line{stroke-dasharray:3 3}.chart .broken .line{stroke-dasharray:4 3}"
