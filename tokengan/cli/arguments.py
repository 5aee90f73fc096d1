"""What the verbs share: arguments whose mistakes are sentences, and settings as `--part.argument value`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from tokengan.errors import UserError, nearest

__all__ = ["Parser", "print_json", "take_settings"]


class Parser(argparse.ArgumentParser):
    """Arguments of one verb. A mistake raises UserError with the nearest flag."""

    def __init__(self, verb: str, about: str) -> None:
        super().__init__(
            prog=f"tokengan {verb}",
            description=about,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    def error(self, message: str) -> NoReturn:
        """Raise UserError."""
        raise UserError(f"{message} (see `{self.prog} --help`)")

    def read(self, words: Sequence[str]) -> argparse.Namespace:
        """Return the arguments. Raises UserError for any that is unknown."""
        found, unknown = self.parse_known_args(list(words))
        if unknown:
            flag = unknown[0].partition("=")[0]
            self.error(f"there is no argument '{flag[:60]}'{nearest(flag, self._option_string_actions)}")
        return found

    def run_arguments(self, checkpoint: str, of: str = "") -> None:
        """Add what opens a run: `--checkpoint` and `--trust`."""
        names = ["best", "last", "start"]
        names.remove(checkpoint)
        others = ", ".join(names)
        self.add_argument("--checkpoint", default=checkpoint, help=f"{of}{checkpoint} (default), {others} or a number")
        self.add_argument("--trust", action="store_true", help=f"{of}import classes that are not registered")

    def profile_flag(self) -> None:
        """Add `--profile`."""
        self.add_argument("--profile", action="store_true", help="show at the end where the time went")

    def json_flag(self) -> None:
        """Add `--json`."""
        self.add_argument("--json", action="store_true", help="print one JSON value for a script")

    @property
    def flags(self) -> dict[str, bool]:
        """Each flag, and whether a value follows it."""
        return {flag: action.nargs != 0 for flag, action in self._option_string_actions.items()}


def take_settings(words: Sequence[str], own: dict[str, bool]) -> tuple[list[str], dict[str, str]]:
    """Return the words that are a verb's own, and the settings: `--key value`, `--key=value`, or `--key` for true.

    >>> take_settings(["mle", "--generator.hidden", "64", "my.txt", "--seed", "1"], {"--seed": True})
    (['mle', 'my.txt', '--seed', '1'], {'generator.hidden': '64'})
    """
    left: list[str] = []
    settings: dict[str, str] = {}
    k = 0
    while k < len(words):
        word, after = words[k], words[k + 1] if k + 1 < len(words) else None
        name, equals, value = word.partition("=")
        k += 1
        if not word.startswith("--") or word == "--":
            left.append(word)
        elif name in own:
            left.append(word)
            if own[name] and not equals and after is not None:
                left.append(after)
                k += 1
        else:
            if not equals:
                value = "true" if after is None or after.startswith("--") else after
                k += value is after
            settings[name[2:].replace("-", "_")] = value
    return left, settings


def print_json(value: Any) -> None:
    """Print a value as JSON, with null for what is not a number."""
    json.dump(value, sys.stdout, indent=2, allow_nan=False, ensure_ascii=False)
    sys.stdout.write("\n")
