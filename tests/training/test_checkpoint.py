"""Checkpoints are whole or refused by name, and a full disk harms none of them."""

import errno
import json
import os
import resource
import subprocess
import sys

import pytest
import torch
from torch import nn
from training_toys import QUIET, Toy, equal, loss_of, weights_of

from tokengan.errors import UserError
from tokengan.training import files
from tokengan.training.checkpoint import Checkpoints, CorruptCheckpoint
from tokengan.training.run import Run
from tokengan.training.snapshot import Standing, load_networks, pack, same_bits, unpack
from tokengan.training.trainer import fit
from tokengan.training.updater import Updater, players_of

FILES = ["weights.safetensors", "optimisers.safetensors", "state.json", "manifest.json"]


@pytest.fixture
def trained(tmp_path):
    run = Run.create(tmp_path / "run", "method: toy")
    fit(Toy(), run, loss_of, settings=QUIET)
    return run


def damaged(path, how):
    data = path.read_bytes()
    if how == "deleted":
        path.unlink()
    elif how == "truncated":
        path.write_bytes(data[: len(data) // 2])
    elif how == "emptied":
        path.write_bytes(b"")
    else:
        place = len(data) // 3
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])


@pytest.mark.parametrize("how", ["flipped", "truncated", "emptied", "deleted"])
@pytest.mark.parametrize("file", FILES)
def test_a_damaged_checkpoint_is_refused_by_name_and_the_one_before_it_offered(trained, file, how):
    damaged(trained.path / "checkpoints" / "000007" / file, how)
    before = weights_of(toy := Toy())
    with pytest.raises(CorruptCheckpoint) as caught:
        fit(toy, trained, loss_of, settings=QUIET)
    text = str(caught.value)
    assert "000007" in text
    assert file in text
    assert text.endswith(f"tokengan resume {trained.path} --at 000006")
    assert equal(before, weights_of(toy))  # nothing of it was loaded
    fit(toy, trained, loss_of, settings=QUIET, at="000006")  # and the offer works
    again = Run.create(trained.path.parent / "again")
    fit(alone := Toy(), again, loss_of, settings=QUIET)
    assert equal(weights_of(toy), weights_of(alone))
    assert trained.checkpoints.pointed("last") == "000007"


def test_every_byte_of_the_manifest_counts(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.write("000001", {"a": b"text"})
    path = tmp_path / "checkpoints" / "000001" / "manifest.json"
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(CorruptCheckpoint):
            checkpoints.read("000001")
    path.write_bytes(whole)
    assert checkpoints.read("000001") == {"a": b"text"}


def test_a_damaged_one_before_is_not_offered(trained):
    for name in ("000007", "000006"):
        damaged(trained.path / "checkpoints" / name / "state.json", "truncated")
    with pytest.raises(CorruptCheckpoint, match="--at 000004"):  # `start` is kept
        fit(Toy(), trained, loss_of, settings=QUIET)
    damaged(trained.path / "checkpoints" / "000004" / "state.json", "truncated")
    with pytest.raises(CorruptCheckpoint, match="no other whole checkpoint"):
        fit(Toy(), trained, loss_of, settings=QUIET)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"../../etc", b"000099"])
def test_a_damaged_pointer_is_refused(trained, content):
    (trained.path / "checkpoints" / "last").write_bytes(content)
    with pytest.raises(CorruptCheckpoint, match="--at 00000"):
        fit(Toy(), trained, loss_of, settings=QUIET)


def test_no_file_of_a_checkpoint_is_a_pickle(trained):
    for path in (trained.path / "checkpoints" / "000007").iterdir():
        assert path.suffix in (".json", ".safetensors")
        assert path.read_bytes()[:2] not in (b"\x80\x02", b"\x80\x04", b"PK")


@pytest.mark.parametrize("nth", range(1, 9))
def test_a_full_disk_leaves_the_checkpoint_before_untouched(tmp_path, monkeypatch, nth):
    """No space at the n-th write of the second save: in each file, in the pointers."""
    run, toy = Run.create(tmp_path / "run"), Toy()
    real, calls = os.fsync, []

    def full(handle):
        if calls and (calls.append(1) or len(calls) == nth + 1):
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    monkeypatch.setattr(files.os, "fsync", full)
    toy.before_round = lambda name, i: calls.append(1) if (name, i) == ("fit", 2) else None
    with pytest.raises(UserError, match="no space left on the disk"):
        fit(toy, run, loss_of, settings=QUIET)
    monkeypatch.undo()
    assert not [path.name for path in run.checkpoints.folder.iterdir() if path.name.startswith(".tmp")]
    for name in run.checkpoints.names():
        run.checkpoints.read(name)
    fit(resumed := Toy(), run, loss_of, settings=QUIET)
    fit(alone := Toy(), Run.create(tmp_path / "alone"), loss_of, settings=QUIET)
    assert equal(weights_of(resumed), weights_of(alone))


def test_a_real_limit_of_the_operating_system_ends_in_one_sentence(tmp_path, child_environment):
    program = (
        "import resource, sys; from pathlib import Path; from tokengan.training.checkpoint import Checkpoints\n"
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "c = Checkpoints(Path(sys.argv[1])); c.write('000001', {'a': b'x' * 500})\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "c.write('000002', {'a': b'x' * 2000})\n"
    )
    assert resource.getrlimit(resource.RLIMIT_FSIZE)
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        env=child_environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "UserError: no space left on the disk" in done.stderr
    assert Checkpoints(tmp_path).names() == ["000001"]
    assert Checkpoints(tmp_path).read("000001")


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding, self.output = nn.Embedding(4, 3), nn.Linear(3, 4)
        self.output.weight = self.embedding.weight
        self.alias = self.output  # a module that is reached twice


def test_tied_weights_are_saved_and_stay_tied():
    first, second = Tied(), Tied()
    parts = pack(first, {}, Standing(), [], {}, {})
    unpack(parts, second, {}, "000001")
    assert equal(weights_of(first), weights_of(second))
    assert second.output.weight is second.embedding.weight


def test_optimisers_go_on_as_if_nothing_had_been(tmp_path):
    first, second = Toy(), Toy(seed=5)
    for toy in (first, second):
        toy.update = Updater(players_of(toy))
    for i in range(3):
        first.fit(i)
        first.follow(i)
    unpack(pack(first, first.update.players, Standing(), [], {}, {}), second, second.update.players, "000003")
    for toy in (first, second):
        toy.fit(3)
        toy.follow(3)
    assert equal(weights_of(first), weights_of(second))
    assert second.update.players["policy"].updates == 4


def test_going_back_to_the_best_networks_leaves_streams_alone():
    toy = Toy()
    old = weights_of(toy)
    toy.update = Updater(players_of(toy))
    toy.fit(0)
    new = weights_of(toy)
    load_networks(toy, old, "000001")
    now = weights_of(toy)
    for key in new:
        assert torch.equal(now[key], new[key] if key.startswith("streams.") else old[key])
    assert any(key.startswith("streams.") for key in new)


def test_a_checkpoint_of_another_method_is_refused(trained):
    class Wider(Toy):
        def __init__(self):
            super().__init__()
            self.generator = nn.Linear(4, 1)

    with pytest.raises(UserError, match="000007 does not fit"):
        fit(Wider(), trained, loss_of, settings=QUIET)


def test_a_state_that_is_no_tensor_is_named():
    class Odd(nn.Module):
        def get_extra_state(self):
            return {"a": 1}

    with pytest.raises(TypeError, match="'_extra_state'"):
        pack(Odd(), {}, Standing(), [], {}, {})


def test_retention_keeps_the_newest_the_pointed_to_and_what_they_need(tmp_path):
    checkpoints = Checkpoints(tmp_path, keep=2)
    for k in range(1, 8):
        checkpoints.write(f"{k:06d}", {"a": b""})
        checkpoints.point("last", f"{k:06d}")
        if k in (1, 3):
            checkpoints.point({1: "start", 3: "best"}[k], f"{k:06d}")
        checkpoints.prune(spared=["000002"])
    assert checkpoints.names() == ["000001", "000002", "000003", "000006", "000007"]
    checkpoints.point("best", None)
    assert checkpoints.pointed("best") is None


def test_sweep_removes_leftovers_and_repairs_an_interrupted_replacement(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.write("000001", {"a": b"1"})
    checkpoints.point("last", "000001")
    (checkpoints.folder / ".tmp-000002").mkdir()
    (checkpoints.folder / ".tmp-last").write_text("0000")
    # Killed between the two renames that replace a checkpoint by one of the same name:
    os.rename(checkpoints.folder / "000001", checkpoints.folder / ".tmp-old-000001")
    checkpoints.sweep()
    assert sorted(path.name for path in checkpoints.folder.iterdir()) == ["000001", "last"]
    assert checkpoints.read("000001") == {"a": b"1"}


def test_a_kill_between_the_first_checkpoint_and_its_pointer(trained):
    (trained.path / "checkpoints" / "last").unlink()
    assert trained.checkpoints.find("last") == "000007"


def test_find_says_what_there_is(trained, tmp_path):
    assert trained.checkpoints.find("4") == "000004"
    with pytest.raises(UserError, match=r"holds no checkpoint 000002 \(there are: 000004, 000006, 000007\)"):
        trained.checkpoints.find("2")
    with pytest.raises(UserError, match="holds no checkpoint yet"):
        Checkpoints(tmp_path / "none").find("best")


def test_state_json_says_where_and_with_what(trained):
    state = json.loads((trained.path / "checkpoints" / "000007" / "state.json").read_text())
    assert state["standing"]["position"] == {"phase": 2, "iteration": 0, "total": 7}
    assert state["updates"] == {"generator": 4, "policy": 3, "discriminator": 3}
    assert {"threads", "torch", "device", "numpy", "precision"} <= set(state["machine"])


def test_same_bits():
    assert not same_bits(torch.zeros(2), torch.tensor([0.0, -0.0]))
    assert not same_bits(torch.zeros(2), torch.zeros(2).double())
