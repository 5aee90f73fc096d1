"""`tokengan resume RUN`: go on from the last checkpoint."""

from __future__ import annotations

from tokengan.cli.arguments import Parser

__all__ = ["run"]


def run(words: list[str]) -> int:
    """Go on."""
    parser = Parser(
        "resume", "Go on with a run that was stopped or killed; it ends with the same bits as one left alone."
    )
    parser.add_argument("run", help="the run folder; its config.yaml is trusted code")
    parser.add_argument("--at", metavar="CHECKPOINT", help="go back to this checkpoint first: best, start or a number")
    parser.profile_flag()
    parser.json_flag()
    asked = parser.read(words)

    from tokengan.api import Session
    from tokengan.cli.arguments import print_json
    from tokengan.cli.text import ending
    from tokengan.cli.train import exit_code, watched
    from tokengan.training.profile import Profile

    profile = Profile() if asked.profile else None
    trained = watched(Session.open(asked.run), asked.at, profile)
    if asked.json:
        print_json(trained.to_json())
    else:
        print(f"\n{ending(trained)}")
    return exit_code(trained)
