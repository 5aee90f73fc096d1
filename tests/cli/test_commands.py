"""Every verb as a user types it, and the first pains of the field's users, each a test with its number."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tokengan.cli import VERBS, main
from tokengan.cli.catalogue import read_class
from tokengan.registry import KINDS, known

EXAMPLES = Path(__file__).parents[2] / "examples"


def weights(run):
    last = (run / "checkpoints" / "last").read_text().strip()
    return last, (run / "checkpoints" / last / "weights.safetensors").read_bytes()


# ---- in a blink


def test_help_imports_none_of_what_makes_it_slow():
    program = (
        "import sys; from tokengan.cli import main; import tokengan; main(['--help']);"
        "print([name for name in ('torch', 'jsonargparse', 'numpy', 'rich') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert all(verb in done.stdout for verb in VERBS)


def test_data_of_another_kind_are_reported_as_that_kind(tg, tmp_path):
    tunes = tmp_path / "tunes.txt"
    tunes.write_text("\n".join(f"[M:4/4][L:1/4]{a}{b}{c}G|" for a in "CDE" for b in "FGA" for c in "Bcd") + "\n")
    report = tg("data", "report", tunes, "--task", "abc", "--data.level", "abc", "--json").json()
    assert report["tunes"]["splits"]["train"]["malformed"] == 0
    next_command = tg("data", "report", tunes, "--task", "abc", "--data.level", "abc").out.splitlines()[-1]
    assert next_command.endswith("tunes.txt --task abc --data.level abc")


def test_methods_and_explain_read_the_source_without_torch():
    program = (
        "import sys; from tokengan.cli import main; main(['methods']); main(['explain', 'seqgan']);"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"


# ---- the catalogue


def test_methods_lists_all_that_is_registered(tg):
    listed = tg("methods", "--json").json()
    assert [entry["name"] for entry in listed["methods"]] == list(known("methods"))
    assert listed["parts"] == {kind: list(known(kind)) for kind in KINDS.values() if kind != "methods"}
    plain = tg("methods").out
    assert all(name in plain for name in known("methods"))


@pytest.mark.parametrize("name", known("methods"))
def test_explain_says_what_the_class_says(tg, name):
    from tokengan.config.slots import slots_of
    from tokengan.registry import resolve

    cls = resolve("methods", name)
    page = tg("explain", name, "--json").json()
    assert page["presets"] == json.loads(json.dumps(cls.presets))
    assert [one["name"] for one in page["settings"]] == [one for one in slots_of(cls) if one not in ("task", "seed")]
    assert all(one["about"] for one in page["settings"])
    plain = tg("explain", name).out
    assert all(f"\n  {preset}: " in plain for preset in cls.presets)


def test_the_help_of_a_method_lists_the_settings_of_its_parts(tg):
    text = tg("train", "seqgan", "--help").out
    for flag in ("--generator.hidden 32", "--credit.n 16", "--estimator.baseline zero", "--trainer.eval_every 10"):
        assert flag in text
    assert "--data.column" in text


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(tg, verb):
    ended = tg(verb, "--help")
    assert ended.code == 0
    assert f"usage: tokengan {verb}" in ended.out


# ---- data


def test_data_shows_and_reports_a_file(tg, my_txt):
    assert [row["text"] for row in tg("data", "show", my_txt, "-n", 3, "--json").json()][2]
    chars = tg("data", "show", my_txt, "--level", "char", "-n", 1, "--json").json()
    assert chars[0]["tokens"] == len(chars[0]["text"]) + 1
    report = tg("data", "report", my_txt, "--json").json()
    assert report["files"][0]["lines"] == 64
    assert "vocabulary" in tg("data", "report", my_txt).out
    assert "fortunes" in tg("data", "list", "--json").json()["built_in"]


# ---- train, and the pains


def test_pain_01_my_file_trains_with_no_configuration(tg, my_txt, tiny):
    """A file with one sequence a line; the flags make it small, and could all be left out."""
    ended = tg("train", "seqgan", "my.txt", *tiny)
    assert ended.code == 0, ended.err
    assert ended.out.index("my.txt: 64 lines") < ended.out.index("parameters") < ended.out.index("NLL-test")
    assert "pretrain generator: 2 rounds" in ended.out
    assert "seqgan on my.txt, preset text" in ended.out
    assert "tokengan generate runs/seqgan-my" in ended.out
    names = {path.name for path in (my_txt.parent / "runs" / "seqgan-my").iterdir()}
    assert {
        "config.yaml",
        "data.json",
        "metrics.jsonl",
        "samples",
        "checkpoints",
        "spec.json",
        "tokenizer.json",
    } <= names


def test_what_to_type_next_works_as_printed(tg, my_txt, tiny):
    printed = tg("train", "mle", "my.txt", "--epochs", "1", "--generator.hidden", "8", "--trainer.device", "cpu").out
    commands = [shlex.split(line)[1:] for line in printed.partition("Next:\n")[2].splitlines() if line.strip()]
    assert len(commands) == 2
    for command in commands:
        assert tg(*command).code == 0


def test_pain_02_generate_from_the_saved_run(tg, trained):
    """The run folder is all that is needed: the data file is gone."""
    ten = tg("generate", trained, "-n", 10, "--seed", 3)
    assert ten.code == 0
    assert len(ten.out.splitlines()) == 10
    assert tg("generate", trained, "-n", 10, "--seed", 3).out == ten.out
    assert tg("generate", trained, "-n", 10, "--seed", 4).out != ten.out
    assert tg("generate", trained, "-n", 4, "--seed", 3, "--json").json()["texts"] == ten.out.splitlines()[:4]
    greedy = tg("generate", trained, "-n", 3, "--greedy").out.splitlines()
    assert len(set(greedy)) == 1
    assert tg("generate", trained, "-n", 1, "--temperature", 0).out.splitlines() == greedy[:1]


def test_generate_writes_a_file_or_nothing(tg, trained, tmp_path):
    assert tg("generate", trained, "-n", 5, "--out", tmp_path / "a.txt").code == 0
    assert (tmp_path / "a.txt").read_text() == tg("generate", trained, "-n", 5).out
    assert tg("generate", trained, "--out", tmp_path / "no" / "a.txt").code == 2
    assert tg("generate", trained, "--out", tmp_path / "b.txt", "--top_p", 0).code == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.txt"]


def test_pain_03_text_not_ids(tg, trained, lines):
    words = set(" ".join(lines).split())
    texts = tg("generate", trained, "-n", 20).out.split()
    for path in (trained / "samples").iterdir():
        texts += path.read_text().split()
    assert texts
    assert set(texts) <= words


def test_pain_04_presets_named_after_tables_build_from_a_tiny_spec(tg):
    """Each shipped preset is read and built; those of an oracle's table fix its data."""
    from tokengan.config import configure
    from tokengan.registry import resolve
    from tokengan.tasks.labelled import LabelledTask
    from tokengan.tasks.oracle import OracleTask
    from tokengan.tasks.pairs import PairsTask

    tasks = {
        "oracle": OracleTask(vocab_size=20, length=6, size=64, valid=64, test=64),
        "labelled": LabelledTask("fortunes", labels=["food", "love"], max_length=8),
        "pairs": PairsTask("emoji:en-de", max_lines=64),
    }
    for name in known("methods"):
        usual = {preset: kind for kind, preset in resolve("methods", name).usual.items()}
        for preset, flags in resolve("methods", name).presets.items():
            kind = {"task": usual[preset]} if usual.get(preset) in ("labelled", "pairs") else {}
            data = None if "data" in flags or "task" in flags else "emoji"
            config = configure(name, data, preset=preset, settings=kind)
            method = config.build_method(tasks.get(config.task, tasks["oracle"]))
            assert method.phases()
            if preset.startswith("paper-oracle-"):
                assert flags["data"] == "oracle"
                assert config.values.data.length == int(preset.rpartition("-")[2])


def test_a_preset_lies_under_the_flags():
    from tokengan.config import configure

    config = configure("seqgan", preset="paper-oracle-20", settings={"credit.n": 3, "generator": "gru"})
    assert (config.values.credit.init_args.n, config.values.batch_size) == (3, 64)
    assert config.values.generator.class_path.endswith("GRU")
    other = configure("seqgan", "emoji", preset="paper-oracle-20")  # other data drop the settings of the oracle
    assert (other.task, other.values.data.source) == ("text", "emoji")


def test_pain_11_unknown_keys_suggest_the_nearest(tg, my_txt):
    wrong = {
        "--generator.hiden": "generator.hidden",
        "--hidden": "generator.hidden",
        "--roundz": "rounds",
        "--credit.m": "credit.n",
        "--data.colum": "data.column",
        "--trainer.evaluate_every": "trainer.eval_every",
        "--presett": "preset",
    }
    for flag, right in wrong.items():
        ended = tg("train", "seqgan", "my.txt", flag, "1")
        assert ended.code == 2
        assert f"did you mean '{right}'?" in ended.err, ended.err
    for words, right in (
        (("trian",), "train"),
        (("train", "seqgam"), "seqgan"),
        (("generate", "--temprature", "1"), "--temperature"),
    ):
        assert f"did you mean '{right}'?" in tg(*words).err
    ended = tg("train", "seqgan", "my.txt", "--generator", "lsmt")
    assert "did you mean 'lstm'? (known: " in ended.err
    assert "there are: " in tg("train", "seqgan", "--preset", "nope").err
    my_txt.with_name("c.yaml").write_text("method: mle\nepocs: 3\n")
    assert "did you mean 'epochs'?" in tg("train", "--config", "c.yaml", "my.txt").err


def test_pain_14_oracle_metrics_on_real_text_are_refused(tg, trained):
    assert "NLL-oracle" not in (trained / "final.json").read_text()


def test_pain_25_the_first_screen_of_the_help_runs(tg):
    assert "tokengan train seqgan my.txt" in tg("--help").out
    assert tg().out == tg("--help").out == tg("help").out


def test_config_yaml_replays_the_run_to_the_same_bits(tg, my_txt, tiny, trained):
    assert tg("train", "seqgan", "my.txt", "--out", "a", "--seed", "5", "--trainer.quiet", *tiny).code == 0
    assert tg("train", "--config", "a/config.yaml", "--out", "b").code == 0
    a, b = Path("a"), Path("b")
    assert weights(a) == weights(b)
    assert (a / "config.yaml").read_text() == (b / "config.yaml").read_text()
    last = weights(a)[0]
    assert (a / "samples" / f"{last}.txt").read_text() == (b / "samples" / f"{last}.txt").read_text()
    assert weights(a)[1] != weights(trained)[1]


def test_profile_shows_where_the_time_went_and_is_no_setting(tg, my_txt, tiny, trained):
    ended = tg("train", "seqgan", "my.txt", "--out", "run", "--trainer.quiet", "--profile", *tiny)
    assert ended.code == 0
    table = Path("run", "profile.txt").read_text()
    assert table in ended.out
    assert table.splitlines()[0].split("  ")[0] == "seconds"
    found = json.loads(Path("run", "profile.json").read_text())
    assert {"roll-outs", "scoring", "policy: backward"} < set(found["phases"]["adversarial"]["parts"])
    assert "final figures" in found["phases"][""]["parts"]
    assert Path("run", "config.yaml").read_text() == (trained / "config.yaml").read_text().replace(
        str(trained.parent), str(my_txt.parent)
    )
    assert weights(Path("run")) == weights(trained)
    assert not (trained / "profile.json").exists()
    assert "final figures" in tg("resume", "run", "--profile").out  # of this part of the run: nothing was left to train


def test_a_config_with_nothing_left_out_builds_the_same_config(my_txt):
    from tokengan.config import configure

    text = configure("seqgan", "my.txt", settings={"generator_optimiser.clip": None, "temperature.end": 0.3}).dump()
    my_txt.with_name("c.yaml").write_text(text)
    assert configure(None, file="c.yaml").dump() == text
    assert yaml.safe_load(text)["generator_optimiser"]["clip"] is None


def test_start_leaves_out_the_likelihood_phase_and_control_knows_nothing(tg, my_txt, tiny):
    ended = tg("train", "seqgan", "my.txt", "--out", "a", "--control", "constant", "--json", *tiny)
    report = ended.json()
    assert report["control"]["figures"]
    control = Path("a", "control-constant")
    records = [json.loads(line) for line in (control / "metrics.jsonl").read_text().splitlines()]
    assert "adversarial" in {record["phase"] for record in records}
    assert not any("discriminator/loss" in record["training"] for record in records)
    assert not any("D accuracy (held-out)" in record["figures"] for record in records)  # nobody taught it

    # It is the same run in everything but its reward and where it starts.
    one, other = (yaml.safe_load((folder / "config.yaml").read_text()) for folder in (Path("a"), control))
    assert {key for key in one | other if one.get(key) != other.get(key)} == {"reward", "start", "control"}
    from tokengan.training.run import Run

    ours, theirs = Run("a").weights("start"), Run(control).weights("start")
    assert all(ours[key].equal(theirs[key]) for key in ours if key.startswith("generator."))

    assert tg("train", "seqgan", "my.txt", "--out", "b", "--start", "a", *tiny).code == 0
    assert Run("b").records()[-1]["step"] == 3
    Path("a").rename("elsewhere")
    assert tg("resume", "b").code == 0  # what it began from is no longer needed
    assert tg("resume", "elsewhere").code == 0
    Path("elsewhere").rename("a")
    other = Path("other.txt")
    other.write_text("".join(f"quite other words, {number} of them\n" for number in range(20)))
    ended = tg("train", "seqgan", "other.txt", "--out", "c", "--start", "a", *tiny)
    assert ended.code == 2
    assert "trained on other data" in ended.err
    assert not Path("c").exists()


def test_resume_goes_on_to_the_same_bits_and_refuses_changed_data(tg, my_txt, tiny):
    assert tg("train", "seqgan", "my.txt", "--out", "whole", *tiny).code == 0
    stopped = tg(
        "train", "seqgan", "my.txt", "--out", "half", *tiny, "--trainer.max_minutes", "0.000001", "--json"
    ).json()
    assert stopped["status"] == "stopped"
    text = Path("half", "config.yaml").read_text().replace("max_minutes: 1.0e-06", "max_minutes: null")
    Path("half", "config.yaml").write_text(text)
    assert tg("resume", "half", "--json").json()["status"] == "done"
    assert weights(Path("half")) == weights(Path("whole"))
    my_txt.write_text("now\n" + my_txt.read_text())
    ended = tg("resume", "half")
    assert ended.code == 2
    assert "data have changed" in ended.err


# ---- evaluate and score


def test_evaluate_a_file_against_a_file(tg, my_txt):
    figures = tg("evaluate", my_txt, "--reference", my_txt, "--metrics", "bleu", "--json").json()
    assert figures[0]["name"] == "BLEU-2"
    assert figures[0]["value"] == pytest.approx(1)
    assert "BLEU-2" in tg("evaluate", my_txt, "--reference", my_txt).out


def test_evaluate_offers_costly_figures_by_name_and_encoder(tg, my_txt):
    asked = (
        "evaluate",
        my_txt,
        "--reference",
        my_txt,
        "--metrics",
        "fed",
        "ms-jaccard",
        "--encoder",
        "lsa:4",
        "--json",
    )
    figures = {figure["name"]: figure for figure in tg(*asked).json()}
    assert figures["FED"]["value"] < 1e-6
    assert "encoder=lsa-4" in figures["FED"]["signature"]
    assert figures["MS-Jaccard-2"]["value"] == pytest.approx(1.0)
    assert "mauve" in tg("evaluate", "--help").out


def test_evaluate_a_run_gives_the_figures_of_its_end(tg, my_txt, tiny):
    at_end = tg("train", "seqgan", "my.txt", "--out", "a", "--json", *tiny).json()["report"]
    assert tg("evaluate", "a", "--json").json() == at_end
    plain = tg("evaluate", "a").out
    assert "real text" in plain
    assert "equal entropy" in plain


def test_score_a_file(tg, trained, my_txt):
    rows = tg("score", trained, my_txt, "--json").json()
    assert len(rows) == 64
    assert all(0 < row["probability"] < 1 for row in rows)
    assert all(row["nll"] > 0 for row in tg("score", trained, my_txt, "--nll", "--json").json())
    assert len(tg("score", trained, my_txt).out.splitlines()) == 64


def test_score_needs_a_discriminator(tg, my_txt):
    tg("train", "mle", "my.txt", "--out", "m", "--epochs", "1", "--generator.hidden", "4", "--trainer.device", "cpu")
    ended = tg("score", "m", "my.txt")
    assert ended.code == 2
    assert "has no discriminator" in ended.err


# ---- a user's own classes


def test_classes_from_outside_the_package_by_their_path(tg, my_txt, monkeypatch):
    shutil.copy(EXAMPLES / "outside.py", my_txt.parent)
    monkeypatch.setattr(sys, "path", [*sys.path, str(my_txt.parent)])
    small = ("--generator.hidden", "8", "--batch_size", "16", "--trainer.device", "cpu")
    ended = tg(
        "train", "outside.Reinforced", "my.txt", "--preset", "short", "--reward.word", "cat", "--out", "a", *small
    )
    assert ended.code == 0, ended.err
    assert yaml.safe_load(Path("a/config.yaml").read_text())["reward"] == {
        "class_path": "outside.Contains",
        "init_args": {"word": "cat"},
    }
    refused = tg("generate", "a")
    assert refused.code == 2
    assert "--trust" in refused.err
    assert tg("generate", "a", "--trust").code == 0
    assert read_class("methods", "outside.Reinforced").presets == {"short": {"epochs": 2, "rounds": 3}}
    assert tg("explain", "outside.Reinforced").code == 0
    sys.modules.pop("outside", None)


# ---- the ends of a command


def test_an_interrupted_run_says_how_to_go_on(tg, my_txt, tiny, monkeypatch):
    from tokengan.methods.seqgan import SeqGAN

    def interrupted(self, i):
        raise KeyboardInterrupt

    monkeypatch.setattr(SeqGAN, "round", interrupted)
    ended = tg("train", "seqgan", "my.txt", "--out", "a", "--trainer.quiet", *tiny)
    assert ended.code == 130
    assert "tokengan resume a" in ended.err
    monkeypatch.undo()


def test_what_fails_before_the_first_checkpoint_leaves_no_folder(tg, my_txt, tiny, monkeypatch):
    from tokengan.methods.seqgan import SeqGAN

    monkeypatch.setattr(SeqGAN, "mle_loss", lambda self, x, i: self.generator(x)["logits"].sum() * float("nan"))
    ended = tg("train", "seqgan", "my.txt", "--out", "deep/er/a", "--trainer.quiet", *tiny)
    assert ended.code == 2
    assert "not a finite number" in ended.err
    assert os.listdir(my_txt.parent) == ["my.txt"]


def test_a_folder_that_holds_something_is_left_alone(tg, my_txt, tiny):
    Path("full").mkdir()
    Path("full", "precious.txt").write_text("mine")
    assert tg("train", "seqgan", "my.txt", "--out", "full", "--trainer.quiet", *tiny).code == 2
    assert os.listdir("full") == ["precious.txt"]


def test_debug_shows_the_traceback(tg):
    assert "Traceback" in tg("train", "nope", "--debug").err
    assert "Traceback" not in tg("train", "nope").err


def test_a_closed_pipe_is_quiet(trained):
    command = f"{shlex.quote(sys.executable)} -m tokengan generate {shlex.quote(str(trained))} -n 6000 | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""


def test_main_returns_what_the_console_script_exits_with():
    assert main(["--version"]) == 0
    assert re.match(r"\d+\.\d+", __import__("importlib.metadata").metadata.version("tokengan"))
