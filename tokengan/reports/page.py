"""A report as one HTML page that asks for nothing else: no script, no font, no picture from anywhere.

Samples are anybody's text. All text is escaped here and in `svg`, nowhere else; a policy in the head forbids scripts
and loading besides, so that a mistake would do no harm.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from tokengan.reports.blocks import Block, Listing, Report, Samples, Section, Shown, Table, Words
from tokengan.reports.chart import Chart, Series
from tokengan.reports.colours import REAL, SHAPES, STYLES, chart_css
from tokengan.reports.comparison import Sample
from tokengan.reports.svg import draw, escaped, shape

__all__ = ["page"]

POLICY = "default-src 'none'; style-src 'unsafe-inline'"
FIRST = 6  # samples of a row that are seen without asking
SIGNS = {"above": "▲ better", "on": "● on the curve", "below": "▼ worse", "none": "– not compared"}
NUMERIC = re.compile(r"-|[-+]?[\d.,]+(e[-+]\d+)?( ±\S+)?( †)?%?")

STYLE = """
*{box-sizing:border-box}
body{margin:0 auto;padding:16px;max-width:1240px;font:15px/1.5 system-ui,sans-serif}
body{background:var(--ground);color:var(--ink)}
h1{font-size:1.45em;line-height:1.25;margin:.3em 0;overflow-wrap:anywhere}
h2{font-size:1.15em;margin:2em 0 .6em;padding-top:.4em;border-top:1px solid var(--line)}
p{max-width:75ch;margin:.5em 0;overflow-wrap:anywhere}
a{color:var(--link)}
nav{display:flex;flex-wrap:wrap;gap:2px 14px;font-size:.9em;margin:.8em 0}
nav a{padding:5px 0}
.note,figcaption small,.near{color:var(--dim);font-size:.87em}
.verdict{border-left:4px solid var(--dim);padding:.1em .7em}
.verdict b{white-space:nowrap;margin-right:.3em}
.verdict.above{border-color:var(--good)}.verdict.below{border-color:var(--bad)}.verdict.on{border-color:var(--even)}
.scroll{overflow-x:auto;margin:.7em 0;max-width:100%}
table{border-collapse:collapse;font-size:.87em;font-variant-numeric:tabular-nums}
caption{text-align:left;font-weight:600;padding:.3em 0}
th,td{padding:4px 9px;text-align:left;vertical-align:top;border-bottom:1px solid var(--line)}
th{font-weight:600}
thead th{border-bottom:1.5px solid var(--dim);vertical-align:bottom;white-space:nowrap}
tbody th{position:sticky;left:0;background:var(--ground);max-width:46vw;min-width:6em;overflow-wrap:break-word}
td.n{text-align:right;white-space:nowrap}
td{max-width:34em;min-width:2.5em}
td.long{overflow-wrap:anywhere;min-width:13em}
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(340px,100%),1fr));gap:18px}
figure{margin:0;min-width:0}
figcaption{font-weight:600;margin-bottom:.2em;overflow-wrap:anywhere}
figcaption small{display:block;font-weight:400}
svg{display:block;width:100%;height:auto;max-width:480px}
.legend{display:flex;flex-wrap:wrap;gap:2px 16px;padding:0;margin:.5em 0;list-style:none;font-size:.87em}
.legend svg{display:inline-block;width:26px;height:14px;vertical-align:-2px;margin-right:4px}
summary{cursor:pointer;color:var(--link);padding:5px 0;font-size:.9em}
.texts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(300px,100%),1fr));gap:14px}
.texts>div{background:var(--raised);border-radius:6px;padding:8px 12px;min-width:0}
.texts h3{font-size:1em;margin:.2em 0 .5em;overflow-wrap:anywhere}
.texts p{margin:.45em 0;unicode-bidi:isolate}
.texts .near{margin:-.3em 0 .7em;padding-left:.8em;border-left:2px solid var(--line)}
pre{background:var(--raised);padding:8px 12px;border-radius:6px;font-size:.84em}
pre{white-space:pre-wrap;overflow-wrap:anywhere}
@media print{
body{max-width:none;padding:0;font-size:10.5pt}
nav,summary,figure details{display:none}
details::details-content{content-visibility:visible;display:block;height:auto}
.scroll{overflow:visible}
table{font-size:7.6pt}
th,td{padding:2px 5px}
thead th{white-space:normal}
tbody th{position:static}
td.long{min-width:0}
.grid{grid-template-columns:1fr 1fr}
figure,tr,.texts p,.verdict{break-inside:avoid}
h2,h3,caption,figcaption{break-after:avoid}
.texts>div,pre{background:none;border:1px solid var(--line)}
}
""".strip()


def page(report: Report) -> str:
    """Return the page. The same report is the same page, to the byte.

    >>> "&lt;script&gt;" in page(Report("<script>", "", ()))
    True
    """
    links = "".join(f'<a href="#{one.anchor}">{escaped(one.title)}</a>' for one in report.sections)
    return "".join(
        (
            '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            '<meta name="viewport" content="width=device-width,initial-scale=1">',
            f"<title>{escaped(report.title)}</title>\n<style>{chart_css()}\n{STYLE}</style></head>\n<body>",
            f"<header><h1>{escaped(report.title)}</h1><p>{escaped(report.lead)}</p><nav>{links}</nav></header>\n<main>",
            *map(_section, report.sections),
            "</main></body></html>\n",
        )
    )


def _section(section: Section) -> str:
    parts: list[str] = []
    for grouped, blocks in groupby(section.blocks, key=_grouped):
        drawn = list(blocks)
        if grouped is Shown:
            parts += _legend([one for one in drawn if isinstance(one, Shown)])
        inner = "".join(map(_block, drawn))
        parts.append(f'<div class="grid">{inner}</div>' if grouped is not None else inner)
    return f'<section id="{section.anchor}"><h2>{escaped(section.title)}</h2>{"".join(parts)}</section>\n'


def _grouped(block: Block) -> type | None:
    """Return what stands beside others of its kind: pictures, and small tables."""
    if isinstance(block, Shown):
        return Shown
    return Table if isinstance(block, Table) and block.columns[:1] == ("n-gram",) else None


def _block(block: Block) -> str:
    if isinstance(block, Words):
        return _words(block)
    if isinstance(block, Table):
        return _table(block)
    if isinstance(block, Shown):
        return _figure(block)
    return _samples(block) if isinstance(block, Samples) else _listing(block)


def _words(words: Words) -> str:
    if words.tone in SIGNS:
        sign = f"<b>{SIGNS[words.tone]}</b>"
        return f'<p class="verdict {words.tone}">{sign} {escaped(words.text)}</p>'
    return f"<p{_kind('note' if words.tone else '')}>{escaped(words.text)}</p>"


def _kind(name: str) -> str:
    return f' class="{name}"' if name else ""


def _listing(listing: Listing) -> str:
    said = f'<p class="note">{escaped(listing.caption)}</p>' if listing.caption else ""
    return f"{said}<pre>{escaped(listing.text)}</pre>"


def _table(table: Table) -> str:
    head = "".join(f'<th scope="col">{escaped(name)}</th>' for name in table.columns)
    body = "".join(f"<tr>{''.join(_cells(row))}</tr>" for row in table.rows)
    caption = f"<caption>{escaped(table.caption)}</caption>" if table.caption and not table.folded else ""
    label = escaped(table.caption or "table")
    whole = (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{label}"><table>{caption}'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )
    return f"<details><summary>{label}</summary>{whole}</details>" if table.folded else whole


def _cells(row: Sequence[str]) -> Iterator[str]:
    yield f'<th scope="row" dir="auto">{escaped(row[0])}</th>'
    for cell in row[1:]:
        kind = "n" if NUMERIC.fullmatch(cell) else "long" if len(cell) > 40 else ""
        yield f"<td{_kind(kind)}>{escaped(cell)}</td>"


def _figure(shown: Shown) -> str:
    chart = shown.chart
    note = f"<small>{escaped(chart.note)}</small>" if chart.note else ""
    numbers = _table(Table(shown.table.columns, shown.table.rows, shown.table.caption, folded=True))
    return f"<figure><figcaption>{escaped(chart.title)}{note}</figcaption>{draw(chart)}{numbers}</figure>"


def _legend(shown: Iterable[Shown]) -> list[str]:
    """Return the names of all series that are labelled in several charts, with their shapes."""
    known: dict[str, Series] = {}
    for one in shown:
        if isinstance(one.chart, Chart):
            known |= {series.name: series for series in one.chart.series if series.label and not series.plain}
    if not known:
        return []
    # The base, the rows by their number, a control behind its row, real text.
    order = sorted(known.values(), key=lambda series: (series.style == REAL, series.style, series.hollow))
    keys = "".join(f"<li>{_key(series)}{escaped(series.name)}</li>" for series in order)
    return [f'<ul class="legend">{keys}</ul>']


def _key(series: Series) -> str:
    style = series.style % STYLES
    line = '<path class="line" d="M0 7L26 7"/>' if len(series.dots) > 1 else ""
    return (
        f'<svg class="chart" viewBox="0 0 26 14" aria-hidden="true"><g class="s{style}{" hollow" * series.hollow}">'
        f"{line}{shape(SHAPES[style], 13, 7, 4.2)}</g></svg>"
    )


def _samples(samples: Samples) -> str:
    columns = []
    for name, texts in samples.columns:
        first, more = "".join(map(_sample, texts[:FIRST])), "".join(map(_sample, texts[FIRST:]))
        rest = f"<details><summary>{len(texts) - FIRST} more</summary>{more}</details>" if more else ""
        columns.append(f"<div><h3>{escaped(name)}</h3>{first}{rest}</div>")
    return f'<div class="texts">{"".join(columns)}</div>'


def _sample(sample: Sample) -> str:
    text = escaped(sample.text) if sample.text.strip() else "<i>nothing was written</i>"
    said = f'<p dir="auto">{text}</p>'
    if not sample.nearest:
        return said
    return f'{said}<p class="near" dir="auto"><bdi>{sample.overlap:.2f}</bdi> {escaped(sample.nearest)}</p>'
