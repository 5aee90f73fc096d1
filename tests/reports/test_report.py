"""Reports: whole pages, numbers that agree in every form, untrusted text, and published figures kept apart."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tokengan.errors import UserError
from tokengan.figure import Figure
from tokengan.reports.against import matched
from tokengan.reports.comparison import Cell, Comparison, Point, Rate, Row, Sample
from tokengan.reports.markdown import markdown
from tokengan.reports.outline import outline
from tokengan.reports.page import page
from tokengan.reports.published import facts, published_tables, reasons
from tokengan.reports.sheet import sheet
from tokengan.reports.write import write_plot, write_report

EVIL = "<script>alert(1)</script> & \"quoted\" 'too' \u202e\u05d0\u05d1 \U0001f600 " + "x" * 300
TEMPERATURES = (1.2, 1.0, 0.8)
VOID = {"meta", "br", "img", "hr", "link", "circle", "path", "rect", "line"}


def figures(t: float, seed: int, shift: float) -> tuple[Figure, ...]:
    values = {"NLL-test": 3 + (t - 1) ** 2 + shift, "NLL-div": 2 * t + seed / 50, "BLEU-4": 1 - t / 2 - shift / 3}
    values["Self-BLEU-4"] = 0.9 - t / 2
    better = {"NLL-test": "lower", "NLL-div": "none", "BLEU-4": "higher", "Self-BLEU-4": "lower"}
    return tuple(
        Figure(name, value, better[name], "test", f"{name}|n=100|tok=word")  # pyright: ignore[reportArgumentType]
        for name, value in values.items()
    )


def row(name: str, role: str, shift: float, seeds: int = 3, text: str = "a b c") -> Row:
    record = {"step": 1, "phase": "adversarial", "iteration": 1, "figures": {}}
    accuracy = Figure("D accuracy (held-out)", 0.53, "none", "valid", "D|n=10")
    record["figures"] = {f.name: f.to_json() for f in (*figures(1.0, 0, shift)[:1], accuracy)}
    curve = tuple({**record, "step": k, "iteration": k} for k in range(1, 4))
    cells = tuple(
        Cell(
            seed,
            folder=f"cells/{name}-{seed}",
            minutes=1.5,
            points=tuple(
                Point(t, figures(t, seed, shift), (Sample(text, "a b d", 0.5),), (Rate("a b", 3.0, 1.0),))
                for t in TEMPERATURES
            ),
            curve=curve,
        )
        for seed in range(seeds)
    )
    return Row(name, "seqgan", f"tokengan train seqgan --seed SEED # {name}", role, cells)  # pyright: ignore


def comparison(*rows: Row) -> Comparison:
    base = rows[0]
    held = tuple(one if one is base else replace(one, matched=matched(one, base)) for one in rows)
    real = (Figure("BLEU-4", 0.4321, "higher", "test", "BLEU-4|n=100|tok=word", "train lines"),)
    return Comparison("mle and a game", held, real, {"source": "my.txt"}, {"seeds": 3}, {"torch": "2.13.0"}, "typed")


@pytest.fixture
def whole() -> Comparison:
    broken = Row("broken", "pg-bleu", "typed", cells=(Cell(0, "failed", log=f"Traceback {EVIL}"), Cell(1, "missing")))
    return comparison(row("mle", "base", 0.0), row("a game", "method", -0.2), broken)


class Parsed(HTMLParser):
    """Checks that elements close in order, and keeps texts and attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.tags: set[str] = set()
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def parsed(found: Comparison) -> Parsed:
    parser = Parsed()
    parser.feed(page(outline(found)))
    parser.close()
    assert not parser.open
    return parser


def test_the_page_is_whole_needs_no_network_and_draws(whole):
    found = parsed(whole)
    outside = [value for name, value in found.attributes if name in ("src", "href", "action") and value[:1] != "#"]
    assert not outside
    assert "script" not in found.tags
    assert not any(name.startswith("on") for name, _ in found.attributes)
    assert {"svg", "table", "title", "details"} <= found.tags
    text = page(outline(whole))
    for needed in ("prefers-color-scheme", "@media print", "width=device-width", "default-src 'none'"):
        assert needed in text
    assert not any(
        scheme in text.replace("http://www.w3.org/2000/svg", "") for scheme in ("http://", "https://", "@import")
    )


def test_numbers_are_the_same_in_every_form(whole):
    html, text = " ".join(parsed(whole).texts), markdown(outline(whole))
    lines = list(csv.DictReader(io.StringIO(sheet(whole))))
    for name in ("mle", "a game"):
        own = next(r for r in whole.rows if r.name == name)
        values = [p.value("BLEU-4") for c in own.done if (p := c.at(1.0))]
        told = [float(line["value"]) for line in lines if line["row"] == name and line["figure"] == "BLEU-4"
                and line["temperature"] == "1" and line["kind"] == "figure"]  # fmt: skip
        assert told == values
        mean = f"{sum(v or 0 for v in values) / len(values):.3f}"
        assert mean in html
        assert mean in text
    held = whole.rows[1].matched[0]
    for form in (html, text):
        assert held.sentence in form
        assert "0.432" in form  # real text
        assert "tokengan train seqgan --seed SEED # a game" in form


def test_untrusted_text_stays_text(whole):
    found = comparison(row(EVIL, "base", 0.0, text=EVIL), row("b", "method", 0.1, text=EVIL))
    read = parsed(replace(found, title=EVIL, command=EVIL))
    assert "script" not in read.tags
    assert any("<script>alert(1)</script>" in text for text in read.texts)
    assert "<script>" not in page(outline(found))
    log = " ".join(parsed(whole).texts)
    assert "Traceback <script>" in log
    assert not any(line.lstrip().startswith(("=", "@", "+cmd")) for line in sheet(found).splitlines())


def test_a_formula_in_a_name_is_no_formula_in_a_sheet():
    cells = next(csv.DictReader(io.StringIO(sheet(comparison(row("=1+1", "base", 0.0))))))
    assert cells["row"] != "=1+1"
    assert "=1+1" in cells["row"]


def test_failed_and_missing_cells_are_shown(whole):
    text = markdown(outline(whole))
    assert "What failed" in text
    assert "broken" in text
    assert "missing" in text


def test_one_seed_has_no_interval_and_an_empty_comparison_is_said():
    one = comparison(row("mle", "base", 0.0, seeds=1), row("b", "method", -0.3, seeds=1))
    text = markdown(outline(one))
    assert "One seed" in text
    assert "±" not in text.partition("## Quality")[0]
    assert "±" in markdown(outline(comparison(row("mle", "base", 0.0), row("b", "method", -0.3))))
    empty = Comparison("nothing", ())
    assert "Nothing was compared." in markdown(outline(empty))
    assert parsed(empty)
    assert parsed(comparison(Row("mle", "mle", cells=(Cell(0, "missing"),), role="base")))


def test_a_figure_that_is_no_number_is_a_dash_not_a_nan(whole):
    broken = replace(figures(1.0, 0, 0)[0], value=math.nan, note="why")
    cell = Cell(0, points=(Point(1.0, (broken, *figures(1.0, 0, 0)[1:])),))
    found = Comparison("t", (Row("mle", "mle", role="base", cells=(cell,)),))
    for text in (page(outline(found)), markdown(outline(found))):
        assert "nan" not in text.lower()


def test_the_same_comparison_is_the_same_bytes(whole, tmp_path):
    again = Comparison.from_json(json.loads(json.dumps(whole.to_json())))
    assert page(outline(whole)) == page(outline(again))
    assert markdown(outline(whole)) == markdown(outline(again))
    assert sheet(whole) == sheet(again)
    assert [path.name for path in write_report(whole, tmp_path / "r.html")] == ["r.html", "r.md", "r.csv"]
    with pytest.raises(UserError, match=r"has to end in \.html"):
        write_report(whole, tmp_path / "r.pdf")
    with pytest.raises(UserError, match=r"has to end in \.svg"):
        write_plot(whole, tmp_path / "r.png")


# ---- published figures


ORACLE = {"weights": "53123e81c41c", "length": 20, "splits": {"train": {"sequences": 10_000}}}


def oracle_run(data: dict[str, object], unit: str = "nats per token") -> Comparison:
    figure = Figure("NLL-oracle", 9.0, "lower", "samples", f"NLL-oracle|n=100|{unit}|tok=id")
    cell = Cell(0, points=(Point(1.0, (figure,)),))
    return Comparison("oracle", (Row("seqgan", "seqgan", role="base", cells=(cell,)),), data=data)


def test_published_figures_stand_beside_ours_only_where_everything_is_the_same():
    table = next(t for t in published_tables() if t.source.startswith("Yu et al.") and "synthetic" in t.where)
    same = oracle_run(ORACLE)
    figure = same.rows[0].cells[0].points[0].figures[0]
    assert reasons(table, facts(same, figure)) == []
    assert "8.736" in markdown(outline(same)).partition("that cannot be compared")[0]
    long, redrawn = {**ORACLE, "length": 40}, {**ORACLE, "weights": "another"}
    nats = "nats per token"
    for data, unit in ((long, nats), (redrawn, nats), (ORACLE, "bits per token"), ({}, nats)):
        other = oracle_run(data, unit)
        assert reasons(table, facts(other, other.rows[0].cells[0].points[0].figures[0]))
        before, _, after = markdown(outline(other)).partition("that cannot be compared")
        assert "8.736" not in before
        assert "8.736" in after


def test_every_published_table_says_where_it_is_from_and_a_vague_one_never_matches():
    for table in published_tables():
        assert table.source
        assert table.where
        assert table.data
        assert all(math.isfinite(value) for row in table.rows.values() for value in row.values())
        if table.unsaid or table.otherwise:
            assert reasons(table, dict(table.conditions))


# ---- the commands


def test_a_user_s_table_gets_a_report_with_one_command(tmp_path, capsys):
    from tokengan.cli import main

    outputs, reference = tmp_path / "outputs.csv", tmp_path / "reference.txt"
    outputs.write_text("id,text\n" + "".join(f"{k},the cat {w} <b>here</b>\n" for k, w in enumerate("abcdef")))
    reference.write_text("".join(f"the dog {w} there\n" for w in "abcdefgh"))
    report, plot = tmp_path / "out.html", tmp_path / "out.svg"
    words = ["evaluate", str(outputs), "--column", "text", "--reference", str(reference), "--train", str(reference)]
    assert main([*words, "--report", str(report), "--plot", str(plot), "--json"]) == 0
    told = {one["name"]: one["value"] for one in json.loads(capsys.readouterr().out)}
    text = report.read_text()
    assert f"{told['BLEU-2']:.3f}" in text
    assert "&lt;b&gt;here" in text
    assert plot.read_text().startswith("<svg")
    lines = list(csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text())))
    assert {line["figure"] for line in lines} >= {"BLEU-2", "Self-BLEU-4"}
    assert main([*words[:2], "--column", "txet", "--reference", str(reference)]) == 2
    assert "text" in capsys.readouterr().err


def test_what_is_no_comparison_is_refused(tmp_path, capsys):
    from tokengan.cli import main

    (tmp_path / "x.json").write_text('{"schema": 99}')
    for what, said in ((tmp_path / "x.json", "its schema is 99, not 1"), (tmp_path / "no", "is not there")):
        assert main(["report", str(what)]) == 2
        assert said in capsys.readouterr().err
    (tmp_path / "y.json").write_text("[1")
    assert main(["report", str(tmp_path / "y.json")]) == 2
    assert main(["report", str(Path(tmp_path))]) == 2
