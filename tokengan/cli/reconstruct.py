"""`tokengan reconstruct RUN FILE`: write texts again from their latent codes."""

from __future__ import annotations

from tokengan.cli.arguments import Parser, print_json

__all__ = ["run"]


def run(words: list[str]) -> int:
    """Read, infer, write."""
    parser = Parser(
        "reconstruct", "Print each line of a file, and what the run writes from that line's latent code alone."
    )
    parser.add_argument("run", help="the run folder, of a method with latent codes (vae)")
    parser.add_argument("file", help="texts, one a line (any format that `train` reads)")
    parser.add_argument("--column", help="of a .csv, .tsv or .jsonl file")
    parser.add_argument("-n", type=int, help="only so many lines, from the top")
    parser.run_arguments("best")
    parser.json_flag()
    asked = parser.read(words)

    from tokengan.api import load
    from tokengan.data import read_file
    from tokengan.errors import UserError

    if asked.n is not None and asked.n < 1:
        raise UserError(f"n is {asked.n}: ask for 1 text or more")
    model = load(asked.run, asked.checkpoint, trust=asked.trust)
    texts = read_file(asked.file, asked.column).texts[: asked.n]
    again = model.reconstruct(texts)
    if asked.json:
        print_json([{"text": text, "reconstruction": other} for text, other in zip(texts, again, strict=True)])
        return 0
    for text, other in zip(texts, again, strict=True):
        print(f"{text}\n  -> {other}")
    same = sum(text.split() == other.split() for text, other in zip(texts, again, strict=True))
    print(f"{same} of {len(texts)} came back word for word")
    return 0
