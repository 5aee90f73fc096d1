"""A person's own objective in a real run: what it does wrong stops the run, tells where, and loses nothing."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

GOOD = "[len(text) / 100 for text in texts]"
ROUNDS, FAILS = 5, 4
SMALL = [
    *("--reward", "objective", "--reward.function", "my_objective:score", "--reward.cache", 0),
    *("--mle_epochs", 1, "--rounds", ROUNDS, "--batch_size", 8, "--generator.hidden", 8),
    *("--trainer.device", "cpu", "--trainer.quiet", "--trainer.save_every", 1),
]


@pytest.fixture
def objective(my_txt, monkeypatch):
    """Return a function that writes the module `my_objective`, whose fourth call returns something else."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(my_txt.parent)])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def write(fourth: str = GOOD) -> None:
        sys.modules.pop("my_objective", None)
        Path("my_objective.py").write_text(
            "import math\n\ncalls = 0\n\n\ndef score(texts):\n    global calls\n    calls += 1\n"
            f"    return {fourth} if calls >= {FAILS} else {GOOD}\n"
        )

    yield write
    sys.modules.pop("my_objective", None)


def weights(run: str) -> bytes:
    last = Path(run, "checkpoints", "last").read_text().strip()
    return Path(run, "checkpoints", last, "weights.safetensors").read_bytes()


WRONG = {
    "[0.5 for text in texts[1:]]": r"returned [67] values for [78] sequences, the first of them '[a-z <>]*'",
    "[math.nan if i == 2 else 0.5 for i, _ in enumerate(texts)]": r"returned nan for the sequence '[a-z <>]*'",
    "[1 / 0 for text in texts]": r"raised ZeroDivisionError \(division by zero\) for the sequence '[a-z <>]*'",
}


def test_a_wrong_objective_stops_the_run_in_words_and_it_goes_on_once_mended(tg, objective):
    for number, (fourth, said) in enumerate(WRONG.items()):
        objective(fourth)
        stopped = tg("train", "pg-bleu", "my.txt", "--out", f"run{number}", *SMALL)
        assert stopped.code == 2
        message = " ".join(stopped.err.split())
        assert re.search(f"the objective my_objective:score {said}", message), message
        found = re.search(r"in phase '([a-z -]+)', round (\d+); checkpoint (\d+) is kept.*tokengan resume run", message)
        assert found, message
        assert int(found[2]) == FAILS
        last = Path(f"run{number}/checkpoints/last").read_text().strip()
        assert found[3] == last == f"{FAILS:06d}"  # the likelihood round counts too
    objective()
    assert tg("resume", f"run{number}").code == 0
    assert json.loads(Path(f"run{number}/final.json").read_text())["status"] == "done"
    assert tg("train", "pg-bleu", "my.txt", "--out", "whole", *SMALL).code == 0
    assert weights(f"run{number}") == weights("whole")
