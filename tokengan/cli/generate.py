"""`tokengan generate RUN`: write texts."""

from __future__ import annotations

from pathlib import Path

from tokengan.cli.arguments import Parser, print_json

__all__ = ["run"]


def run(words: list[str]) -> int:
    """Write."""
    parser = Parser(
        "generate", "Write texts with a run. Needs the run folder and nothing else; the same seed, the same texts."
    )
    parser.add_argument("run", help="the run folder")
    parser.add_argument("-n", type=int, help="how many (default: 10, or one for each source)")
    parser.add_argument(
        "--temperature", type=float, default=1.0, help="below 1 surer, above 1 more varied; 0 is greedy"
    )
    parser.add_argument("--top_k", "--top-k", type=int, default=0, help="draw from the k likeliest tokens only")
    parser.add_argument(
        "--top_p", "--top-p", type=float, default=1.0, help="draw from the likeliest tokens of this mass only"
    )
    parser.add_argument("--greedy", action="store_true", help="always the likeliest token")
    parser.add_argument("--seed", type=int, default=0, help="seed of the draws")
    parser.add_argument("--unknown", action="store_true", help="let the unknown word be written")
    parser.add_argument(
        "--label", help="of a run with labels: write for this one; without it, for each in turn, the label before a tab"
    )
    parser.add_argument("--source", metavar="FILE", help="of a run with pairs: write for each line of this file")
    parser.add_argument("--beams", type=int, default=0, help="search with so many beams, and draw nothing")
    parser.add_argument("--out", metavar="FILE", help="write them here, one a line")
    parser.add_argument(
        "--picture", metavar="FILE", help="draw them too, at most 50, into an .svg or .png (a run of molecules)"
    )
    parser.run_arguments("best")
    parser.json_flag()
    asked = parser.read(words)

    from tokengan.api import load
    from tokengan.data.stream import text_lines

    model = load(asked.run, asked.checkpoint, trust=asked.trust)
    drawn = (asked.temperature, asked.top_k, asked.top_p, asked.greedy, asked.seed, asked.unknown)
    sources = None if asked.source is None else [text for _, text in text_lines(Path(asked.source))]
    shown = asked.label is None and asked.source is None
    texts = model.stream(asked.n, *drawn, beams=asked.beams, shown=shown, label=asked.label, source=sources)
    texts = texts if asked.picture is None else list(texts)
    if asked.out is not None:
        from tokengan.data import atomic_write

        atomic_write(asked.out, "".join(f"{text}\n" for text in texts))
    elif asked.json:
        told = {} if sources is None else {"sources": sources}
        print_json({"run": asked.run, "checkpoint": model.checkpoint, **told, "texts": list(texts)})
    else:
        for text in texts:
            print(text)
    if asked.picture is not None:  # last, so that a picture that cannot be drawn takes no text away
        model.draw(list(texts), asked.picture)
    return 0
