"""A person's own function as reward: both signatures, the cache, and every way to fail."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from reward_toys import Words, game

from tokengan.errors import UserError
from tokengan.rewards.functions import function_of
from tokengan.rewards.objective import Objective

TASK = Words(["the cat sat"])
PLAYERS = game(TASK)
X = TASK.encode(["the cat", "a dog ran", "the cat", "mat"])


def lengths(texts):
    return [len(text) for text in texts]


def judged(returned):
    """The objective that returns one thing for every text."""
    return Objective(lambda texts: [returned for _ in texts])(X, PLAYERS)


def test_a_function_of_texts_by_path_and_by_itself() -> None:
    for given_ in (lengths, f"{__name__}:lengths", f"{__name__}.lengths"):
        assert Objective(given_)(X, PLAYERS).tolist() == [7.0, 9.0, 7.0, 3.0]


def test_each_distinct_text_is_scored_once_and_kept() -> None:
    seen = []

    def score(texts):
        seen.append(texts)
        return lengths(texts)

    objective = Objective(score)
    first, again = objective(X, PLAYERS), objective(X.repeat(3), PLAYERS)
    assert seen == [["the cat", "a dog ran", "mat"]]
    assert torch.equal(again, first.repeat(3))


def test_the_cache_is_bounded_and_can_be_off() -> None:
    calls = []

    def score(texts):
        calls.extend(texts)
        return lengths(texts)

    small = Objective(score, cache=2)
    assert small(X, PLAYERS).tolist() == small(X, PLAYERS).tolist() == [7.0, 9.0, 7.0, 3.0]
    assert len(small._scores) == 2
    assert calls == ["the cat", "a dog ran", "mat", "the cat"]
    calls.clear()
    off = Objective(score, cache=0)
    off(X, PLAYERS), off(X, PLAYERS)
    assert len(calls) == 6


def test_trls_signature_gets_lists_by_name() -> None:
    asked = {}
    x = X.replace(columns={"target": [1.0, 2.0, 3.0, 4.0], "prompt": ["p", "q", "p", "r"]})

    def everything(completions, prompts=None, completion_ids=None, **columns):
        asked.update(completions=completions, prompts=prompts, completion_ids=completion_ids, columns=columns)
        return columns["target"]

    assert Objective(everything)(x, PLAYERS).tolist() == [1.0, 2.0, 3.0, 4.0]
    # The first and the third are the same text with another target, so both are asked for.
    assert asked["completions"] == ["the cat", "a dog ran", "the cat", "mat"]
    assert asked["prompts"] == ["p", "q", "p", "r"]
    assert asked["completion_ids"][0] == [4, 5, 2]
    assert asked["columns"] == {"target": [1.0, 2.0, 3.0, 4.0]}

    def some(completions, **kwargs):
        return lengths(completions) if kwargs["prompts"] is None else 0

    assert Objective(some)(X, PLAYERS).tolist() == [7.0, 9.0, 7.0, 3.0]

    def bare(completions, target):
        return target

    assert Objective(bare)(x, PLAYERS).tolist() == [1.0, 2.0, 3.0, 4.0]
    assert Objective(lambda completions: lengths(completions))(x, PLAYERS).tolist() == [7.0, 9.0, 7.0, 3.0]


@pytest.mark.parametrize("make", [np.array, torch.tensor, tuple, lambda v: [np.float64(one) for one in v]])
def test_arrays_tensors_and_tuples_are_taken(make) -> None:
    assert Objective(lambda texts: make([1, 2, 3]))(X, PLAYERS).tolist() == [1.0, 2.0, 1.0, 3.0]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, None, "3", "good", [1.0], 1j, 1e39, object(), b"1"])
def test_what_is_no_finite_number_is_refused_by_name_sequence_and_value(bad) -> None:
    def some(texts):
        return [bad if text == "a dog ran" else 1.0 for text in texts]

    with pytest.raises(UserError) as caught:
        Objective(some)(X, PLAYERS)
    for part in ("some", "'a dog ran'", repr(bad)[:70], "finite number"):
        assert part in str(caught.value)


@given(st.floats(allow_nan=True, allow_infinity=True))
@settings(max_examples=60, deadline=None)
def test_any_float_is_a_score_or_refused(value: float) -> None:
    if math.isfinite(value) and abs(value) < 3.4e38:
        assert judged(value)[0].item() == pytest.approx(value, rel=1e-6, abs=1e-38)
    elif not math.isfinite(value) or abs(value) > 3.41e38:
        with pytest.raises(UserError):
            judged(value)


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        ([1.0], "1 values for 3 sequences"),
        ([], "0 values"),
        (None, "returned None"),
        (0.5, "returned 0.5"),
        ("abc", "returned 'abc'"),
        ({"a": 1}, "should return a list"),
        ([1.0] * 4, "4 values for 3"),
    ],
)
def test_a_wrong_number_of_values_is_refused(returned, words: str) -> None:
    with pytest.raises(UserError, match=words) as caught:
        Objective(lambda texts: returned)(X, PLAYERS)
    assert "'the cat'" in str(caught.value)
    assert "<lambda>" in str(caught.value)


def test_a_function_that_raises_is_named_with_the_sequence_that_made_it() -> None:
    def picky(texts):
        return [1 / (len(text) - 3) for text in texts]

    with pytest.raises(UserError, match=r"picky raised ZeroDivisionError .* for the sequence 'mat'") as caught:
        Objective(picky)(X, PLAYERS)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)

    def crowded(texts):
        assert len(texts) < 2
        return [0.0]

    with pytest.raises(UserError, match="none of them fails alone"):
        Objective(crowded)(X, PLAYERS)


def test_a_failure_leaves_nothing_wrong_behind() -> None:
    answers = iter([[1.0, math.nan, 2.0], [1.0, 2.0, 3.0]])
    objective = Objective(lambda texts: next(answers))
    with pytest.raises(UserError):
        objective(X, PLAYERS)
    assert objective(X, PLAYERS).tolist() == [1.0, 2.0, 1.0, 3.0]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("nowhere_at_all:f", "cannot be imported"),
        ("math:sqr", "did you mean 'sqrt'"),
        ("math:pi", "not a function"),
        ("justaname", "module:function"),
        ("", "module:function"),
        (":f", "module:function"),
    ],
)
def test_a_path_that_leads_nowhere_is_told_at_once(path: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        Objective(path)
    with pytest.raises(UserError, match=words):
        function_of(path)


# ---- classes


class Unlike:
    """1 for a text that is not among the training ones."""

    built = 0

    def __init__(self, train, known=0.0):
        type(self).built += 1
        assert isinstance(train, list)
        self.train, self.known = set(train), known

    def __call__(self, texts):
        return [self.known if text in self.train else 1.0 for text in texts]


class Telling(Unlike):
    """The same in TRL's signature."""

    def __call__(self, completions, **kwargs):
        return super().__call__(completions)


@pytest.mark.parametrize("cls", [Unlike, Telling])
def test_a_class_is_built_once_with_the_training_texts_of_the_task_that_it_meets(cls) -> None:
    cls.built = 0
    objective = Objective(f"{__name__}:{cls.__name__}")
    assert cls.built == 0  # a saved run is loaded without its data
    one, other = Words(["the cat", "mat"]), Words(["a dog ran"])
    assert objective(X, game(one)).tolist() == objective(X, game(one)).tolist() == [0.0, 1.0, 0.0, 0.0]
    assert objective(X, game(other)).tolist() == [1.0, 0.0, 1.0, 1.0]  # nothing is remembered of the other task
    assert cls.built == 2


class Mute:
    def __init__(self, train):
        pass


class Greedy:
    def __init__(self, train, weight):
        pass

    def __call__(self, texts):
        return [0.0 for _ in texts]


class Broken(Greedy):
    def __init__(self, train):
        raise KeyError("mat")


def test_a_class_that_cannot_be_an_objective_is_refused_by_name() -> None:
    with pytest.raises(UserError, match="Mute is a class whose objects cannot be called"):
        Objective(f"{__name__}:Mute")
    with pytest.raises(UserError, match=r"Greedy is a class built with \(train, weight\)"):
        Objective(f"{__name__}:Greedy")
    with pytest.raises(UserError, match=r"Broken is a class.* 1 training texts raised KeyError \('mat'\)"):
        Objective(f"{__name__}:Broken")(X, PLAYERS)
