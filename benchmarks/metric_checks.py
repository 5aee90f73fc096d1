"""Texts with a known fault, and whether each figure moves as it should: writes docs/results/metric-checks.md.

    python benchmarks/metric_checks.py [--encoder minilm] [--data ../shared/data] [--out docs/results/metric-checks.md]

The reference is one half of the COCO captions' test file, drawn at random; the other half is real text of the same law,
to which every faulty text of 5,000 lines is compared. Ends with exit code 1 where a figure goes the wrong way. The
figures of vectors stand there again for each encoder asked for besides LSA. What metrics cost: `metric_costs.py`.
"""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path

import torch
from captions import Text, lines

from tokengan.metrics import Figure, Given, Metric, known_metrics
from tokengan.metrics.embsim import embsim
from tokengan.metrics.features import FeatureMetric, Features, encoder

SIZE = 5000
SHOWN = (
    "BLEU-2",
    "BLEU-4",
    "Self-BLEU-4",
    "distinct-2@10000",
    "unique share",
    "top-sentence share",
    "vocabulary",
    "Zipf exponent",
    "novelty-4",
    "copy share",
    "nearest overlap",
    "MS-Jaccard-2",
    "MS-Jaccard-4",
    "JS-1",
    "JS-3",
    "length distance",
    "mean length - real",
    "FED",
    "MAUVE",
    "frontier integral",
    "MMD^2",
    "C2ST accuracy",
    "LM score",
    "reverse LM score",
    "EmbSim",
)
FAR = {
    "reverse LM score": "up",
    "FED": "up",
    "MAUVE": "down",
    "frontier integral": "up",
    "MMD^2": "up",
    "C2ST accuracy": "up",
}
OVERLAP = {"MS-Jaccard-2": "down", "MS-Jaccard-4": "down", "JS-3": "up"}
EXPECTED: dict[str, dict[str, str]] = {
    # One sentence for many: every figure of diversity and every distance says so.
    "collapsed (TextGAN)": {
        **FAR,
        **OVERLAP,
        "Self-BLEU-4": "up",
        "distinct-2@10000": "down",
        "unique share": "down",
        "top-sentence share": "up",
        "vocabulary": "down",
        "Zipf exponent": "up",
        "JS-1": "up",
        "length distance": "up",
    },
    # Diversity is rewarded for noise; single words and lengths do not see it.
    "shuffled words": {
        **FAR,
        **OVERLAP,
        "LM score": "up",
        "BLEU-2": "down",
        "BLEU-4": "down",
        "Self-BLEU-4": "down",
        "distinct-2@10000": "up",
        "novelty-4": "up",
        "JS-1": "same",
        "vocabulary": "same",
        "Zipf exponent": "same",
        "length distance": "same",
        "nearest overlap": "same",
    },
    "truncated to half": {**FAR, **OVERLAP, "length distance": "up", "mean length - real": "down", "JS-1": "up"},
    # Memory: nothing is new. The test file has other topics, so distances to it rise too.
    "copy of the training set": {"novelty-4": "down", "copy share": "up", "nearest overlap": "up"},
    # What a leak looks like: better than real text can be.
    "copy of the reference": {
        "BLEU-2": "up",
        "BLEU-4": "up",
        "MS-Jaccard-2": "up",
        "MS-Jaccard-4": "up",
        "JS-1": "down",
        "JS-3": "down",
        "length distance": "down",
        "FED": "down",
        "MAUVE": "up",
        "frontier integral": "down",
        "MMD^2": "down",
        "C2ST accuracy": "down",
        "LM score": "down",
        "reverse LM score": "down",
    },
}
SIGNS = {"up": "↑", "down": "↓", "same": "="}


def drawn(text: Text, seed: int) -> Text:
    return random.Random(seed).sample(text, len(text))


def moved(value: float, base: float) -> str:
    return "same" if abs(value - base) <= 1e-9 * max(1.0, abs(base)) else "up" if value > base else "down"


def number(value: float) -> str:
    if abs(value) >= 10:
        return f"{value:,.0f}"
    return f"{value:.4f}" if abs(value) >= 0.01 or abs(value) < 1e-9 else f"{value:.1e}"


def all_figures(metrics: list[Metric], given: Given) -> dict[str, Figure]:
    return {figure.name: figure for metric in metrics for figure in metric.compute(given)}


def faulty(data: Path) -> tuple[Text, Text, dict[str, Text]]:
    """Return the reference, the training text, and the texts to be judged by name."""
    test = drawn(lines(data / "coco-captions" / "test.tok.txt"), 0)
    reference, real = test[:SIZE], test[SIZE : 2 * SIZE]
    train = drawn(lines(data / "coco-captions" / "train.tok.txt"), 1)[:SIZE]
    shuffle = random.Random(2)
    peers = data / "peer-samples"
    texts = {
        "real, same law": real,
        "collapsed (TextGAN)": drawn(lines(peers / "texygen_coco_textgan.txt"), 3)[:SIZE],
        "shuffled words": [shuffle.sample(sentence, len(sentence)) for sentence in real],
        "truncated to half": [sentence[: (len(sentence) + 1) // 2] for sentence in real],
        "copy of the training set": train,
        "copy of the reference": reference,
        "MLE (Texygen)": drawn(lines(peers / "texygen_coco_mle.txt"), 4)[:SIZE],
        "SeqGAN (Texygen)": drawn(lines(peers / "texygen_coco_seqgan.txt"), 5)[:SIZE],
    }
    return reference, train, texts


def directions(found: dict[str, dict[str, Figure]]) -> tuple[list[str], int]:
    """Return the table of the figures of each text, and how many go the wrong way."""
    base = found["real, same law"]
    wrong = 0
    rows = ["| figure | better | " + " | ".join(found) + " |", "| --- | --- |" + " ---: |" * len(found)]
    for figure in (name for name in SHOWN if name in base):
        cells = []
        for name, figures in found.items():
            value, expected = figures[figure].value, EXPECTED.get(name, {}).get(figure)
            right = expected is None or moved(value, base[figure].value) == expected
            wrong += not right
            mark = "" if expected is None else f" {SIGNS[expected]}{'' if right else ' WRONG'}"
            cells.append(number(value) + mark)
        better = {"none": ""}.get(base[figure].direction, base[figure].direction)
        rows.append(f"| {figure} | {better} | " + " | ".join(cells) + " |")
    return rows, wrong


HEAD = f"""# What each figure says of texts with a known fault

Output of `python benchmarks/metric_checks.py --encoder minilm`. The reference: {SIZE:,} captions drawn from the COCO
test file; "real, same law": the other {SIZE:,}; each other column: {SIZE:,} lines with a fault, or of a published
system (MLE, SeqGAN and TextGAN as Texygen published them). An arrow says which way a figure should go from "real, same
law", `=` that it should not move at all; one that went elsewhere would be marked WRONG and the script would fail.
Vectors: LSA, 128 dimensions.
"""
TAIL = """
What the table teaches:

- **Shuffled words** have the best Self-BLEU and distinct-2 of all: diversity alone rewards noise. JS-1, vocabulary,
  lengths and the nearest overlap (of sets of words) do not see order at all.
- **Collapse** has a better LM score than the training lines, which are its mark, and than the other two systems: a
  judge of real text finds repetition probable. (Real text of the same law scores better still: it shares the topics.)
  Its unique share, its commonest sentence and its vocabulary give it away, and so do the reverse LM score and each
  distance.
- **A copy of the training set** is further from the test file than real text of the same law: in this data set train
  and test show other things (bathrooms and motorcycles here, skis and horses there). That is what the row of train
  lines beside each figure of `tokengan evaluate` is for: it is the mark that a perfect model of the training text hits.
- **A copy of the reference** is better than real text in every figure that compares with it. A figure better than its
  ceiling is a leak or lost diversity, no success.
- **EmbSim** says {foreign} of {size:,} lines that have not one word of the reference, and {seqgan} of SeqGAN's: it is
  legacy.

What each metric costs: [metric costs](metric-costs.md).
"""
OTHER = """
## The figures of vectors by `{name}`

`{signature}`
"""


def main() -> None:
    """Measure, write the page, and fail where a figure goes the wrong way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    root = Path(__file__).parents[1]
    parser.add_argument("--data", type=Path, default=root.parent / "shared" / "data")
    parser.add_argument("--out", type=Path, default=root / "docs" / "results" / "metric-checks.md")
    parser.add_argument("--encoder", nargs="*", default=[], help="encoders besides LSA, for example minilm")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    reference, train, texts = faulty(arguments.data)
    foreign = embsim([["<1>", "<2>", "<3>"]] * SIZE, reference)
    page, wrong = [HEAD], 0
    for name in ("lsa", *arguments.encoder):
        given = Given([], reference, train, {"features": Features(encoder(name))})
        metrics = [m for m in known_metrics().values() if name == "lsa" or isinstance(m, FeatureMetric)]
        found = {text: all_figures(metrics, given.replace(samples=samples)) for text, samples in texts.items()}
        rows, more = directions(found)
        wrong += more
        if name == "lsa":
            seqgan = found["SeqGAN (Texygen)"]["EmbSim"].value
            page += [*rows, TAIL.format(foreign=f"{foreign:.4f}", seqgan=f"{seqgan:.4f}", size=SIZE)]
        else:
            page += [OTHER.format(name=name, signature=encoder(name).name), *rows, ""]
    text = "\n".join(page)
    arguments.out.write_text(text, encoding="utf-8")
    print(text)
    sys.exit(f"{wrong} figures went the wrong way" if wrong else 0)


if __name__ == "__main__":
    main()
