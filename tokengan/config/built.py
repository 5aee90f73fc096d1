"""A resolved configuration: what it builds, and the text that replays it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser, Namespace
from torch import Tensor

from tokengan.config.settings import Settings, as_text
from tokengan.data.builtin import BUILTIN
from tokengan.data.messages import brief
from tokengan.errors import UserError
from tokengan.methods.base import Method, generator_state
from tokengan.spec import Spec
from tokengan.tasks.base import Task
from tokengan.training.trainer import TrainerSettings
from tokengan.training.updater import players_of

__all__ = ["Config"]

FILES = ("source", "arrays", "valid", "test", "outside")  # settings of a task that may name a file
# What constructors raise for numbers that make no sense (a dropout of 2, a width below 0).
NONSENSE = (ValueError, TypeError, RuntimeError, ArithmeticError, AssertionError, LookupError, MemoryError)


class Config:
    """A method, a task and every setting.

    Args:
        method: Short name or class path.
        task: The same of the task.
        seed: Seed of the run.
        start: Run folder (or checkpoint folder) whose generator weights the run begins with, or None.
        control: Name of the control run, or None.
        preset: The preset that was taken, asked for or usual; for people, since `settings` holds what it stands for.
        classes: The method's class and the task's.
        settings: Flat settings, checked, parts by class path.
    """

    def __init__(
        self,
        method: str,
        task: str,
        seed: int,
        start: str | None,
        control: str | None,
        preset: str | None,
        classes: tuple[Any, Any],
        settings: Settings,
    ) -> None:
        self.method, self.task, self.seed, self.start, self.control = method, task, seed, start, control
        self.preset = preset
        self.settings = settings
        self._method_class, self._task_class = classes
        self._parser = ArgumentParser(exit_on_error=False)
        self._parser.add_class_arguments(self._method_class, None, skip={"task", "seed"})
        self._parser.add_class_arguments(self._task_class, "data", instantiate=False)
        self._parser.add_class_arguments(TrainerSettings, "trainer")
        given = _folded(settings)
        # A default part's own arguments are not another's, though one may be called the same.
        self._parser.set_defaults({key: None for key in given if "." not in key})
        # A class stands before its own arguments.
        keys = sorted(given, key=lambda key: key.count("."))
        try:
            self.values: Namespace = self._parser.parse_args([f"--{key}={as_text(given[key])}" for key in keys])
        except UserError:
            raise
        except Exception as error:  # jsonargparse lets through what the types it calls raise
            raise UserError(f"the settings do not fit: {brief(error, 300)}") from error

    @property
    def trainer(self) -> TrainerSettings:
        """How training is run."""
        return self._parts.trainer

    @property
    def task_class(self) -> type[Task]:
        """The class of the task."""
        return self._task_class

    def build_task(self) -> Task:
        """Read or draw the data."""
        try:
            return self._task_class(**vars(self._parts.data))
        except UserError:
            raise
        except NONSENSE as error:
            raise UserError(
                f"the data '{self.task}' cannot be made with these settings: {brief(error, 300)}"
            ) from error

    def build_method(self, task: Task, weights: Mapping[str, Tensor] | None = None) -> Method:
        """Build the method for a task, on the generator of another method's `state_dict` where one is given.

        The weights are put in by the factory, so that whatever the method copies of its generator has them too. What
        the generator reads while it writes comes with it: without that its law would be another.
        """
        arguments = {name: value for name, value in vars(self._parts).items() if name not in ("data", "trainer")}
        if weights is not None:
            arguments["generator"] = _begun(arguments["generator"], generator_state(weights))
        try:
            method = self._method_class(task=task, seed=self.seed, **arguments)
            for name in method.borrowed if weights is not None else ():
                _load(getattr(method, name), generator_state(weights or {}, name), name)
            method.phases()
            players_of(method)
        except UserError:
            raise
        except NONSENSE as error:
            raise UserError(f"{self.method} cannot be built with these settings: {brief(error, 300)}") from error
        return method

    @cached_property
    def _parts(self) -> Namespace:
        """The settings with factories for parts and instances for groups."""
        return self._parser.instantiate(self.values)

    def dump(self) -> str:
        """Return the text of `config.yaml`: every setting, none of them left to a default that may change."""
        values = self.values.clone()
        for name in FILES:
            given = values.data.get(name)
            files = str(given).split(",") if not os.path.exists(str(given)) else [str(given)]
            if given is not None and all(map(os.path.exists, files)) and str(given).partition(":")[0] not in BUILTIN:
                values.data[name] = ",".join(map(os.path.abspath, files))
        head = {
            "method": self.method,
            "task": self.task,
            "seed": self.seed,
            "start": None if self.start is None else str(Path(self.start).absolute()),
            "control": self.control,
        }
        import yaml

        text = yaml.safe_dump(head, sort_keys=False, allow_unicode=True)
        return (
            f"# tokengan {version('tokengan')}; a config file is trusted code: the classes it names are imported.\n"
            + (text + self._parser.dump(values, format="yaml", skip_unset=False))
        )


def _folded(settings: Settings) -> Settings:
    """Return the settings with those of a part, or of a group, within a part as one value.

    One by one jsonargparse would read a null of theirs as the text "None".

    >>> _folded({"generator": "a.B", "generator.member": "a.C", "generator.member.std": None})
    {'generator': 'a.B', 'generator.member': {'class_path': 'a.C', 'init_args': {'std': None}}}
    >>> _folded({"estimator": "a.B", "estimator.baseline.end": None})
    {'estimator': 'a.B', 'estimator.baseline': {'end': None}}
    """
    folded = dict(settings)
    above = {key.rsplit(".", n)[0] for key in settings for n in range(1, key.count("."))}
    for name in sorted(above | set(settings), key=lambda key: (-key.count("."), key)):
        own = [key for key in folded if key.startswith(f"{name}.")]
        if own and isinstance(settings.get(name.partition(".")[0]), str) and "." in name:
            inner = {key.removeprefix(f"{name}."): folded.pop(key) for key in own}
            part = settings.get(name)
            folded[name] = inner if part is None else {"class_path": part, "init_args": inner}
    return folded


def _begun(factory: Callable[[Spec], Any], weights: Mapping[str, Tensor]) -> Callable[[Spec], Any]:
    """Return a factory whose network begins with given weights."""

    def build(spec: Spec) -> Any:
        network = factory(spec)
        _load(network, weights, "generator")
        return network

    return build


def _load(network: Any, weights: Mapping[str, Tensor], name: str) -> None:
    try:
        network.load_state_dict(dict(weights))
    except RuntimeError as error:
        raise UserError(
            f"the weights to start from are of another {name} ({brief(error, 200)}): give this run the same {name} "
            "settings as that one"
        ) from None
