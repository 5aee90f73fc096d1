"""Kill it anywhere, resume it: the same bits as a run that was left alone."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.timeout(280)
def test_kill_9_at_20_random_moments_ends_with_the_same_bits(tmp_path, child_environment):
    program = Path(__file__).with_name("killing.py")
    done = subprocess.run(
        [sys.executable, str(program), str(tmp_path), "20"],
        env=child_environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["different"] == []
    # The kills really fell into the run, not after it.
    assert report["killed"] >= 15, report
    assert report["killed_often"] >= 3, report
    # The run was worth killing: every phase was reached, and the first one went back to its best weights.
    assert {line["phase"] for line in report["metrics"]} == {
        "pretrain generator", "pretrain discriminator", "adversarial",
    }  # fmt: skip
    assert any("restored" in line for line in report["metrics"])
