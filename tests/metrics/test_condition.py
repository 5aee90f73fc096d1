"""Condition use: what held-out text loses in likelihood when conditions change places."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch

from tokengan.generators.base import Autoregressive, Condition, Outputs, State, Token
from tokengan.generators.recurrent import LSTM
from tokengan.metrics.base import Given, missing
from tokengan.metrics.condition import ConditionUse, TextConditionUse, deranged, nll_under_others, same_rows
from tokengan.metrics.translation import Paired, sentence_chrf
from tokengan.sequences import Sequences, pad_lists
from tokengan.spec import Spec


class Echo(Autoregressive):
    """Writes its label with probability p at every place, any other token evenly; its mood is read by nobody."""

    def __init__(self, p: float, size: int = 3) -> None:
        super().__init__(Spec(vocab_size=size, max_length=2))
        self.table = (torch.eye(size, dtype=torch.float64) * (p - (1 - p) / (size - 1)) + (1 - p) / (size - 1)).log()

    def start(self, rows: int, condition: Condition) -> tuple[Outputs, State]:
        logits = self.table[condition["label"]]
        return {"logits": logits}, State({"logits": logits})

    def step(self, token: Token, state: State) -> tuple[Outputs, State]:
        return {"logits": state.rows["logits"]}, state


def labelled(labels: list[int]) -> Sequences:
    """Return sequences of one or two tokens that say their label."""
    y = torch.tensor(labels)
    tokens = y.unsqueeze(1).repeat(1, 2)
    mask = torch.stack([torch.ones_like(y).bool(), torch.arange(len(y)) % 2 == 0], dim=1)
    return Sequences(tokens, mask, condition={"label": y, "mood": torch.arange(len(y))})


def given_of(law: Autoregressive, x: Sequences) -> Given:
    return Given([["x"]], extra={"law": law, "heldout": x, "condition": tuple(x.condition)})


def test_nothing_stays_in_its_place_and_the_seed_decides():
    for rows in (2, 3, 50):
        order = deranged(rows, seed=1)
        assert sorted(order.tolist()) == list(range(rows))
        assert (order != torch.arange(rows)).all()
    assert torch.equal(deranged(50, 1), deranged(50, 1))
    assert not torch.equal(deranged(50, 1), deranged(50, 2))


@pytest.mark.parametrize("labels", [[0, 1, 2] * 20, [0] * 50 + [1] * 10])
def test_closed_form_whatever_the_labels_shares(labels: list[int]):
    """Each token of a row whose label changed loses log p - log (1 - p)/2; rows that kept theirs are left out."""
    law, x = Echo(0.8), labelled(labels)
    spread, rows = nll_under_others(law, x, "label")
    assert spread.mean == pytest.approx(math.log(0.8) - math.log(0.1))
    assert spread.error == pytest.approx(0.0, abs=1e-12)
    changed = x.condition["label"] != x.condition["label"][deranged(len(x))]
    assert rows == changed.sum() < len(labels)


def test_a_condition_that_nobody_reads_is_worth_nothing():
    """One figure a condition, the others staying in place; 0 exactly where it is ignored, below 0 where it misleads."""
    label, mood = ConditionUse().compute(given_of(Echo(0.8), labelled([0, 1, 2] * 20)))
    assert (label.name, mood.name) == ("condition use (label)", "condition use (mood)")
    assert label.value > 2
    assert mood.value == 0.0
    assert "rows=60" in mood.signature
    assert ConditionUse().compute(given_of(Echo(0.1), labelled([0, 1, 2] * 20)))[0].value < 0
    assert ConditionUse().compute(given_of(LSTM(Spec(vocab_size=3, max_length=2)), labelled([0, 1])))[0].value == 0.0


def test_the_error_is_that_of_the_differences_row_by_row():
    """Rows differ by their losses alone, so the error is far below that of two independent means."""

    class Noisy(Echo):
        def start(self, rows: int, condition: Condition) -> tuple[Outputs, State]:
            moved = super().start(rows, condition)[0]["logits"].clone()
            moved[:, 2] += condition["mood"] % 7  # tells rows apart, the same under either label
            return {"logits": moved}, State({"logits": moved})

    x = labelled([0, 1] * 40)
    spread, rows = nll_under_others(Noisy(0.8), x, "label")
    own = Noisy(0.8).score(x)["logp"]
    other = x.condition["label"][deranged(80)]
    lost = own - Noisy(0.8).score(x.replace(condition={**x.condition, "label": other}))["logp"]
    kept = x.condition["label"] != other
    sums, counts = torch.where(x.mask, lost, 0.0).sum(1)[kept], x.lengths[kept]
    mean = sums.sum() / counts.sum()
    assert spread.mean == pytest.approx(mean.item())
    error = (sums - mean * counts).std() / (counts.double().mean() * math.sqrt(rows))
    assert spread.error == pytest.approx(error.item())


def test_sources_are_compared_without_their_padding():
    a = Sequences(*pad_lists([[5, 6], [5], [5, 6]], pad=0, length=3))
    b = Sequences(a.tokens.masked_fill(~a.mask, 9), a.mask)
    assert same_rows(a, b).tolist() == [True, True, True]
    assert same_rows(a, a.select(torch.tensor([2, 0, 1]))).tolist() == [True, False, False]
    assert same_rows(torch.tensor([[1, 2], [3, 4]]), torch.tensor([[1, 2], [3, 5]])).tolist() == [True, False]


def test_what_cannot_be_said_is_said_in_words():
    alike = labelled([1, 1, 1])
    figure, _ = ConditionUse().compute(given_of(Echo(0.8), alike))
    assert math.isnan(figure.value)
    assert figure.note == "not defined: all rows have one condition"
    law = Echo(0.8)
    law.density = "bound"
    assert "no exact likelihood" in ConditionUse().compute(given_of(law, alike))[0].note
    without = Given([["x"]], extra={"law": law, "heldout": alike})
    assert "condition" in (missing(ConditionUse(), without) or "")


def test_what_was_written_for_the_own_row_is_nearer_to_its_reference():
    """Copies of the own references use their conditions, one text for all does not; equal conditions are left out."""
    references = ["a red heart", "two green hats", "black", "the moon at night", "black"]
    x = labelled([0, 1, 2, 3, 2])
    x = x.replace(condition={"label": x.condition["label"]})
    other = deranged(5).tolist()
    kept = [i for i, j in enumerate(other) if references[i] != references[j]]
    for texts in (references, ["a red moon"] * 5):
        task = SimpleNamespace(decode=lambda x, texts=texts: texts)
        given = Given([["x"]], extra={"pairs": Paired(task, x, x, references)})
        (figure,) = TextConditionUse().compute(given)
        lost = [sentence_chrf(texts[i], references[i]) - sentence_chrf(texts[i], references[other[i]]) for i in kept]
        assert figure.value == pytest.approx(sum(lost) / len(kept))
        assert figure.note == f"+-{torch.tensor(lost).std().item() / len(kept) ** 0.5:.3f}"
        assert (figure.value > 50) == (texts is references)
