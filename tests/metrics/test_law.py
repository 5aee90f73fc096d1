"""The likelihood family against closed forms, and the comparison at equal entropy."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
from toy import Tabular, everything, probabilities

from tokengan.errors import UserError
from tokengan.generators.latent import Latent
from tokengan.generators.recurrent import LSTM
from tokengan.metrics.base import Given, comparable, missing
from tokengan.metrics.evaluator import FinalReport
from tokengan.metrics.judge import HeldOutAccuracy
from tokengan.metrics.law import NLLDiv, NLLOracle, NLLTest, Spread, cross_entropy
from tokengan.metrics.matched import Point, Setting, match, measure
from tokengan.noise import Noise
from tokengan.sampling.write import write
from tokengan.sequences import Sequences
from tokengan.spec import Spec


def batch(rows: list[list[int]], lengths: list[int] | None = None) -> Sequences:
    tokens = torch.tensor(rows)
    lengths = lengths or [tokens.shape[1]] * len(rows)
    return Sequences(tokens, torch.arange(tokens.shape[1]) < torch.tensor(lengths)[:, None])


def one_token(p: float) -> Tabular:
    """A law over two tokens, the same at both positions."""
    logits = [math.log(max(p, 1e-30)), math.log(max(1 - p, 1e-30))]
    return Tabular(logits, [logits, logits])


def in_proportion(first: int, second: int) -> Sequences:
    """Return pairs whose tokens are 0 and 1 in a proportion."""
    return batch([[0, 0]] * first + [[1, 1]] * second)


@pytest.mark.parametrize(
    ("model", "samples", "oracle_nll", "test_nll", "div"),
    [
        (0.5, in_proportion(1, 1), 0.9163, 0.6931, 0.6931),  # the card's example: oracle (.8, .2)
        (1 - 1e-12, in_proportion(1, 0), 0.2231, None, 0.0),  # collapsed: NLL-oracle below the oracle's own entropy
    ],
)
def test_the_worked_example(
    model: float, samples: Sequences, oracle_nll: float, test_nll: float | None, div: float
) -> None:
    law, oracle, heldout = one_token(model), one_token(0.8), in_proportion(8, 2)
    given = Given([["x"]], extra={"law": law, "oracle": oracle, "written": samples, "heldout": heldout})
    assert NLLOracle().compute(given)[0].value == pytest.approx(oracle_nll, abs=1e-4)
    assert NLLDiv().compute(given)[0].value == pytest.approx(div, abs=1e-4)
    if test_nll is None:
        assert NLLTest().compute(given)[0].value > 5
    else:
        assert NLLTest().compute(given)[0].value == pytest.approx(test_nll, abs=1e-4)


def test_the_uniform_law_scores_log_v() -> None:
    law = LSTM(Spec(vocab_size=50, max_length=4))
    for parameter in law.parameters():
        parameter.data.zero_()
    assert cross_entropy(law, batch([[1, 2, 3, 4]])).mean == pytest.approx(math.log(50), abs=1e-5)


def test_pain_12_padding_and_its_columns_count_for_nothing() -> None:
    law = LSTM(Spec(vocab_size=9, max_length=8, start=1, end=2, pad=0), init_std=1.0)
    short, wide = batch([[4, 2, 0], [5, 6, 2]], [2, 3]), batch([[4, 2, 0, 0, 0], [5, 6, 2, 0, 0]], [2, 3])
    assert cross_entropy(law, short).mean == pytest.approx(cross_entropy(law, wide).mean, abs=1e-6)
    by_hand = torch.cat([law.score(batch([row]))["logp"][0] for row in ([4, 2], [5, 6, 2])])
    assert cross_entropy(law, short).mean == pytest.approx(-by_hand.mean().item(), abs=1e-6)


def test_the_standard_error_is_that_of_the_ratio() -> None:
    sums = torch.randn(4000, generator=torch.Generator().manual_seed(0)).double() + 3
    spread = Spread.of(sums, torch.ones(4000))
    assert spread.error == pytest.approx(1 / 4000**0.5, rel=0.05)


def test_pain_14_oracle_figures_on_real_text_are_refused_with_a_reason() -> None:
    given = Given([["x"]], extra={"written": in_proportion(1, 1)})
    assert "oracle" in (missing(NLLOracle(), given) or "")


def test_pain_07_the_split_is_in_the_name() -> None:
    extra = {"law": one_token(0.5), "heldout": in_proportion(1, 1)}
    (figure,) = NLLTest().compute(Given([["x"]], extra=extra, splits={"heldout": "valid"}))
    assert (figure.name, figure.split) == ("NLL-valid", "valid")


def test_a_law_with_a_bound_only_says_so_and_is_compared_with_no_exact_one() -> None:
    torch.manual_seed(0)
    law = Latent(Spec(vocab_size=5, max_length=3), latent=2, hidden=6, init_std=1.0).eval()
    written = write(law, 1100, Noise(torch.Generator().manual_seed(9)))
    given = Given([["x"]], extra={"law": law, "heldout": written, "written": written})
    for metric in (NLLTest(), NLLDiv()):
        (figure,) = metric.compute(given)
        assert 0 < figure.value < math.log(5) + 0.5
        assert "n=1000|" in figure.signature
        assert "upper bound, 10 importance-weighted draws" in figure.signature
        (exact,) = metric.compute(given.replace(extra={**given.extra, "law": LSTM(law.spec)}))
        assert "bound" not in exact.signature
        assert not comparable(figure, exact)
        assert metric.compute(given)[0].value == figure.value
    # At a temperature, and against the conditional entropy under the codes, which is lower.
    at = Setting(written, LSTM(law.spec, init_std=1.0), 500)
    point = measure(law, at)
    codes = torch.where(written.mask, -law.score(written)["logp"], 0.0).sum(1).mean().item() / 3
    assert point["NLL-div"] > codes
    assert measure(law, at, 0.3)["NLL-div"] < point["NLL-div"]


def test_a_law_without_a_density_has_no_figure() -> None:
    law = LSTM(Spec(vocab_size=5, max_length=3))
    law.density = "none"
    (figure,) = NLLTest().compute(Given([["x"]], extra={"law": law, "heldout": in_proportion(1, 1)}))
    assert math.isnan(figure.value)
    assert "no likelihood" in figure.note


# ---- equal entropy


@pytest.fixture
def models() -> tuple[LSTM, LSTM]:
    torch.manual_seed(0)
    spec = Spec(vocab_size=30, max_length=6)
    return LSTM(spec, hidden=16, init_std=0.7).eval(), LSTM(spec, hidden=16, init_std=1.0).eval()


def setting(oracle: LSTM, rows: int = 1500) -> Setting:
    heldout = write(oracle, rows, Noise(torch.Generator().manual_seed(9)))
    return Setting(heldout, oracle, rows, seed=3)


def test_the_exact_expectation_agrees_with_scoring_the_samples(models: tuple[LSTM, LSTM]) -> None:
    law, oracle = models
    point = measure(law, setting(oracle))
    samples = write(law, 20_000, Noise(torch.Generator().manual_seed(4)))
    for name, judge in (("NLL-div", law), ("NLL-oracle", oracle)):
        plain = cross_entropy(judge, samples)
        assert point[name] == pytest.approx(plain.mean, abs=4 * math.hypot(plain.error, point.figures[name].error))
        assert point.figures[name].error < plain.error * (20_000 / 1500) ** 0.5  # less noise, sample for sample


def test_a_tempered_copy_is_matched_at_its_temperature_and_gains_nothing(models: tuple[LSTM, LSTM]) -> None:
    """Sharpening is not learning: whatever the temperature did to NLL-oracle, the difference is 0."""
    law, oracle = models
    at = setting(oracle)
    for temperature in (0.6, 0.9, 1.3):
        sharpened = measure(law, at, temperature)
        matched = match(law, sharpened["NLL-div"], at)
        assert matched.temperature == pytest.approx(temperature, abs=0.02)
        assert sharpened.minus(matched)["NLL-oracle"].mean == pytest.approx(0, abs=0.01)
        assert abs(sharpened["NLL-oracle"] - measure(law, at)["NLL-oracle"]) > 0.01  # yet alone it moved


def test_a_better_law_is_seen_to_be_better(models: tuple[LSTM, LSTM]) -> None:
    law, oracle = models
    at = setting(oracle)
    truth = measure(oracle, at)
    difference = truth.minus(match(law, truth["NLL-div"], at))
    assert difference["NLL-oracle"].mean < -0.1
    assert difference["NLL-test"].mean < -0.1


def point(nll_oracle: float, error: float = 0.01, temperature: float = 1.0) -> Point:
    return Point(temperature, {"NLL-div": Spread(2.0, 0.01), "NLL-oracle": Spread(nll_oracle, error)})


@pytest.mark.parametrize(
    ("model", "words"),
    [(3.0, "On the temperature"), (2.9, "Better than"), (3.1, "Worse than"), (2.99, "On the temperature")],
)
def test_pain_09_the_report_says_in_words_whether_anything_was_gained(model: float, words: str) -> None:
    report = FinalReport([], point(model), point(3.0))
    assert report.sentence().startswith(words)
    assert report.text().endswith(report.sentence())
    assert report.to_json()["entropy_matched"]["in_words"] == report.sentence()


@pytest.mark.parametrize(("temperature", "far"), [(0.48, True), (0.85, False), (1.2, False), (1.4, True)])
def test_a_collapse_is_not_called_a_gain_without_a_warning(temperature: float, far: bool) -> None:
    """The start model reaches a collapsed model's entropy only at a temperature at which it is spoilt everywhere."""
    report = FinalReport([], point(2.5), point(3.0, temperature=temperature))
    assert ("the difference says little" in report.sentence()) == far
    assert report.text().endswith(report.sentence())


def test_an_entropy_out_of_reach_is_an_error(models: tuple[LSTM, LSTM]) -> None:
    law, oracle = models
    with pytest.raises(UserError, match="no temperature"):
        match(law, 20.0, setting(oracle, 50))


def test_nll_oracle_is_nll_div_plus_the_divergence() -> None:
    law, oracle = Tabular(), Tabular([0.0] * 3, [[0.0] * 3] * 3)
    p = probabilities(law).detach()
    point_div = -(p * p.log()).sum().item() / 2
    divergence = (p * (p / probabilities(oracle).detach()).log()).sum().item() / 2
    x = everything()
    scored = {
        name: -(p * judge.score(x)["logp"].sum(1)).sum().item() / 2
        for name, judge in (("div", law), ("oracle", oracle))
    }
    assert scored["div"] == pytest.approx(point_div, abs=1e-10)
    assert scored["oracle"] == pytest.approx(point_div + divergence, abs=1e-10)


# ---- the discriminator


class FirstToken(torch.nn.Module):
    def forward(self, x: Sequences) -> dict[str, torch.Tensor]:
        return {"logits": x.tokens[:, 0].float() - 0.5}


def test_held_out_accuracy_and_auc_by_hand() -> None:
    real, fake = batch([[1], [1], [1], [0]]), batch([[0], [0], [1], [0]])
    given = Given([["x"]], extra={"critic": FirstToken(), "heldout": real, "written": fake})
    accuracy, auc = HeldOutAccuracy().compute(given)
    assert accuracy.value == 0.75
    assert accuracy.note == "signal"
    assert auc.value == 0.75  # by hand: of 16 pairs 9 are right and 6 are ties
