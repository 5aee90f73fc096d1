"""The command line. Every verb is a module of this package, imported when it is called for: help answers in a blink."""

from __future__ import annotations

import io
import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from importlib.metadata import version

from tokengan.errors import UserError, nearest
from tokengan.memory import keep_freed

__all__ = ["main"]

VERBS = {
    "methods": "what there is to train, and what each is made of",
    "explain": "one method: idea, settings, presets",
    "data": "built-in data, and what a file of yours looks like",
    "train": "train a method on a file, a built-in name, a hub id, or the built-in oracle",
    "resume": "go on with a run that was stopped or killed",
    "compare": "several methods on one data set, with seeds, temperatures, controls and intervals",
    "report": "a page of a comparison or of a run: curves, figures with intervals, samples",
    "generate": "write texts with a run",
    "evaluate": "the figures of a run, or of any text against any text",
    "score": "judge texts with a run's discriminator",
    "reconstruct": "write texts again from their latent codes",
    "interpolate": "write texts between two texts",
    "demo": "train SeqGAN on sentences that come with the package, in a few minutes",
}

LONGEST = 780  # characters of an error; more is a listing, not a message


def main(words: Sequence[str] | None = None) -> int:
    """Run a command; return the exit code: 0 done, 2 a mistake that the user can mend, 130 interrupted."""
    given = list(sys.argv[1:] if words is None else words)
    debug = "--debug" in given
    keep_freed()
    if isinstance(sys.stdout, io.TextIOWrapper):  # else a log file shows nothing of a long run before its end
        sys.stdout.reconfigure(line_buffering=True)
    try:
        code = _dispatch([word for word in given if word != "--debug"])
        sys.stdout.flush()
    except SystemExit as end:  # argparse, after its help
        return end.code if isinstance(end.code, int) else 0
    except UserError as error:
        if debug:
            traceback.print_exc()
        print(f"tokengan: {_paragraph(str(error))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `| head` has what it wanted
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code


def _dispatch(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        print(_help())
        return 0
    if words[0] in ("-V", "--version"):
        print(f"tokengan {version('tokengan')}")
        return 0
    verb, *rest = words
    if verb not in VERBS:
        raise UserError(f"there is no command '{verb[:60]}'{nearest(verb, VERBS)} (there are: {', '.join(VERBS)})")
    # A user's own parts are found by their path where the command is given, as with `python -m`; last, so that no file
    # there is taken for a package.
    here = os.getcwd()
    if here not in sys.path:
        sys.path.append(here)
    return import_module(f"tokengan.cli.{verb}").run(rest)


def _help() -> str:
    width = max(map(len, VERBS))
    verbs = "\n".join(f"  {name:<{width}}  {what}" for name, what in VERBS.items())
    return f"""usage: tokengan COMMAND ...

Train, compare and use generators of discrete sequences that learn from a discriminator or a reward.

{verbs}

  tokengan train seqgan my.txt        one sequence a line, nothing to configure
  tokengan COMMAND --help             what a command takes; `train METHOD --help` lists every setting
  --debug                             show the traceback of an error
  --version                           print the version"""


def _paragraph(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 250]} ... {line[-240:]}"
