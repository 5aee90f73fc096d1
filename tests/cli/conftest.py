"""Commands run in this process, in a folder of their own."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tokengan.cli import main

LINES = [
    f"{who} {does} {where}"
    for who in ("the cat", "a dog", "my bird", "one fish")
    for does in ("sat", "ran", "sang a song", "sleeps")
    for where in ("in the park", "on the mat", "under a tree", "at home")
]
TINY = [
    *(
        "--mle_epochs",
        "2",
        "--d_rounds",
        "1",
        "--rounds",
        "2",
        "--d_epochs",
        "1",
        "--d_steps",
        "1",
        "--batch_size",
        "16",
    ),
    *("--generator.hidden", "8", "--generator.embedding", "8", "--credit.n", "2", "--discriminator", "recurrent"),
    *("--discriminator.hidden", "8", "--discriminator.embedding", "8", "--trainer.device", "cpu"),
]


@dataclass
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)


Command = Callable[..., Ended]


@pytest.fixture
def tg(capsys: pytest.CaptureFixture[str]) -> Command:
    """Return a function that runs a command line."""

    def run(*words: object) -> Ended:
        capsys.readouterr()
        code = main([str(word) for word in words])
        captured = capsys.readouterr()
        return Ended(code, captured.out, captured.err)

    return run


@pytest.fixture
def my_txt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a small text file in the current folder."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "my.txt"
    path.write_text("\n".join(LINES) + "\n")
    return path


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run of SeqGAN on a small text, whose data file is gone."""
    folder = tmp_path_factory.mktemp("trained")
    data = folder / "my.txt"
    data.write_text("\n".join(LINES) + "\n")
    assert main(["train", "seqgan", str(data), "--out", str(folder / "run"), "--trainer.quiet", *TINY]) == 0
    data.unlink()
    return folder / "run"


@pytest.fixture(scope="session")
def tiny() -> list[str]:
    """Return the flags of a run of seconds."""
    return TINY


@pytest.fixture(scope="session")
def lines() -> list[str]:
    """Return the sequences of the small text."""
    return LINES
