"""Kills a small SeqGAN run with SIGKILL, resumes it, and compares it with a run left alone; prints a JSON report.

Started by `test_resume.py` as a program of its own, which imports torch once and forks for each attempt: the pytest
process may have threads, which a fork would lose.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import sys
import time
from functools import partial
from pathlib import Path

import torch

from tokengan.discriminators.cnn import HighwayCNN
from tokengan.estimators.baselines import EMA
from tokengan.estimators.credit import RollOut
from tokengan.estimators.reinforce import Reinforce
from tokengan.generators.recurrent import LSTM
from tokengan.methods.seqgan import SeqGAN
from tokengan.noise import Noise
from tokengan.sampling.law import nll
from tokengan.sampling.write import write
from tokengan.sequences import masked_mean
from tokengan.tasks.oracle import OracleTask
from tokengan.training.run import Run
from tokengan.training.trainer import TrainerSettings, fit

SETTINGS = TrainerSettings(device="cpu", quiet=True, eval_every=2, save_every=1)


def build(task):
    """Everything that has state: dropout, a lagged copy, a running baseline, three optimisers, early stopping."""
    return SeqGAN(
        task,
        generator=partial(LSTM, embedding=8, hidden=8, dropout=0.1),
        discriminator=partial(HighwayCNN, embedding=8, widths=(1, 2), filters=(4, 4)),
        credit=partial(RollOut, n=2),
        estimator=partial(Reinforce, baseline=EMA),
        mle_epochs=6, patience=2, d_rounds=1, rounds=4, d_steps=1, d_epochs=1, batch_size=16, lag=0.5, seed=3,
    )  # fmt: skip


def evaluate(method):
    x = method.task.valid
    y = write(method.generator, 16, Noise(torch.Generator().manual_seed(int(torch.randint(1000, ())))))
    return {
        # Upside down: learning makes it worse, so that patience ends the phase and its first weights are put back.
        "NLL-valid": -masked_mean(nll(method.generator(x), x), x.mask).item(),
        "NLL-div": masked_mean(-y.logp, y.mask).item(),
    }


def texts(method):
    return method.task.decode(write(method.generator, 4, Noise(torch.Generator().manual_seed(1))))


def train(task, folder):
    run = Run(folder) if (folder / "config.yaml").exists() else Run.create(folder, "method: seqgan")
    fit(build(task), run, evaluate, settings=SETTINGS, samples=texts)


def attempt(task, folder, kill_after=None):
    """Train or resume in a forked child; return whether it was killed."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            train(task, folder)
            code = 0
        except BaseException:
            import traceback

            traceback.print_exc()
        os._exit(code)
    if kill_after is not None:
        time.sleep(kill_after)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise SystemExit(f"a child failed in {folder}")
    return os.WIFSIGNALED(status)


def result(folder):
    """All bits of a finished run, wall-clock times left out."""
    last = folder / "checkpoints" / (folder / "checkpoints" / "last").read_text()
    state = json.loads((last / "state.json").read_text())
    standing = state["standing"]
    for record in [standing, *standing["recent"], standing["start"]]:
        record.pop("seconds")
    standing.pop("metrics_bytes")
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    for line in lines:
        line.pop("seconds")
    return {
        "weights": (last / "weights.safetensors").read_bytes(),
        "optimisers": (last / "optimisers.safetensors").read_bytes(),
        "state": state,
        "metrics": lines,
        "samples": {path.name: path.read_text() for path in (folder / "samples").iterdir()},
        "pointers": {p: (folder / "checkpoints" / p).read_text() for p in ("last", "best", "start")},
        "folders": sorted(path.name for path in (folder / "checkpoints").iterdir()),
    }


def main(folder: Path, kills: int) -> None:
    torch.set_num_threads(1)
    task = OracleTask(vocab_size=12, length=5, size=32, valid=16, test=16)
    train(task, folder / "warm")  # what torch imports late is imported here, once, before any fork
    begun = time.monotonic()
    attempt(task, folder / "alone")
    length = time.monotonic() - begun
    alone = result(folder / "alone")
    rng = random.Random(0)
    killed, different = 0, []
    for k in range(kills):
        # One moment in each twentieth of the run, so that all its parts are hit.
        moment = length * (k + rng.random()) / kills
        while not (hit := attempt(task, folder / f"{k}", kill_after=moment)) and moment > length / kills:
            shutil.rmtree(folder / f"{k}")  # over before its kill: once more, killed sooner
            moment *= 0.7
        killed += hit
        attempt(task, folder / f"{k}")
        again = result(folder / f"{k}")
        different += [(k, part) for part in alone if again[part] != alone[part]]
        shutil.rmtree(folder / f"{k}")
    # One run that is killed again and again at short intervals: many of the kills fall into a checkpoint's writing.
    many, often, patience = 0, folder / "often", length / 8
    while attempt(task, often, kill_after=patience * (0.5 + rng.random())):
        many, patience = many + 1, patience * 1.1  # on a busy machine no round may fit into the first ones
    again = result(often)
    different += [("often", part) for part in alone if again[part] != alone[part]]
    report = {"seconds": length, "killed": killed, "killed_often": many, "different": different}
    print(json.dumps({**report, "metrics": alone["metrics"]}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
