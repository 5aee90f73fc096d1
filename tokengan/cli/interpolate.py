"""`tokengan interpolate RUN "a" "b"`: write texts between two texts."""

from __future__ import annotations

from tokengan.cli.arguments import Parser, print_json

__all__ = ["run"]


def run(words: list[str]) -> int:
    """Infer two codes, and write on the line between them."""
    parser = Parser("interpolate", "Print texts written from latent codes on the line between those of two texts.")
    parser.add_argument("run", help="the run folder, of a method with latent codes (vae)")
    parser.add_argument("first", help="the text where the line begins")
    parser.add_argument("last", help="the text where it ends")
    parser.add_argument("-n", type=int, default=7, help="how many, both ends among them (default: 7)")
    parser.run_arguments("best")
    parser.json_flag()
    asked = parser.read(words)

    from tokengan.api import load

    model = load(asked.run, asked.checkpoint, trust=asked.trust)
    texts = model.interpolate(asked.first, asked.last, asked.n)
    if asked.json:
        print_json({"first": asked.first, "last": asked.last, "texts": texts})
        return 0
    print("\n".join([asked.first, *(f"  {text}" for text in texts), asked.last]))
    print(f"{len(set(texts))} of {len(texts)} are different")
    return 0
