"""Any Python function of texts as reward.

Axes: B batch.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import torch
from torch import Tensor

from tokengan.errors import UserError
from tokengan.rewards.base import Reward
from tokengan.rewards.functions import function_of, name_of
from tokengan.sequences import Sequences
from tokengan.spec import FunctionPath

__all__ = ["Objective"]

LARGEST = torch.finfo(torch.float32).max
Row = dict[str, Any]  # what a function is told of one sequence, by argument name


class Objective(Reward):
    """R(x) = f(text of x), each distinct text scored once.

    Two signatures do: `f(texts) -> scores`, and that of TRL's reward functions, `f(completions=..., prompts=...,
    completion_ids=..., **columns) -> scores` with any of these arguments, which are then given as lists, the data set's
    columns among them. A function that raises, or gives anything but one finite number a text, stops the run.

    A class is built with the training texts, once the reward judges for its task, and what is built is the function.

    >>> from types import SimpleNamespace as Namespace
    >>> task = Namespace(decode=lambda x: ["a b", "b", "b"])
    >>> x = Sequences(torch.zeros(3, 1, dtype=torch.long), torch.ones(3, 1, dtype=torch.bool))
    >>> calls = []
    >>> def length(texts):
    ...     calls.append(texts)
    ...     return [len(text.split()) for text in texts]
    >>> Objective(length)(x, Namespace(task=task)), calls
    (tensor([2., 1., 1.]), [['a b', 'b']])
    """

    def __init__(self, function: FunctionPath | Callable[..., Any], cache: int = 100_000) -> None:
        """Find the function.

        Args:
            function: Its path, `module:function`, so that a config file can replay the run; from Python also the
                function itself. A class is called with the list of the training texts.
            cache: Scores kept, the oldest dropped first; 0 scores anew at each call, for a function that is random.
        """
        super().__init__()
        found, self.size = function_of(function), cache
        self.name = function if isinstance(function, str) else name_of(function)
        # A saved run is loaded without its data, so what is made of them waits until there is something to judge.
        self._class = _class_of(found, self.name)
        self._met: Any = None
        self.function = found
        self.asked = None if self._class else _asked(found)
        self._scores: dict[Hashable, float] = {}

    def forward(self, x: Sequences, players: Any) -> Tensor:
        """Return the scores [B]. Raises UserError naming the function, the sequence and what it returned."""
        self._meet(players.task)
        texts = players.task.decode(x)
        rows = self._rows(texts, x)
        keys = [_key(text, row) for text, row in zip(texts, rows, strict=True)]
        first = {key: i for i, key in reversed(list(enumerate(keys)))}
        new = sorted(i for key, i in first.items() if key not in self._scores)
        fresh = self._score([texts[i] for i in new], [rows[i] for i in new]) if new else []
        scores = dict(zip((keys[i] for i in new), fresh, strict=True))
        found = [scores[key] if key in scores else self._scores[key] for key in keys]
        self._keep(scores)
        return torch.tensor(found, dtype=torch.float32, device=x.tokens.device)

    def _meet(self, task: Any) -> None:
        """Build what is a class with the task's training texts, anew for another task."""
        if self._class is None or self._met is task:
            return
        texts = task.decode(task.train)
        try:
            self.function = self._class(texts)
        except Exception as error:  # it is somebody else's
            raise UserError(
                f"the objective {self.name} is a class, and building it with the {len(texts)} training texts raised "
                f"{type(error).__name__} ({error})"
            ) from error
        self.asked, self._met = _asked(self.function), task
        self._scores.clear()

    def _rows(self, texts: list[str], x: Sequences) -> list[Row]:
        """Return the named arguments of each row; none for a function of texts."""
        if self.asked is None:
            return [{} for _ in texts]
        ids = [row[:length] for row, length in zip(x.tokens.tolist(), x.lengths.tolist(), strict=True)]
        columns = {name: values for name, values in x.columns.items() if name != "prompt"}
        given: dict[str, list[Any]] = {"completion_ids": ids, **columns}
        if "prompt" in x.columns:
            given["prompts"] = x.columns["prompt"]
        wanted = given if "**" in self.asked else {name: given[name] for name in given if name in self.asked}
        return [{name: values[i] for name, values in wanted.items()} for i in range(len(texts))]

    def _score(self, texts: list[str], rows: list[Row]) -> list[float]:
        try:
            returned = self._call(texts, rows)
        except Exception as error:  # it is somebody else's
            culprit, error = self._culprit(texts, rows, error)
            raise UserError(
                f"the objective {self.name} raised {type(error).__name__} ({error}) for {culprit}"
            ) from error
        values = _listed(returned)
        if values is None:
            raise UserError(
                f"the objective {self.name} returned {_brief(returned)} for {len(texts)} sequences, the first of them "
                f"{texts[0]!r}: it should return a list, one number a sequence"
            )
        if len(values) != len(texts):
            raise UserError(
                f"the objective {self.name} returned {len(values)} values for {len(texts)} sequences, the first of "
                f"them {texts[0]!r}: it should return one number a sequence"
            )
        return [self._number(value, text) for value, text in zip(values, texts, strict=True)]

    def _call(self, texts: list[str], rows: list[Row]) -> Any:
        if self.asked is None:
            return self.function(texts)
        named = {name: [row[name] for row in rows] for name in rows[0]}
        if "prompts" not in named and self.asked & {"prompts", "**"}:
            return self.function(completions=texts, prompts=None, **named)
        return self.function(completions=texts, **named)

    def _culprit(self, texts: list[str], rows: list[Row], error: Exception) -> tuple[str, Exception]:
        """Return the first sequence that alone makes the function raise, in words, and what it raised."""
        for text, row in zip(texts, rows, strict=True):
            try:
                self._call([text], [row])
            except Exception as own:
                return f"the sequence {text!r}", own
        return f"a batch of {len(texts)} sequences, the first of them {texts[0]!r}; none of them fails alone", error

    def _number(self, value: Any, text: str) -> float:
        try:
            number = math.nan if isinstance(value, str | bytes) else float(value)
        except Exception:  # whatever stands there is no number
            number = math.nan
        if not abs(number) <= LARGEST:
            raise UserError(
                f"the objective {self.name} returned {_brief(value)} for the sequence {text!r}: it should return a "
                "finite number"
            )
        return number

    def _keep(self, scores: dict[Hashable, float]) -> None:
        self._scores |= scores
        for key in list(self._scores)[: max(len(self._scores) - self.size, 0)]:
            del self._scores[key]


def _class_of(found: Callable[..., Any], name: str) -> type | None:
    """Return a class that can be built with one list of texts and then called, None for what is no class.

    Raises UserError for a class of another kind.
    """
    if not isinstance(found, type):
        return None
    if not any("__call__" in vars(base) for base in found.__mro__):
        raise UserError(
            f"{name} is a class whose objects cannot be called: an objective is a function of texts, or a class that "
            "is built with the training texts and has a method __call__(texts)"
        )
    try:
        signature = inspect.signature(found)
    except ValueError:  # a builtin may have none
        return found
    try:
        signature.bind([])
    except TypeError:
        raise UserError(
            f"{name} is a class built with {signature}: it is given the list of the training texts and nothing else; "
            "let the other arguments have defaults, or give a function"
        ) from None
    return found


def _asked(function: Callable[..., Any]) -> frozenset[str] | None:
    """Return the arguments that a function takes by TRL's names (`**` for any others), None for a function of texts."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # a builtin may have none
        return None
    named = {name for name, one in parameters.items() if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)}
    more = {"**" for one in parameters.values() if one.kind is one.VAR_KEYWORD}
    return frozenset(named | more) if "completions" in named or (more and len(parameters) == 1) else None


def _key(text: str, row: Row) -> Hashable:
    """Return what decides the score: the text, and whatever else the function is told."""
    return text if not row else (text, *((name, repr(value)) for name, value in row.items()))


def _listed(returned: Any) -> list[Any] | None:
    """Return what a function returned as a list (arrays and tensors are taken too), None where it is none."""
    if hasattr(returned, "tolist"):
        returned = returned.tolist()
    if isinstance(returned, str | bytes) or not isinstance(returned, Sequence):
        return None
    return list(returned)


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
