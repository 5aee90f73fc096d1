"""The run folder."""

import errno
import fcntl
import json
import os

import pytest

from tokengan.errors import UserError
from tokengan.training.run import Run


def test_what_is_not_a_run_is_refused(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    with pytest.raises(UserError, match=r"other files in it.*--out"):
        Run.create(tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]
    with pytest.raises(UserError, match=r"is a file.*--out"):
        Run.create(tmp_path / "mine" / "thesis.txt")
    with pytest.raises(UserError, match="not a run folder"):
        Run(tmp_path / "mine")
    with pytest.raises(UserError, match="no run folder"):
        Run(tmp_path / "nowhere")


def test_a_new_run(tmp_path):
    (tmp_path / "empty").mkdir()
    run = Run.create(tmp_path / "empty", "method: mle\n", {"spec.json": "{}"})
    assert (run.path / "config.yaml").read_text() == "method: mle\n"
    assert (run.path / "spec.json").read_text() == "{}"
    with pytest.raises(UserError, match="tokengan resume"):
        Run.create(run.path)


def test_metrics_are_appended_and_cut(tmp_path):
    run = Run.create(tmp_path / "a")
    assert (run.records(), run.metrics_bytes()) == ([], 0)
    run.append({"step": 1})
    length = run.metrics_bytes(sync=True)
    run.append({"step": 2})
    with (run.path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 3, "fig')  # a kill in the middle of a line
    assert [record["step"] for record in run.records()] == [1, 2]
    run.cut(length)
    run.cut(length + 100)
    assert run.records() == [{"step": 1}]


def test_a_line_that_does_not_fit_on_the_disk_is_not_left_half(tmp_path, monkeypatch):
    run = Run.create(tmp_path / "a")
    run.append({"step": 1})

    def full(record):
        with (run.path / "metrics.jsonl").open("a") as file:
            file.write('{"half')
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(json, "dumps", full)
    with pytest.raises(UserError, match="no space left"):
        run.append({"step": 2})
    monkeypatch.undo()
    assert (run.path / "metrics.jsonl").read_text() == '{"step": 1}\n'


def test_samples(tmp_path):
    run = Run.create(tmp_path / "a")
    run.write_samples(12, ["first", "zweiter"])
    assert (run.path / "samples" / "000012.txt").read_text() == "first\nzweiter\n"


def test_two_processes_do_not_train_one_folder(tmp_path):
    run = Run.create(tmp_path / "a")
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        with run.locked():
            os.write(write, b"x")
            os.read(os.pipe()[0], 1)  # holds the lock until it is killed
        os._exit(0)
    os.read(read, 1)
    with pytest.raises(UserError, match=f"is being trained by process {pid}"), run.locked():
        pass
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    with run.locked():  # the lock of a dead process is free
        assert (run.path / ".lock").read_text() == str(os.getpid())


def test_a_file_system_without_locks_is_no_obstacle(tmp_path, monkeypatch):
    run = Run.create(tmp_path / "a")

    def none(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none)
    with run.locked():
        pass


def test_a_folder_that_may_not_be_written(tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    tmp_path.chmod(0o500)
    with pytest.raises(UserError, match="may not be written"):
        Run.create(tmp_path / "a")
