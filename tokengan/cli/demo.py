"""`tokengan demo`: SeqGAN on real sentences in a few minutes, against the model it started from."""

from __future__ import annotations

import textwrap

from tokengan.cli.arguments import Parser, print_json

__all__ = ["run"]

ABOUT = """Train SeqGAN on short English sentences that come with the package, in a few minutes on two cores, and
compare it with its own maximum-likelihood start. The same as: tokengan train seqgan --preset demo"""


def run(words: list[str]) -> int:
    """Train, compare, show."""
    parser = Parser("demo", ABOUT)
    parser.add_argument("--out", help="the run folder (default: runs/seqgan-fortunes)")
    parser.add_argument("--seed", help="seed of weights, batches and draws (default: 0)")
    parser.json_flag()
    asked = parser.read(words)

    from tokengan.api import Session, load
    from tokengan.api.functions import free_folder
    from tokengan.cli.text import data_text, next_commands, plan_text, report_text
    from tokengan.cli.train import exit_code, watched
    from tokengan.config import configure

    config = configure("seqgan", preset="demo", seed=asked.seed)
    session = Session(config, free_folder(config, asked.out))
    if not asked.json:
        print(data_text(session.task), plan_text(session), sep="\n", flush=True)
    trained = watched(session)
    if asked.json:
        print_json(trained.to_json())
        return exit_code(trained)
    if trained.report is not None:
        print(f"\n{report_text(trained.report)}")
        for title, checkpoint in (("maximum likelihood, where it started", "start"), ("SeqGAN, at the end", "last")):
            texts = load(trained.path, checkpoint).generate(5, seed=1)
            print(f"\nSamples of {title}:\n{textwrap.indent(chr(10).join(texts), '  ')}")
    print(f"\n{next_commands(trained)}")
    return exit_code(trained)
