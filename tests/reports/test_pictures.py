"""What the pictures show: places, intervals, colours, and who is left out; and a run folder as a report."""

from __future__ import annotations

import json
import re
from itertools import combinations, pairwise

import pytest

from tests.reports.test_report import comparison, figures, row
from tokengan.errors import UserError
from tokengan.figure import Figure
from tokengan.reports.blocks import Shown, Table, Words
from tokengan.reports.chart import Chart, Dot, Mark, Marks, Phase, Series
from tokengan.reports.colours import DARK, DASHES, GROUNDS, LIGHT, METHODS, SHAPES, STYLES
from tokengan.reports.comparison import Cell, Comparison, Point, Row
from tokengan.reports.curves import curves, styles
from tokengan.reports.history import health, training
from tokengan.reports.of_run import of_run
from tokengan.reports.outline import outline
from tokengan.reports.page import page
from tokengan.reports.summary import summary
from tokengan.reports.svg import HEIGHT, LINE, TOP, WIDTH, alone, draw


def centres(svg: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r'<circle class="dot" cx="([\d.]+)" cy="([\d.]+)"', svg)]


def bright(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(weight * p for weight, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


# ---- drawing


def test_dots_stand_where_the_axes_say():
    points = [(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)]
    svg = draw(Chart("t", "x", "y", (Series("one", tuple(Dot(x, y) for x, y in points)),)))
    (x0, y0), (x1, y1), (x2, y2) = centres(svg)
    assert x0 < x1 < x2
    assert y0 > y1 > y2  # up is more
    assert (x1, y1) == (pytest.approx((x0 + x2) / 2, abs=0.1), pytest.approx((y0 + y2) / 2, abs=0.1))


def test_what_runs_out_of_the_picture_is_cut_at_its_edge():
    dots = (Dot(0, 0, across=(-99, 99), along=(-99, 99), main=True), Dot(1, 1))
    svg = draw(Chart("t", "x", "y", (Series("one", dots),)))
    ends = [
        float(v) for line in re.findall(r'<line class="error"[^>]*>', svg) for v in re.findall(r'="([\d.-]+)"', line)
    ]
    assert len(ends) == 8
    assert min(ends) >= TOP
    assert max(ends) <= max(WIDTH, HEIGHT)


def test_one_seed_has_no_interval_drawn_and_three_have():
    one = curves(comparison(row("mle", "base", 0.0, seeds=1), row("b", "method", 0.1, seeds=1)))
    three = curves(comparison(row("mle", "base", 0.0), row("b", "method", 0.1)))
    drawn = ["".join(draw(b.chart) for b in blocks if isinstance(b, Shown)) for blocks in (one, three)]
    assert 'class="error"' not in drawn[0]
    assert 'class="band"' not in drawn[0]
    assert 'class="error"' in drawn[1]
    assert '"band"' not in drawn[1]  # NLL-test is the same for all seeds, at each temperature


def test_the_band_is_the_interval_of_the_base_over_its_seeds():
    base = row("mle", "base", 0.0)
    moved = tuple(
        Cell(c.seed, points=tuple(Point(p.temperature, figures(p.temperature, c.seed, c.seed / 10)) for p in c.points))
        for c in base.cells
    )
    found = comparison(Row("mle", "mle", role="base", cells=moved), row("b", "method", 0.1))
    chart = next(b.chart for b in curves(found) if isinstance(b, Shown) and b.chart.title == "NLL-test against NLL-div")
    assert isinstance(chart, Chart)
    [band] = chart.areas
    one = summary(found.rows[0], "NLL-test", 0.8)
    assert one is not None
    assert one.ends is not None
    assert (band.lower[0][1], band.upper[0][1]) == pytest.approx(one.ends)


def test_seeds_that_are_one_and_the_same_model_have_no_interval():
    found = summary(row("ngram", "method", 0.0), "BLEU-4")
    assert found is not None
    assert len(found.values) == 3
    assert found.told() == "0.500"


def test_labels_do_not_touch():
    series = tuple(Series(f"row {k}", (Dot(0, k / 1000), Dot(1, 0.5)), k, label=f"row {k}") for k in range(9))
    svg = draw(Chart("t", "x", "y", series))
    places = sorted(float(y) for y in re.findall(r'class="name" x="[\d.]+" y="([\d.]+)"', svg))
    assert len(places) == 9
    assert all(b - a >= LINE - 0.11 for a, b in pairwise(places))
    assert places[-1] < HEIGHT


def test_a_picture_is_a_file_of_its_own():
    svg = alone(
        Marks(
            "t", (Mark("BLEU-2", 0.5, 0.6, "higher"), Mark("LM score", 3.0, 4.0, "lower"), Mark("x", -1, None, "none"))
        )
    )
    assert svg.startswith('<svg class="chart"')
    assert 'xmlns="http://www.w3.org/2000/svg"' in svg
    assert re.findall(r'<g class="s(\d+)">', svg) == ["2", "1", "0"]  # short, beyond, neither


# ---- colours


def test_every_colour_can_be_seen_on_its_ground():
    for colours, ground in ((LIGHT, GROUNDS["light"]), (DARK, GROUNDS["dark"])):
        for colour in colours:
            light, dark = sorted((bright(colour), bright(ground)), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 3, (colour, ground)


def test_no_two_rows_look_alike_without_colour():
    assert len(LIGHT) == len(DARK) == len(SHAPES) == len(DASHES) == STYLES
    assert len(set(SHAPES)) == STYLES
    assert all(a != b for a, b in combinations([(SHAPES[k], DASHES[k]) for k in METHODS], 2))


def test_a_control_has_the_style_of_its_row_and_is_hollow():
    found = comparison(
        row("mle", "base", 0), row("a", "method", 0), row("a, constant", "control", 0), row("b", "method", 0)
    )
    given = styles(found)
    assert given["a"] == given["a, constant"] != given["b"]
    chart = next(block.chart for block in curves(found) if isinstance(block, Shown))
    assert isinstance(chart, Chart)
    assert [one.hollow for one in chart.series if one.name in given] == [False, False, True, False]


# ---- what may stand together


def test_a_figure_computed_in_another_way_is_marked_and_not_drawn():
    def bounded(figure: Figure) -> Figure:
        way = "|upper bound" if figure.name == "NLL-test" else ""
        return figure.replace(signature=figure.signature + way)

    cells = tuple(
        Cell(cell.seed, points=tuple(Point(p.temperature, tuple(map(bounded, p.figures))) for p in cell.points))
        for cell in row("bound", "method", 0.2).cells
    )
    found = comparison(row("mle", "base", 0.0), Row("bound", "vae", cells=cells))
    shown = {b.chart.title: b.chart for b in curves(found) if isinstance(b, Shown)}
    chart = shown["NLL-test against NLL-div"]
    assert isinstance(chart, Chart)
    assert "bound" not in [one.name for one in chart.series]
    assert "bound" in chart.note
    other_chart = shown["BLEU-4 against Self-BLEU-4"]
    assert isinstance(other_chart, Chart)
    assert "bound" in [one.name for one in other_chart.series]
    main = next(b for b in outline(found).sections[0].blocks if isinstance(b, Table))
    cells_of = dict(zip(main.columns, main.rows[1], strict=True))
    assert cells_of["NLL-test ↓"].endswith("†")
    assert "†" not in cells_of["BLEU-4 ↑"]


def test_every_number_of_the_first_table_is_the_mean_of_the_sheet():
    import csv
    import io

    from tokengan.reports.sheet import sheet

    found = comparison(row("mle", "base", 0.0), row("a", "method", -0.2))
    lines = list(csv.DictReader(io.StringIO(sheet(found))))
    main = next(b for b in outline(found).sections[0].blocks if isinstance(b, Table))
    checked = 0
    for cells in main.rows[:2]:
        for head, told in zip(main.columns[1:], cells[1:], strict=True):
            name = head.strip(" ↑↓")
            values = [
                float(line["value"])
                for line in lines
                if (line["kind"], line["row"], line["figure"], line["temperature"]) == ("figure", cells[0], name, "1")
            ]
            if values:
                assert told.partition(" ")[0] == f"{sum(values) / len(values):.3f}"
                checked += 1
    assert checked == 8


# ---- training and health


def test_phases_are_marked_where_they_begin_and_verdicts_are_said():
    found = comparison(row("mle", "base", 0.0))
    record = {"phase": "pretrain generator", "figures": {"NLL-valid": 3.0}}
    accuracy = {"NLL-valid": 2.9, "D accuracy (held-out)": 0.52}
    curve = (
        *({**record, "step": k} for k in (1, 2, 3)),
        *({"phase": "adversarial", "step": k, "figures": accuracy, "health": ["no signal at all"]} for k in (4, 5)),
    )
    one = Row("game", "seqgan", cells=(Cell(0, points=found.rows[0].cells[0].points, curve=curve),))
    told = Comparison("t", (one,))
    chart = next(b.chart for b in training(told) if isinstance(b, Shown))
    assert isinstance(chart, Chart)
    assert chart.phases == (Phase(0, 3, "pretrain generator"), Phase(3, 5, "adversarial"))
    words = " ".join(block.text for block in health(told) if isinstance(block, Words))
    assert "0.520 (seed 0: no signal)" in words
    assert "no signal at all" in words
    judged = next(b.chart for b in health(told) if isinstance(b, Shown))
    assert isinstance(judged, Chart)
    assert [zone.label for zone in judged.zones] == ["memorisation", "no signal", "signal", "saturated"]
    control = Comparison("t", (Row("game", "seqgan", role="control", cells=one.cells),))
    assert "no signal at all" not in " ".join(b.text for b in health(control) if isinstance(b, Words))


def test_what_a_page_has_no_character_for_is_replaced():
    found = comparison(row("a\x00b\x1b[31m", "base", 0.0, text="\ud800 \ufffe"))
    text = page(outline(found))
    assert not re.search("[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe]", text)
    text.encode()


# ---- a run folder


def run_folder(path, control: bool = False):
    path.mkdir()
    (path / "config.yaml").write_text("# tokengan 0.1.0; a config file is trusted code\nmethod: seqgan\nseed: 3\n")
    (path / "samples").mkdir()
    (path / "samples" / "000001.txt").write_text("old\n")
    (path / "samples" / "000002.txt").write_text("a cat\n<b>dog</b>\n")
    lines = [{"step": k, "phase": "train", "figures": {"NLL-valid": 3.0 - k / 10}, "training": {}} for k in (1, 2)]
    (path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    own = Figure("BLEU-2", 0.5, "higher", "test", "BLEU-2|n=9")
    held = {"temperature": 0.9, "in_words": "Better than the temperature curve: NLL-test is .1 nats lower."}
    held["NLL-test"] = {"model": 3.0, "start": 3.1, "difference": -0.1, "standard_error": 0.01}
    report = {"figures": [own.to_json(), own.replace(name="BLEU-2 (train lines)", value=0.6).to_json()]}
    report |= {"entropy_matched": held}
    (path / "final.json").write_text(json.dumps({"report": report, "control": report if control else None}))


def test_a_run_folder_is_a_comparison_of_one_row(tmp_path):
    run_folder(tmp_path / "run")
    found = of_run(tmp_path / "run")
    [one] = found.rows
    [cell] = one.cells
    assert (one.name, one.method, cell.seed) == ("run", "seqgan", 3)
    assert [sample.text for sample in cell.points[0].samples] == ["a cat", "<b>dog</b>"]
    assert [(f.name, f.value) for f in found.real] == [("BLEU-2", 0.6)]
    assert one.matched[0].mean == -0.1
    text = page(outline(found))
    assert "▲ better" in text
    assert "&lt;b&gt;dog" in text
    assert "nats per token" in text  # its curve
    assert found.environment == {"trained with": "tokengan 0.1.0"}


def test_a_control_is_a_second_row_and_half_a_report_is_refused(tmp_path):
    run_folder(tmp_path / "run", control=True)
    assert [one.role for one in of_run(tmp_path / "run").rows] == ["method", "control"]
    (tmp_path / "run" / "final.json").write_text('{"report"')
    with pytest.raises(UserError, match="not whole"):
        of_run(tmp_path / "run")
    (tmp_path / "run" / "final.json").unlink()
    (tmp_path / "run" / "metrics.jsonl").unlink()
    with pytest.raises(UserError, match="was not evaluated yet"):
        of_run(tmp_path / "run")
