"""`tokengan score RUN FILE`: judge texts with a run's discriminator."""

from __future__ import annotations

from tokengan.cli.arguments import Parser, print_json

__all__ = ["run"]


def run(words: list[str]) -> int:
    """Judge."""
    parser = Parser("score", "Print the discriminator's probability that each line of a file is real, then the line.")
    parser.add_argument("run", help="the run folder")
    parser.add_argument("file", help="texts, one a line (any format that `train` reads)")
    parser.add_argument("--column", help="of a .csv, .tsv or .jsonl file")
    parser.add_argument(
        "--nll", action="store_true", help="the generator's -log p in nats per token instead, or its bound on it"
    )
    parser.run_arguments("last")
    parser.json_flag()
    asked = parser.read(words)

    from tokengan.api import load
    from tokengan.data import read_file

    model = load(asked.run, asked.checkpoint, trust=asked.trust)
    texts = read_file(asked.file, asked.column).texts
    name, judge = ("nll", model.nll) if asked.nll else ("probability", model.score)
    values = judge(texts)
    if asked.json:
        print_json([{"text": text, name: value} for text, value in zip(texts, values, strict=True)])
        return 0
    for text, value in zip(texts, values, strict=True):
        print(f"{value:.4f}\t{text}")
    return 0
