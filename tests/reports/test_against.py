"""A row against the base's temperature curve, on curves that are known in closed form."""

from __future__ import annotations

import math
from statistics import fmean, stdev

import pytest

from tokengan.figure import Figure
from tokengan.reports.against import matched, read_curve
from tokengan.reports.comparison import Cell, Comparison, Matched, Point, Rate, Row, Sample
from tokengan.reports.statistics import MANY, bootstrap, interval, paired_p, student_cdf, student_quantile

TEMPERATURES = (1.2, 1.0, 0.8, 0.6)


def point(temperature: float, div: float, test: float, bleu: float, own: float = 0.4) -> Point:
    figures = (
        Figure("NLL-div", div, "none", "samples", "NLL-div"),
        Figure("NLL-test", test, "lower", "test", "NLL-test"),
        Figure("BLEU-4", bleu, "higher", "test", "BLEU-4"),
        Figure("Self-BLEU-4", own, "lower", "samples", "Self-BLEU-4"),
    )
    return Point(temperature, figures)


def curve(div: float) -> tuple[float, float]:
    """NLL-test and BLEU-4 of the base at a NLL-div."""
    return (div - 3) ** 2 + 2, 1 - div / 5


def base(seeds: int) -> Row:
    cells = [
        Cell(s, points=tuple(point(t, 2 * t + s / 10, *curve(2 * t + s / 10), own=1 - t / 2) for t in TEMPERATURES))
        for s in range(seeds)
    ]
    return Row("mle", cells=tuple(cells), role="base")


def row(shifts: list[float], div: float = 1.7) -> Row:
    """A row that lies so far above the base's NLL-test, seed by seed."""
    own = [point(1.0, div, curve(div)[0] + shift, curve(div)[1], own=0.5) for shift in shifts]
    return Row("game", cells=tuple(Cell(seed, points=(p,)) for seed, p in enumerate(own)))


def judged(found: tuple[Matched, ...], figure: str, on: str = "NLL-div") -> Matched:
    return next(one for one in found if (one.figure, one.on) == (figure, on))


def test_a_parabola_is_read_exactly_and_nothing_beyond_its_ends():
    points = [(2 * t, curve(2 * t)[0]) for t in TEMPERATURES]
    for x in (1.25, 1.5, 1.93, 2.4):
        assert read_curve(points, x) == pytest.approx(curve(x)[0], abs=1e-12)
    assert read_curve(points, 2.41) is None
    assert read_curve(points, 1.19) is None
    assert read_curve(points[:1], 2.4) is None


def test_differences_are_those_that_were_put_in_whatever_the_order_of_the_seeds():
    shifts = [-0.10, -0.12, -0.11]
    found = judged(matched(row(shifts), base(3)), "NLL-test")
    assert found.seeds == pytest.approx(shifts, abs=1e-9)
    reach = 4.302653 * stdev(shifts) / math.sqrt(3)
    assert (found.low, found.high) == pytest.approx((fmean(shifts) - reach, fmean(shifts) + reach), abs=1e-6)
    assert found.sentence.startswith("Above the curve: NLL-test is 0.110 better at equal NLL-div (95% interval ")
    assert judged(matched(row(shifts), base(3)), "BLEU-4").mean == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    ("shifts", "said"),
    [
        ([0.2, 0.21, 0.22], "Below the curve: NLL-test is 0.210 worse"),
        ([0.1, -0.1, 0.05], "On the curve: NLL-test differs by +0.017"),
        ([0.0], "On the curve: NLL-test differs by +0.000 at equal NLL-div (one seed: no interval, and a difference"),
        ([-0.3], "Above the curve: NLL-test is 0.300 better at equal NLL-div (one seed, so no interval)"),
        ([-0.0051, -0.0050, -0.0049], "too small to matter"),
    ],
)
def test_what_is_said_in_words(shifts, said):
    assert said in judged(matched(row(shifts), base(3)), "NLL-test").sentence


def test_a_higher_bleu_is_better_and_both_measures_of_diversity_are_shown():
    better = Row(
        "game", cells=tuple(Cell(s, points=(point(1.0, 1.7, 9.0, 0.9 + s / 100, own=0.55),)) for s in range(3))
    )
    found = matched(better, base(3))
    assert {one.on for one in found if one.figure == "BLEU-4"} == {"NLL-div", "Self-BLEU-4"}
    for on in ("NLL-div", "Self-BLEU-4"):
        assert judged(found, "BLEU-4", on).sentence.startswith("Above the curve: BLEU-4")
        assert judged(found, "NLL-test", on).sentence.startswith("Below the curve: NLL-test")


def test_a_row_that_no_temperature_reaches_is_compared_with_nothing():
    found = judged(matched(row([0.0, 0.0], div=5.0), base(2)), "NLL-test")
    assert found.seeds == (None, None)
    assert (found.mean, found.low, found.p) == (None, None, None)
    assert "nothing can be compared" in found.sentence


def test_a_seed_that_the_base_lacks_is_left_out():
    found = judged(matched(row([-0.1, -0.1, -0.3]), base(2)), "NLL-test")
    assert found.seeds == pytest.approx([-0.1, -0.1, None], abs=1e-9)
    assert found.mean == pytest.approx(-0.1)


def test_student_is_the_table():
    for df, t in ((1, 12.7062), (2, 4.3027), (3, 3.1824), (4, 2.7764), (7, 2.3646), (30, 2.0423), (1000, 1.9623)):
        assert student_quantile(0.975, df) == pytest.approx(t, abs=5e-5)
        assert student_cdf(-t, df) == pytest.approx(0.025, abs=1e-5)
    assert student_cdf(0.0, 5) == 0.5
    assert student_cdf(1.0, 1) == pytest.approx(0.75)  # Cauchy
    assert student_cdf(1.0, 2) == pytest.approx(0.5 + 1 / (2 * math.sqrt(3)))


def test_few_seeds_take_student_and_many_the_bootstrap():
    values = [float(k % 5) for k in range(MANY)]
    assert interval(values) == bootstrap(values)
    low, high = interval(values[:-1]) or (0, 0)
    assert high - low == pytest.approx(2 * student_quantile(0.975, MANY - 2) * stdev(values[:-1]) / math.sqrt(MANY - 1))
    assert interval([]) is None
    assert paired_p([0.0, 0.0]) == 1.0
    assert paired_p([3.0]) is None


def test_a_comparison_survives_its_json_and_a_value_that_json_has_not_becomes_none():
    figure = Figure("FED", math.nan, "lower", "test", "FED|n=1", "no data")
    one = Point(1.0, (figure,), (Sample("a <b>", "a", 0.5),), (Rate("a b", 1.0, 0.0),))
    cell = Cell(0, "failed", "cells/x-0", None, (one,), ({"step": 1},), "Traceback")
    held = Matched("FED", "NLL-div", "lower", (0.1, None), 0.1, None, None, None, "One.")
    whole = Comparison("t", (Row("x", "mle", "type this", "base", (cell,), (held,)),), (figure,), {"lines": 3})
    read = Comparison.from_json(whole.to_json())
    assert read.to_json() == whole.to_json()
    assert whole.to_json()["rows"][0]["cells"][0]["points"][0]["figures"][0]["value"] is None
    assert read.rows[0].cells[0].points[0].value("FED") is None
    assert math.isnan(read.real[0].value)
