"""`tokengan compare`: cells are gone on with after a kill, fail alone, and are only read once they are done."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tokengan.api.cells import point_file, probe, train
from tokengan.api.compare import collect
from tokengan.api.plan import Entry, Plan
from tokengan.cli.compare import parse_row
from tokengan.errors import UserError
from tokengan.reports.comparison import Comparison

LINES = [
    f"{who} {does} it {where}"
    for who in "abcd"
    for does in ("sat", "ran", "sang")
    for where in ("here", "at home", "by day")
]
LSTM = {"generator": "lstm", "generator.hidden": 8, "generator.embedding": 8, "trainer.quiet": True}
MLE = Entry("mle", "mle", "none", {**LSTM, "epochs": 3, "batch_size": 16})
GAME = {"d_rounds": 1, "rounds": 2, "d_steps": 1, "d_epochs": 1, "batch_size": 16, "credit.n": 2}
JUDGE = {"discriminator": "recurrent", "discriminator.hidden": 8, "discriminator.embedding": 8}
SEQGAN = Entry("a game", "seqgan", "none", {**LSTM, **GAME, **JUDGE}, start="mle", control="constant")


@pytest.fixture
def data(tmp_path: Path) -> str:
    path = tmp_path / "my.txt"
    path.write_text("\n".join(LINES) + "\n")
    return str(path)


def small(data: str, *entries: Entry, seeds: int = 1) -> Plan:
    return Plan(entries, data, {"data.min_count": 1}, seeds, (1.0, 0.8, 1.3), samples=12)


def bare(found: Comparison) -> list[object]:
    """Return what a comparison came to, without what differs each time."""
    rows = found.to_json()["rows"]
    for row in rows:
        row["cells"] = [(cell["seed"], cell["status"], cell["points"]) for cell in row["cells"]]
    return rows


def test_cells_are_run_folders_with_a_point_for_each_temperature_and_a_control(tmp_path, data, tg):
    plan, out = small(data, MLE, SEQGAN, Entry("patterns", "template"), seeds=2), tmp_path / "out"
    plan.write(out)
    for seed in range(2):
        for entry in plan.entries:
            train(plan, out, entry, seed)
    found = collect(plan, out)
    assert [(row.name, row.role) for row in found.rows] == [
        ("mle", "base"), ("a game", "method"), ("a game, constant reward", "control"), ("patterns", "method"),
    ]  # fmt: skip
    for row, cell in found.cells():
        temperatures = [1.0] if row.name == "patterns" else [1.3, 1.0, 0.8]  # whole patterns: nothing to divide
        assert (cell.status, [point.temperature for point in cell.points]) == ("done", temperatures)
        own = cell.at(1.0)
        assert own is not None
        assert len(own.samples) > 3
        assert all(sample.nearest for sample in own.samples if sample.overlap)
        assert own.value("BLEU-4") is not None
    entropies = [point.value("NLL-div") or 0.0 for point in found.rows[0].cells[0].points]
    assert entropies == sorted(entropies, reverse=True)
    assert found.rows[1].matched
    assert not found.rows[0].matched
    assert {figure.name for figure in found.real} >= {"BLEU-4", "Self-BLEU-4"}
    assert (out / "cells" / "a-game-1" / "control-constant" / "config.yaml").exists()
    # What was compared is what anybody gets from the run: same weights, same figures of the final report's law.
    assert tg("generate", str(out / "cells" / "mle-0"), "-n", "2").code == 0
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.json")}
    train(plan, out, SEQGAN, 1)
    assert before == {path: path.stat().st_mtime_ns for path in out.rglob("*.json")}


def test_the_game_begins_with_the_base_s_generator_seed_for_seed(tmp_path, data):
    still = Entry("still", "seqgan", "none", {**SEQGAN.settings, "rounds": 0, "d_rounds": 0}, start="mle")
    plan, out = small(data, MLE, still, seeds=2), tmp_path / "out"
    plan.write(out)
    for seed in range(2):
        for entry in plan.entries:
            train(plan, out, entry, seed)
    base, row = (collect(plan, out).rows[k] for k in (0, 1))
    for one, other in zip(base.cells, row.cells, strict=True):
        assert one.points == other.points
    assert base.cells[0].points != base.cells[1].points


def test_a_budget_of_minutes_ends_training_and_is_not_given_twice(tmp_path, data):
    long = Entry("mle", "mle", "none", {**LSTM, "epochs": 100_000, "batch_size": 16, "trainer.eval_every": 100_000})
    plan, out = Plan((long,), data, {}, 1, (1.0,), 12, minutes=0.02), tmp_path / "out"
    plan.write(out)
    train(plan, out, long, 0)
    folder = plan.cell(out, long, 0)
    steps = (folder / "checkpoints" / "last").read_text()
    assert collect(plan, out).rows[0].cells[0].status == "done"
    point_file(folder, 1.0).unlink()
    (folder / "final.json").unlink()
    train(plan, out, long, 0)
    assert (folder / "checkpoints" / "last").read_text() == steps
    assert point_file(folder, 1.0).exists()


def test_a_trial_says_what_a_cell_costs_and_leaves_nothing(tmp_path, data):
    plan, out = small(data, MLE, SEQGAN), tmp_path / "out"
    found = probe(plan, out, SEQGAN)
    assert [phase["name"] for phase in found["phases"]] == ["pretrain discriminator", "adversarial"]
    assert found["phases"][1]["rounds"] == 2
    assert found["seconds"] > sum(phase["rounds"] * phase["seconds"] for phase in found["phases"])
    assert not out.exists()


def alive(folder: Path) -> list[str]:
    """Return the processes whose command names a folder."""
    found = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    return [line for line in found.stdout.splitlines() if str(folder) in line and "tokengan.api.cells" in line]


def test_a_cell_killed_while_it_was_begun_is_begun_anew(tmp_path, data):
    plan = small(data, MLE)
    plan.write(tmp_path)
    (plan.cell(tmp_path, MLE, 0) / "checkpoints").mkdir(parents=True)
    train(plan, tmp_path, MLE, 0)
    assert collect(plan, tmp_path).rows[0].cells[0].status == "done"


def test_killed_with_all_its_cells_and_started_again_it_ends_alike(tmp_path, data, tg):
    broken = Entry("broken", "pg-bleu", "none", {**LSTM, "reward": "objective", "reward.function": "json:loads"})
    plan = small(data, MLE, broken)
    whole, out = tmp_path / "whole", tmp_path / "killed"
    plan.write(whole)
    train(plan, whole, MLE, 0)
    plan.write(out)
    words = [sys.executable, "-m", "tokengan", "compare", "--out", str(out), "--processes", "2"]
    running = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not (out / "cells" / "mle-0" / "config.yaml").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    while alive(out) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(out)
    assert not (out / "compare.json").exists()

    ended = tg("compare", "--out", str(out), "--json")
    assert ended.code == 1  # one row failed, and the other is whole
    found = Comparison.from_json(json.loads(ended.out))
    row, failed = found.rows
    assert bare(found)[0] == bare(collect(plan, whole))[0]
    assert row.cells[0].status == "done"
    assert failed.cells[0].status == "failed"
    assert "loads" in failed.cells[0].log
    assert found.plan["announced_seconds"] > 0
    assert found.plan["spent_seconds"] > 0
    assert Comparison.read(out / "compare.json") == found


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "holds no comparison to go on with"),
        (["mle", "mle"], "two rows are called 'mle'"),
        (["mle", "seqgn"], "there is no 'seqgn' among the methods; did you mean 'seqgan'"),
        (["mle", "seqgan --start mel"], "starts from 'mel', which is no row; did you mean 'mle'"),
        (["mle", "seqgan --credit.m 3"], "credit.m"),
        (["mle seqgan"], "is no row: give a method, then its settings"),
        (["mle 'x"], "is no row: no closing quotation"),
        (["mle", "--temperatures", "0"], "0.0 is no temperature"),
        (["mle", "--seeds", "0"], "1 seed or more"),
        (["mle", "--processes", "0"], "--processes is 0"),
        (["mle --control constant"], "has no reward, so there is no control"),
    ],
)
def test_mistakes_are_told_before_anything_is_trained(tmp_path, data, tg, words, said):
    ended = tg("compare", *words, "--data", data, "--out", str(tmp_path / "out"))
    assert ended.code == 2
    assert said in ended.err.replace("\n", " ")
    assert not (tmp_path / "out").exists()


def test_a_folder_of_another_comparison_is_refused_and_more_of_the_same_is_taken(tmp_path, data):
    plan = small(data, MLE)
    plan.write(tmp_path)
    assert Plan.read(tmp_path) == plan
    small(data, MLE, SEQGAN, seeds=5).goes_on(plan)
    with pytest.raises(UserError, match=r"has data .*my\.txt, not other\.txt: choose another --out"):
        small("other.txt", MLE).goes_on(plan)
    with pytest.raises(UserError, match="row 'mle' of the comparison in this folder is another one"):
        small(data, Entry("mle", "mle", "none", {"epochs": 9})).goes_on(plan)
    (tmp_path / "plan.yaml").write_text("entries: 3")
    with pytest.raises(UserError, match="is no plan of a comparison"):
        Plan.read(tmp_path)


def test_what_a_report_says_to_type_is_the_plan(tmp_path, data):
    rows = [
        "mle",
        "seqgan:quick --credit.n 4 --name 'a game' --start mle --control constant",
        "mle --epochs 2 --name x",
    ]
    plan = Plan(tuple(map(parse_row, rows)), data, {"data.max_length": "9"}, 2, (1.0, 0.8), 50, 1.5)
    words = shlex.split(plan.typed(tmp_path))
    typed = words[2 : words.index("--data")]
    assert tuple(map(parse_row, typed)) == plan.entries
    rest = " ".join(words[words.index("--data") :])
    assert rest == (
        f"--data {data} --data.max_length 9 --seeds 2 --samples 50 --temperatures 1 0.8 --minutes 1.5 --out {tmp_path}"
    )


def test_long_names_have_short_folders_of_their_own():
    rows = [parse_row(f"mle --generator.hidden 6{k} --generator.embedding 32 --epochs 10") for k in range(2)]
    assert len({row.folder for row in rows}) == 2
    assert max(len(row.folder) for row in rows) < 50
