"""The synthetic task of SeqGAN (Yu et al. 2017): the data come from a random LSTM whose law is known exactly."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tokengan.errors import UserError
from tokengan.generators.recurrent import LSTM
from tokengan.noise import Noise
from tokengan.sampling.write import write
from tokengan.sequences import Sequences
from tokengan.spec import Spec
from tokengan.tasks.base import Task

__all__ = ["OracleTask"]

ARRAYS = ["embeddings", *(f"{kind}{gate}" for gate in ("i", "f", "og", "c") for kind in "WUb"), "Wo", "bo"]


class OracleTask(Task):
    """Sequences of a fixed length from a random LSTM with weights N(0, 1), one bias a gate, start id 0, no EOS.

    >>> task = OracleTask(vocab_size=20, length=5, size=100, valid=10, test=10)
    >>> task.train.tokens.shape, task.spec.end is None
    (torch.Size([100, 5]), True)
    >>> task.decode(task.encode(["1 2 3 4 5"]))
    ['1 2 3 4 5']
    """

    def __init__(
        self,
        vocab_size: int = 5000,
        length: int = 20,
        size: int = 10_000,
        valid: int = 5_000,
        test: int = 10_000,
        hidden: int = 32,
        oracle_seed: int = 0,
        arrays: Path | None = None,
    ) -> None:
        """Draw the oracle (or read it) and the three splits.

        Args:
            vocab_size: Number of tokens, V.
            length: Tokens in each sequence, T.
            size: Training sequences.
            valid: Held-out sequences by which checkpoints are chosen.
            test: Held-out sequences for reports.
            hidden: Width of the oracle's embedding and state.
            oracle_seed: Seed of the oracle's weights and of the data.
            arrays: An `.npz` file with the 15 arrays of a published oracle; it sets `vocab_size` and `hidden`.
        """
        if min(vocab_size, length, size, valid, test, hidden) < 1:
            raise UserError("the oracle needs at least one token, one position, and one sequence in each split")
        published = None if arrays is None else _read(Path(arrays))
        if published is not None:
            vocab_size, hidden = published["embeddings"].shape
        self.name = "oracle"
        self.spec = Spec(vocab_size=vocab_size, max_length=length, start=0)
        self.oracle = _random(self.spec, hidden, oracle_seed) if published is None else _published(self.spec, published)
        self.train, self.valid, self.test = (
            self.draw(rows, oracle_seed * 1000 + k) for k, rows in enumerate((size, valid, test))
        )
        self.report = {
            "source": "oracle drawn by seed" if arrays is None else str(arrays),
            "lines": {"train": size, "valid": valid, "test": test},
            "vocabulary": vocab_size,
            "length": length,
            "weights": _digest(self.oracle),
        }

    def draw(self, rows: int, seed: int) -> Sequences:
        """Return fresh real sequences."""
        assert self.oracle is not None
        x = write(self.oracle, rows, Noise(torch.Generator().manual_seed(seed)))
        return Sequences(x.tokens, x.mask)

    def decode(self, x: Sequences) -> list[str]:
        """Return the ids as text, separated by blanks."""
        return [" ".join(map(str, row)) for row in x.tokens.tolist()]

    def encode(self, texts: Iterable[str]) -> Sequences:
        """Return lines of ids as a batch."""
        rows = []
        for number, text in enumerate(texts, start=1):
            words = text.split()
            if len(words) != self.spec.max_length or not all(
                w.isdigit() and int(w) < self.spec.vocab_size for w in words
            ):
                raise UserError(
                    f"line {number} is not an oracle sequence: {self.spec.max_length} ids from 0 to "
                    f"{self.spec.vocab_size - 1}, separated by blanks"
                )
            rows.append([int(word) for word in words])
        tokens = torch.tensor(rows, dtype=torch.long).view(-1, self.spec.max_length)
        return Sequences(tokens, torch.ones_like(tokens, dtype=torch.bool))

    def save(self, folder: Path) -> None:
        """Write `spec.json`."""
        (folder / "spec.json").write_text(self.spec.to_json())

    def restore(self, folder: Path) -> None:
        """Read what `save` wrote."""
        try:
            self.spec = Spec.from_json((folder / "spec.json").read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError):
            raise UserError(f"{folder / 'spec.json'} cannot be read: the run folder is not whole") from None


def _digest(oracle: LSTM) -> str:
    """Return 12 hexadecimal digits that name the weights: figures on two oracles cannot be compared."""
    state = oracle.state_dict()
    return hashlib.sha256(b"".join(state[name].numpy().tobytes() for name in sorted(state))).hexdigest()[:12]


def _random(spec: Spec, hidden: int, seed: int) -> LSTM:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return LSTM(spec, embedding=hidden, hidden=hidden, init_std=1.0).requires_grad_(False).eval()


def _read(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise UserError(f"there is no file {path}: give the .npz file with the oracle's {len(ARRAYS)} arrays")
    try:
        with np.load(path, allow_pickle=False) as stored:
            found = {name: torch.from_numpy(stored[name].astype(np.float32)) for name in ARRAYS}
    except (KeyError, ValueError, OSError) as error:
        raise UserError(
            f"{path} is not an oracle ({error}): an .npz file with the arrays {', '.join(ARRAYS)}"
        ) from None
    vocab_size, hidden = found["embeddings"].shape
    for name, value in found.items():
        expected = {"embeddings": (vocab_size, hidden), "Wo": (hidden, vocab_size), "bo": (vocab_size,)}.get(
            name, (hidden,) if name.startswith("b") else (hidden, hidden)
        )
        if tuple(value.shape) != expected:
            raise UserError(f"{path}: array {name} has shape {tuple(value.shape)}, expected {expected}")
    return found


def _published(spec: Spec, arrays: dict[str, Tensor]) -> LSTM:
    """Build the oracle from arrays whose gates stand apart; PyTorch stacks them as input, forget, candidate, output."""
    hidden = arrays["embeddings"].shape[1]
    oracle = LSTM(spec, embedding=hidden, hidden=hidden).requires_grad_(False).eval()
    gates = ("i", "f", "c", "og")
    stored = {
        "embedding.weight": arrays["embeddings"],
        "layers.0.weight_ih_l0": torch.cat([arrays[f"W{gate}"].T for gate in gates]),
        "layers.0.weight_hh_l0": torch.cat([arrays[f"U{gate}"].T for gate in gates]),
        "layers.0.bias_ih_l0": torch.cat([arrays[f"b{gate}"] for gate in gates]),
        "layers.0.bias_hh_l0": torch.zeros(4 * hidden),
        "output.weight": arrays["Wo"].T,
        "output.bias": arrays["bo"],
    }
    oracle.load_state_dict(stored)
    return oracle
