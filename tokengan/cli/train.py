"""`tokengan train METHOD [DATA]`: data report, plan, progress, figures, samples, and what to type next."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING, Any

from tokengan.cli.arguments import Parser, print_json, take_settings
from tokengan.errors import UserError
from tokengan.registry import known

if TYPE_CHECKING:
    from tokengan.api import Session, TrainedRun
    from tokengan.training.profile import Profile

__all__ = ["exit_code", "follow", "run"]

ABOUT = """Train a method.

  tokengan train seqgan my.txt                      one sequence a line
  tokengan train seqgan my.csv --data.column text --data.level char
  tokengan train seqgan --preset quick              the built-in oracle task
  tokengan train seqgan my.txt --generator gru --generator.hidden 64 --credit.n 4
  tokengan train --config runs/NAME/config.yaml     the same run once more

Every argument of the method, of its parts (--generator.hidden), of the data (--data.level) and of the trainer
(--trainer.eval_every) is a flag: `tokengan train METHOD --help` lists them. A class of yours goes by its dotted path:
--reward my_module.MyReward. A config file names classes, which are imported: it is trusted code."""


def arguments() -> Parser:
    """Return the verb's own arguments."""
    parser = Parser("train", ABOUT)
    parser.add_argument("method", nargs="?", help="short name (see `tokengan methods`) or class path")
    parser.add_argument(
        "data", nargs="?", help="a file, a folder, a built-in name, a hub id; none is the built-in oracle"
    )
    parser.add_argument("--preset", help="settings by name, laid under yours")
    parser.add_argument("--out", help="the run folder (default: runs/METHOD-DATA)")
    parser.add_argument("--seed", help="seed of weights, batches and draws (default: 0)")
    parser.add_argument(
        "--start", metavar="RUN", help="begin with that run's generator and leave out the likelihood phase"
    )
    parser.add_argument("--control", help="constant: train again with a reward that knows nothing, and report both")
    parser.add_argument("--config", metavar="FILE", help="a run's config.yaml, laid under your settings")
    parser.profile_flag()
    parser.json_flag()
    return parser


def run(words: list[str]) -> int:
    """Train."""
    parser = arguments()
    left, settings = take_settings(words, parser.flags)
    if {"-h", "--help"} & set(left):
        return _help(parser, [word for word in left if not word.startswith("-")])
    asked = parser.read(left)
    if asked.config is not None and asked.data is None and asked.method not in known("methods"):
        asked.method, asked.data = None, asked.method  # the file names the method

    from tokengan.api import Session
    from tokengan.api.functions import free_folder
    from tokengan.config import configure
    from tokengan.training.profile import Profile

    profile = Profile() if asked.profile else None
    config = configure(
        asked.method,
        asked.data,
        preset=asked.preset,
        file=asked.config,
        settings=settings,
        seed=asked.seed,
        start=asked.start,
        control=asked.control,
    )
    session = Session(config, free_folder(config, asked.out))
    return follow(session, asked.json, profile)


def _help(parser: Parser, positional: list[str]) -> int:
    print(parser.format_help())
    if positional:
        from tokengan.cli.flags import flags_help

        print(flags_help(positional[0]))
    return 0


def follow(session: Session, json: bool, profile: Profile | None = None) -> int:
    """Train a session, telling of it: on standard error where standard output is for a script."""
    tell: Any = sys.stderr if json else sys.stdout
    if not session.config.trainer.quiet:
        from tokengan.cli.text import data_text, plan_text

        print(data_text(session.task), plan_text(session), sep="\n", file=tell, flush=True)
    trained = watched(session, profile=profile)
    if json:
        print_json(trained.to_json())
    else:
        from tokengan.cli.text import ending

        print(f"\n{ending(trained)}")
    return exit_code(trained)


def watched(session: Session, at: str | None = None, profile: Profile | None = None) -> TrainedRun:
    """Train, and say how to go on where it is interrupted."""
    try:
        return session.run(at, profile)
    except KeyboardInterrupt:
        if session.out.exists():
            print(f"go on with: tokengan resume {shlex.quote(str(session.out))}", file=sys.stderr)
        else:
            print("nothing was saved yet, so the folder was taken away again", file=sys.stderr)
        raise
    except FileNotFoundError as error:
        raise UserError(f"{error.filename} has gone while the run was training: the run cannot go on") from error


def exit_code(trained: TrainedRun) -> int:
    """Return 130 or 143 where a signal stopped the run, 0 otherwise."""
    if trained.result.status != "stopped":
        return 0
    return 130 if "SIGINT" in trained.result.text else 143 if "SIGTERM" in trained.result.text else 0
