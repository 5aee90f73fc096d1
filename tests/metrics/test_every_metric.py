"""What holds of every metric of texts, whoever adds one: all that `known_metrics` has are held to it."""

import math
import random
import re
from pathlib import Path

import pytest

from tokengan.cli.evaluate import ABOUT
from tokengan.metrics import Given, evaluate, evaluate_texts, known_metrics, missing
from tokengan.metrics.features import Features, encoder

METRICS = known_metrics()
ROOT = Path(__file__).parents[2]
every_metric = pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)


def text(seed, lines=60, words="abcdefghij"):
    """Return sentences of 5 to 9 words, none of them twice: BLEU of a copy is then 1."""
    draw = random.Random(seed)
    return [draw.sample(words, draw.randint(5, 9)) for _ in range(lines)]


def given(samples, reference=(), train=()):
    return Given(samples, reference or None, train or None, {"features": Features(encoder("lsa:4"))})


def figures(metric, *texts):
    return {figure.name: figure for figure in metric.compute(given(*texts))}


def inside(metric, figure):
    low, high = metric.bounds
    slack = 1e-9 * max(1.0, abs(low) if math.isfinite(low) else 1.0)
    return low - slack <= figure.value <= high + slack


@every_metric
def test_what_is_missing_is_told(metric):
    for need in metric.needs - {"samples", "features"}:
        assert need in missing(metric, given(text(0)))


@every_metric
def test_neither_padding_nor_the_order_of_lines_nor_a_second_call_moves_a_figure(metric):
    texts = text(0) + [[]], text(1, 70), text(2, 50)
    draw = random.Random(3)
    plain = [[" ".join(sentence) for sentence in part] for part in texts]
    moved = [[" " + "   ".join(sentence) + " \t" for sentence in draw.sample(part, len(part))] for part in texts]
    first, *others = (
        evaluate_texts(*part, metrics=[metric.name], encoder_name="lsa:4") for part in (plain, moved, plain)
    )
    for other in others:
        for figure, again in zip(first, other, strict=True):
            assert again.signature == figure.signature
            assert again.value == pytest.approx(figure.value, abs=1e-9, nan_ok=True)


@every_metric
def test_other_samples_are_seen_and_none_is_written_to(metric):
    """A peer keeps the sentences of its first call and gives the first score for ever."""
    reference, train = text(1), text(2)
    samples = train[:30] + text(0)[:30]
    before = [list(map(tuple, part)) for part in (samples, reference, train)]
    first = figures(metric, samples, reference, train)
    assert [list(map(tuple, part)) for part in (samples, reference, train)] == before
    samples[10:] = [["a", "b", "a", "b", "a", "b"]] * 50  # one sentence for most
    second = figures(metric, samples, reference, train)
    assert any(second[name].value != figure.value for name, figure in first.items())


@every_metric
def test_at_the_edges_it_is_within_bounds_or_a_dash_with_a_reason(metric):
    one, long = [["a"]], [["a", "b", "c", "d", "e", "f"]]
    for samples, reference, train in (
        (one, one, one),  # one word
        ([[]], one, long),  # an empty sample
        ([[], []], one, one),
        ([[], ["a", "b"]], long, one),
        (long, one, [["x"]]),  # one sentence
        (long * 9, long * 9, long * 9),  # collapse
        (one * 3, [["b"]] * 30, [["c"]] * 2),  # nothing in common, other sizes
        (text(0, words="abcdefghij"), text(1, words="klmnopqrst"), text(2, words="uvwxyzäöüß")),
        (text(0), text(0), text(0)),
    ):
        found = figures(metric, samples, reference, train)
        assert found
        for figure in found.values():
            assert inside(metric, figure) or (math.isnan(figure.value) and figure.note), figure
            assert figure.direction in {"higher", "lower", "none"}
            assert figure.signature.startswith(figure.name + "|")


@pytest.mark.parametrize("name", [n for n, m in METRICS.items() if "reference" in m.needs and n != "lengths"])
def test_the_reference_itself_is_better_than_text_that_shares_no_word_with_it(name):
    """Lengths do not look at words."""
    metric, reference = METRICS[name], text(1)
    same, apart = (figures(metric, samples, reference) for samples in (reference[::-1], text(1, words="klmnopqrst")))
    for figure in same.values():
        sign = {"higher": 1, "lower": -1}[figure.direction]
        assert sign * figure.value > sign * apart[figure.name].value, figure
        best = max(sign * bound for bound in metric.bounds)
        # What compares two laws is at its best for a law and itself. C2ST is .5 then, MMD without bias near 0, and a
        # likelihood is the entropy.
        if math.isfinite(best) and name not in {"c2st", "mmd", "lm-score"}:
            assert figure.value == pytest.approx(sign * best, abs=1e-6), figure


@every_metric
def test_real_text_of_the_same_size_stands_beside_it(metric):
    found = evaluate(given(text(0), text(1), text(2)), [metric])
    plain = [figure for figure in found if "(" not in figure.name]
    assert [figure.name.partition(" (")[0] for figure in found[len(plain) :]] == [figure.name for figure in plain]


@every_metric
def test_it_stands_in_the_docs_and_in_the_help(metric):
    assert f"`{metric.name}`" in (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    assert metric.name in re.findall(r"[\w-]+", ABOUT)
