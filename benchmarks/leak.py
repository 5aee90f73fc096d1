"""Features of every prefix: one token at a time, at once, and by reading every prefix anew, in processor time.

    python benchmarks/leak.py --length 32 --rows 64

The plain form is the one to beat: at each step the discriminator is given the prefix followed by padding, as in the
authors' code (`padded`), or the prefix cut to its length (`cut`). Prints the largest difference from it too.
"""

from __future__ import annotations

import time
from argparse import ArgumentParser
from collections.abc import Callable

import torch
from torch import Tensor

from tokengan.discriminators.cnn import HighwayCNN
from tokengan.sequences import Sequences
from tokengan.spec import Spec

# Widths, filters and embedding of the presets `quick`, `text` and `coco`.
JUDGES = {
    "quick": ([1, 2, 3, 4, 5], [50, 100, 100, 100, 100], 64),
    "text": ([1, 2, 3, 4, 5], [100, 200, 200, 100, 100], 64),
    "published": (None, None, 256),
}


def padded(judge: HighwayCNN, x: Sequences) -> Tensor:
    """Return the features of every prefix, each read anew with padding up to T [B,T+1,F]."""
    places = torch.arange(x.length)
    read = [judge(x.replace(mask=x.mask & (places < t), chosen=x.mask))["features"] for t in range(x.length + 1)]
    return torch.stack(read, dim=1)


def cut(judge: HighwayCNN, x: Sequences) -> Tensor:
    """Return the features of every prefix, each read anew, cut to its length [B,T+1,F]."""
    return torch.stack([judge(x.prefix(t))["features"] for t in range(x.length + 1)], dim=1)


def stepped(judge: HighwayCNN, x: Sequences) -> Tensor:
    """Return the features of every prefix by `start` and `step` [B,T+1,F]."""
    features, state = judge.start(len(x))
    read = [features]
    for t in range(x.length):
        features, state = judge.step(x.tokens[:, t], state)
        read.append(features)
    return torch.stack(read, dim=1)


def seconds(form: Callable[[HighwayCNN, Sequences], Tensor], judge: HighwayCNN, x: Sequences, times: int) -> float:
    """Return the fewest seconds of processor time of some calls."""
    spent: list[float] = []
    for _ in range(times):
        begun = time.process_time()
        form(judge, x)
        spent.append(time.process_time() - begun)
    return min(spent)


@torch.no_grad()
def main() -> None:
    """Print a table."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--length", type=int, default=32)
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--times", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    spec = Spec(vocab_size=5000, max_length=options.length)
    tokens = torch.randint(spec.vocab_size, (options.rows, options.length))
    x = Sequences(tokens, torch.ones_like(tokens, dtype=torch.bool))
    titles = ("discriminator", "padded, s", "cut, s", "stepped, s", "at once, s")
    print("| " + " | ".join([*titles, "padded / stepped", "cut / stepped", "difference"]) + " |")
    print("|---|---|---|---|---|---|---|---|")
    for name, (widths, filters, embedding) in JUDGES.items():
        judge = HighwayCNN(spec, embedding, widths, filters).eval()
        forms = (padded, cut, stepped, HighwayCNN.prefixes)
        plain, shorter, steps, once = (seconds(form, judge, x, options.times) for form in forms)
        expected = padded(judge, x)
        apart = max((form(judge, x) - expected).abs().max().item() for form in forms[1:])
        times = " | ".join(f"{value:.3f}" for value in (plain, shorter, steps, once))
        print(f"| {name} | {times} | {plain / steps:.1f} | {shorter / steps:.1f} | {apart:.1e} |")


if __name__ == "__main__":
    main()
