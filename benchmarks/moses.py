"""The MOSES metrics of its authors' own samples, beside the values that they published for the same files.

    python benchmarks/moses.py > docs/results/moses.md
    python benchmarks/moses.py --molsets FOLDER/moses --stats FOLDER/moses/dataset/data/test_stats.npz moses_aae_1

Each set has 30,000 samples; the reference is the whole test set of 176,074 molecules, described here (half an hour on a
core, and FCD as long again) or read with --stats from the file of the package molsets that holds the same. That file is
a pickle, which can run any code: give only one that you trust. The published tables print four digits.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tokengan.chem.described import Described
from tokengan.chem.molecules import rdkit_version
from tokengan.chem.moses import moses
from tokengan.chem.properties import PROPERTIES

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
SAMPLES = ("moses_char_rnn_1", "moses_aae_1")
PRINTED = 4
FILTERS = {"mcf": "mcf.csv", "pains": "wehi_pains.csv"}
# As molsets writes them; the rest is written alike.
THEIRS = {"Valid": "valid", "Unique@1000": "unique@1000", "Unique@10000": "unique@10000"}


def of_molsets(path: Path) -> Described:
    """Return the set that a file of molsets describes: what `Described` would compute is put in its place.

    The file is a pickle: reading it runs whatever it says.
    """
    stats = np.load(path, allow_pickle=True)["stats"].item()
    columns = {name: stats[name]["values"] for name in PROPERTIES}
    made = Described([""] * len(stats["SNN"]["fps"]))
    vars(made).update(
        forms=made.texts,
        bits=np.asarray(stats["SNN"]["fps"], np.float32),
        fragments=Counter(stats["Frag"]["frag"]),
        scaffolds=Counter(stats["Scaf"]["scaf"]),
        gaussian=(stats["FCD"]["mu"], stats["FCD"]["sigma"]),
        _each=[dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)],
    )
    return made


@dataclass(frozen=True)
class Row:
    """One metric, measured and published."""

    name: str
    measured: float
    published: float

    @property
    def equal(self) -> bool:
        """Whether the two are the same in the digits that the published tables print."""
        return f"{self.measured:.{PRINTED}f}" == f"{self.published:.{PRINTED}f}"


def lines(path: Path) -> list[str]:
    """Return the lines of a text file, packed or not."""
    return (gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()).decode().splitlines()


def reference(stats: Path | None, workers: int | None = 1) -> Described:
    """Return the test set, described."""
    return Described(lines(DATA / "moses" / "test.smi.gz"), workers) if stats is None else of_molsets(stats)


def compared(
    name: str, test: Described, train: Described | None, molsets: Path | None, fcd: bool, workers: int | None = 1
) -> Iterator[Row]:
    """Yield the metrics of one set of samples, those that were published of it."""
    known = {key: float(value) for key, value in csv.reader(lines(DATA / "peer-samples" / f"{name}.metrics.csv"))}
    lists: dict[str, Any] = {key: str(molsets / "metrics" / file) for key, file in FILTERS.items()} if molsets else {}
    made = Described(lines(DATA / "peer-samples" / f"{name}.smi"), workers)
    for figure in moses(made, train=train, test=test, fcd=fcd, workers=workers, **lists):
        published = known.get(THEIRS.get(figure.name, figure.name))
        if published is not None:
            yield Row(figure.name, figure.value, published)


def main() -> None:
    """Measure and print a page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("samples", nargs="*", default=SAMPLES, help=f"of {', '.join(SAMPLES)}")
    parser.add_argument("--stats", type=Path, help="test_stats.npz of molsets: a pickle, to be trusted")
    parser.add_argument("--molsets", type=Path, help="folder of the package molsets, for its filters (else installed)")
    parser.add_argument("--novelty", action="store_true", help="read the 1,584,663 training molecules too")
    parser.add_argument("--no-fcd", action="store_true", help="leave out FCD")
    parser.add_argument("--workers", type=int, default=1)
    asked = parser.parse_args()
    torch.set_num_threads(asked.workers)

    begun = time.time()
    test = reference(asked.stats, asked.workers)
    train = Described(lines(DATA / "moses" / "train.smi.gz"), asked.workers) if asked.novelty else None
    rows = [
        (name, row)
        for name in asked.samples
        for row in compared(name, test, train, asked.molsets, not asked.no_fcd, asked.workers)
    ]
    source = "described here" if asked.stats is None else f"as molsets describes it ({asked.stats.name})"
    equal, minutes, size = sum(row.equal for _, row in rows), (time.time() - begun) / 60, len(test.texts)
    print(f"""# MOSES metrics of published samples

Output of `benchmarks/moses.py`: the samples and values of the MOSES authors (molecularsets/moses), measured here with
RDKit {rdkit_version()} in {minutes:.0f} minutes, workers: {asked.workers}. Reference: the test set of {size:,}
molecules, {source}. Equal: in the {PRINTED} decimals that the published tables print.
{equal} of {len(rows)} figures are equal.

| samples | metric | measured | published | difference | equal |
|---|---|---|---|---|---|""")
    for name, row in rows:
        difference = row.measured - row.published
        print(
            f"| {name} | {row.name} | {row.measured:.6f} | {row.published:.6f} | {difference:+.6f} | "
            f"{'yes' if row.equal else 'no'} |"
        )


if __name__ == "__main__":
    main()
