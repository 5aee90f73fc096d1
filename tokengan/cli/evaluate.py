"""`tokengan evaluate RUN` or `tokengan evaluate SAMPLES --reference R`: figures."""

from __future__ import annotations

import os

from tokengan.cli.arguments import Parser, print_json
from tokengan.cli.texts import read_texts, text_arguments, write_files
from tokengan.errors import UserError

__all__ = ["run"]

ABOUT = """The figures of a run on held-out data, or of any text against any text.

  tokengan evaluate runs/NAME
  tokengan evaluate samples.txt --reference test.txt --train train.txt
  tokengan evaluate samples.txt --reference test.txt --metrics fed mauve ms-jaccard
  tokengan evaluate outputs.csv --column text --reference test.txt --report outputs.html

Beside each figure of text stands that of real text, as many sentences: the ceiling or the floor. Without --metrics all
that take about a second on 10,000 sentences: bleu self-bleu distinct unique-share top-sentence-share entropy
novelty copy-share ms-jaccard js lengths vocabulary lm-score. On request, by name or with `--metrics all`: fed mauve
mmd c2st (which compare vectors of an --encoder) nearest-overlap. By name alone: embsim (legacy)."""


def run(words: list[str]) -> int:
    """Measure."""
    parser = Parser("evaluate", ABOUT)
    parser.add_argument("what", metavar="RUN_OR_SAMPLES", help="a run folder, or a .txt, .csv, .tsv or .jsonl file")
    parser.add_argument("--reference", metavar="FILE", help="held-out real text")
    parser.add_argument("--train", metavar="FILE", help="the text that the system learnt from")
    parser.add_argument(
        "--metrics", nargs="+", help="names of metrics, or all; those that are cheap where none is given"
    )
    parser.add_argument(
        "--encoder",
        default="lsa",
        metavar="NAME",
        help="of fed, mauve, mmd, c2st: lsa (default), lsa:DIMENSIONS, minilm, or hf:NAME, a model of Hugging Face",
    )
    text_arguments(parser)
    parser.add_argument("--lowercase", action="store_true", help="lower-case all texts first")
    parser.add_argument("--tokens", default="word", help="word (default) or char")
    parser.add_argument("--split", choices=("valid", "test"), default="test", help="of a run: what it is measured on")
    parser.add_argument("--samples", type=int, default=10_000, help="of a run: most samples to write (default: 10000)")
    parser.add_argument("--seed", type=int, default=1, help="of a run: seed of the samples")
    parser.add_argument(
        "--slow",
        action="store_true",
        help="of a run: figures that take many minutes too (molecules: FCD, and all held-out ones are read)",
    )
    parser.run_arguments("best", of="of a run: ")
    parser.json_flag()
    asked = parser.read(words)
    if os.path.isfile(os.path.join(asked.what, "config.yaml")):
        return _run_folder(asked)

    from tokengan.api import evaluate
    from tokengan.metrics import table, to_json

    texts = read_texts(asked)
    figures = evaluate(
        *texts.lists(),
        metrics=asked.metrics,
        lowercase=asked.lowercase,
        tokens=asked.tokens,
        encoder=asked.encoder,
        progress=not asked.json,
    )
    if asked.json:
        print_json(to_json(figures))
    else:
        print(table(figures))
    write_files(asked, texts, figures, words)
    return 0


def _run_folder(asked) -> int:  # noqa: ANN001
    if asked.reference or asked.train or asked.metrics or asked.column or asked.report or asked.plot:
        raise UserError(
            f"{asked.what} is a run, which has its own data: leave out --reference, --train, --metrics, --column and "
            f"--plot, and see `tokengan report {asked.what}`; or write samples with `tokengan generate {asked.what} "
            "--out FILE` and evaluate the file"
        )

    from tokengan.api import load
    from tokengan.cli.text import report_text

    report = load(asked.what, asked.checkpoint, trust=asked.trust).evaluate(
        split=asked.split, samples=asked.samples, seed=asked.seed, slow=asked.slow
    )
    if asked.json:
        print_json(report.to_json())
    else:
        print(report_text(report))
    return 0
