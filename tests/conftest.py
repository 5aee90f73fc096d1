"""What all tests share: checked shapes, one thread, and every registered network as a parameter.

A test that takes `make_generator` or `make_discriminator` runs once for every registered one and every setting below;
the argument is a factory of a `Spec`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from inspect import signature
from typing import Any

import pytest
from jaxtyping import install_import_hook

install_import_hook(("tokengan.generators", "tokengan.discriminators"), "beartype.beartype")

import torch  # noqa: E402

from tokengan.discriminators.cnn import HighwayCNN  # noqa: E402
from tokengan.generators.base import Generator  # noqa: E402
from tokengan.generators.posterior import LATENT  # noqa: E402
from tokengan.generators.recurrent import GRU, LSTM  # noqa: E402
from tokengan.generators.transformer import Transformer  # noqa: E402
from tokengan.methods.parts import lend  # noqa: E402
from tokengan.sequences import Sequences, tidy  # noqa: E402
from tokengan.spec import Spec  # noqa: E402

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def one_thread():
    yield
    torch.set_num_threads(1)


# Used until the package's metadata lists them.
BUILT_IN = {
    "tokengan.generators": {
        "lstm": "tokengan.generators.recurrent:LSTM",
        "gru": "tokengan.generators.recurrent:GRU",
        "transformer": "tokengan.generators.transformer:Transformer",
    },
    "tokengan.discriminators": {
        "cnn": "tokengan.discriminators.cnn:HighwayCNN",
        "recurrent": "tokengan.discriminators.recurrent:RecurrentDiscriminator",
        "transformer": "tokengan.discriminators.transformer:TransformerDiscriminator",
    },
}


def lstm_member(spec: Spec) -> LSTM:
    """Return a member of a generator that is made of others."""
    return LSTM(spec, embedding=5, hidden=6)


def gru_member(spec: Spec) -> GRU:
    """Return a member of two layers."""
    return GRU(spec, embedding=6, hidden=6, layers=2, tied=True, dropout=0.5, init_std=None)


def transformer_member(spec: Spec) -> Transformer:
    """Return a member that reads by attention."""
    return Transformer(spec, embedding=8, heads=2, layers=1, init_std=0.5)


# Settings to test beside the default ones, by group and name.
SETTINGS: dict[tuple[str, str], list[dict[str, Any]]] = {
    ("tokengan.generators", "lstm"): [
        {"embedding": 5, "hidden": 6},
        {"embedding": 6, "hidden": 6, "layers": 3, "tied": True, "dropout": 0.5, "init_std": None},
    ],
    ("tokengan.generators", "gru"): [
        {"embedding": 5, "hidden": 6},
        {"embedding": 6, "hidden": 6, "layers": 2, "tied": True, "dropout": 0.5, "init_std": None},
    ],
    ("tokengan.generators", "transformer"): [
        {"embedding": 8, "heads": 2, "layers": 1, "init_std": 0.5},
        {"embedding": 6, "heads": 3, "layers": 3, "tied": True, "dropout": 0.5, "init_std": 0.5},
    ],
    ("tokengan.generators", "relational_memory"): [
        {"embedding": 5, "slots": 2, "heads": 2, "head_size": 3, "key_size": 4},
        {"embedding": 6, "slots": 2, "heads": 3, "head_size": 2, "joint_norm": True, "dropout": 0.5},
    ],
    ("tokengan.generators", "manager_worker"): [
        {"embedding": 5, "hidden": 6, "goal": 3, "window": 2, "goals": "piecewise", "dropout": 0.5, "init_std": None}
    ],
    ("tokengan.generators", "per_label"): [{"member": lstm_member}, {"member": transformer_member}],
    ("tokengan.generators", "conditional"): [{"member": gru_member}, {"member": transformer_member}],
    ("tokengan.generators", "seq2seq"): [
        {"embedding": 5, "hidden": 6, "init_std": 0.5},
        {"embedding": 6, "hidden": 6, "layers": 2, "tied": True, "dropout": 0.5, "init_std": 0.5},
    ],
    ("tokengan.generators", "seq2seq_transformer"): [
        {"embedding": 8, "heads": 2, "layers": 1, "init_std": 0.5},
        {"embedding": 6, "heads": 3, "layers": 2, "tied": True, "dropout": 0.5, "init_std": 0.5},
    ],
    ("tokengan.generators", "latent"): [
        {"latent": 3, "embedding": 5, "hidden": 6, "word_dropout": 0.5, "init_std": 0.5},
        {"latent": 2, "embedding": 6, "hidden": 6, "layers": 2, "tied": True, "dropout": 0.5, "encoder_hidden": 5},
    ],
    ("tokengan.discriminators", "cnn"): [{"embedding": 4, "widths": [1, 3, 9], "filters": [3, 4, 5], "dropout": 0.0}],
    ("tokengan.discriminators", "multi_view"): [
        {"embedding": 6, "views": 3, "widths": [1, 2, 9], "filters": [4, 4, 4], "features": 5, "dropout": 0.0}
    ],
    ("tokengan.discriminators", "recurrent"): [
        {"embedding": 4, "hidden": 5, "layers": 2, "cell": "lstm", "pooling": "max", "dropout": 0.0}
    ],
    ("tokengan.discriminators", "transformer"): [
        {"embedding": 8, "heads": 2, "layers": 3, "pooling": "max", "dropout": 0.0, "init_std": 0.5}
    ],
    ("tokengan.discriminators", "language_model"): [{"embedding": 4, "hidden": 5, "layers": 2, "init_std": 0.5}],
}

SPECS = {
    "words": Spec(vocab_size=9, max_length=7, start=1, end=2, pad=0, unk=3),
    "oracle": Spec(vocab_size=6, max_length=5, start=0),
    "labelled": Spec(vocab_size=9, max_length=6, start=1, end=2, pad=0, unk=3, labels=3),
    "pairs": Spec(vocab_size=9, max_length=6, start=1, end=2, pad=0, unk=3, condition={"source": 5}),
}


@dataclass(frozen=True)
class Make:
    """A registered network with some settings: a factory of a `Spec`, always with the same starting weights."""

    entry: EntryPoint
    settings: dict[str, Any]

    def __call__(self, spec: Spec, **settings: Any) -> Any:
        torch.manual_seed(3)
        network, judge, chosen = self.entry.load(), None, {**self.settings, **settings}
        if getattr(network, "reads", None):
            # In double precision, so that both faces of whoever reads it agree as far as their own precision goes.
            judge = HighwayCNN(spec, embedding=4, widths=[1, 3, 4], filters=[3, 4, 5]).double()
            spec = replace(spec, features=judge.features)
        own = signature(network).parameters
        for part in own.keys() & {"member", "network", "model", "each"}:
            # Settings that it has not are those of what it is made of.
            inner = {name: chosen.pop(name) for name in list(chosen) if name not in own}
            chosen[part] = partial(chosen.get(part, own[part].default), **inner)
        made = network(spec, **chosen)
        if isinstance(made, Generator):
            lend(made, judge)
        return made

    def lacks(self, spec: Spec) -> set[str]:
        """Return the conditions that it cannot do without and that the task does not have."""
        there = {LATENT, *(spec.condition or {}), *(["label"] if spec.labels else [])}  # a latent is drawn, not given
        return set(getattr(self.entry.load(), "needs", ())) - there

    def __str__(self) -> str:
        return "-".join(
            [self.entry.name, *(f"{name}={getattr(value, '__name__', value)}" for name, value in self.settings.items())]
        )


def registered(group: str) -> list[Make]:
    """Return every registered network of a group, with its default settings and those to test beside them."""
    found = list(entry_points(group=group))
    found = found or [EntryPoint(name, where, group) for name, where in BUILT_IN[group].items()]
    return [Make(entry, own) for entry in found for own in [{}, *SETTINGS.get((group, entry.name), [])]]


def all_generators() -> list[Make]:
    """Return every registered generator."""
    return registered("tokengan.generators")


def all_discriminators() -> list[Make]:
    """Return every registered discriminator."""
    return registered("tokengan.discriminators")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run tests of networks for every registered one."""
    if "make_generator" in metafunc.fixturenames:
        metafunc.parametrize("make_generator", all_generators(), ids=str)
    if "make_discriminator" in metafunc.fixturenames:
        metafunc.parametrize("make_discriminator", all_discriminators(), ids=str)


@pytest.fixture(params=SPECS)
def spec(request: pytest.FixtureRequest) -> Spec:
    """Return sizes with BOS, EOS, PAD and UNK, or the oracle's without."""
    return SPECS[request.param]


def random_rows(spec: Spec, rows: int, length: int, ended: bool) -> Sequences:
    """Return random rows of all lengths up to one, and of that without EOS where they need not be `ended`."""
    tokens = torch.randint(3 if spec.end is not None else 0, spec.vocab_size, (rows, length))
    if spec.end is not None:
        tokens[torch.arange(rows), torch.arange(rows) % (length + (not ended)) - 1] = spec.end
    return Sequences(*tidy(tokens, spec))


def random_condition(spec: Spec, rows: int) -> dict[str, Any]:
    """Return labels in turn and random sources of all lengths, where the task has some."""
    found: dict[str, Any] = {"label": torch.arange(rows) % spec.labels} if spec.labels else {}
    longest = (spec.condition or {}).get("source")
    return found if longest is None else {**found, "source": random_rows(spec, rows, longest, ended=True)}


@pytest.fixture
def conditions() -> Callable[[Spec, int], dict[str, Any]]:
    """Return the function that draws conditions of a task's kind."""
    return random_condition


@pytest.fixture
def batch(spec: Spec) -> Sequences:
    """Return rows of all lengths (of full length where the task has no EOS), with its labels or sources."""
    torch.manual_seed(7)
    rows = 2 * spec.max_length
    return random_rows(spec, rows, spec.max_length, ended=False).replace(condition=random_condition(spec, rows))
