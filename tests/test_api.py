"""The package in Python: the same names as the command line, and a run folder in use."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch

import tokengan
from tokengan import UserError
from tokengan.config import configure
from tokengan.config.settings import data_settings, flatten, overlay
from tokengan.generators.recurrent import GRU
from tokengan.registry import KINDS, class_path, known

LINES = [
    f"{a} {b} {c}"
    for a in ("one", "two", "three", "four")
    for b in ("red", "blue")
    for c in ("cats", "big dogs", "hens")
]
SMALL = {
    "mle_epochs": 1,
    "d_rounds": 1,
    "rounds": 1,
    "d_steps": 1,
    "batch_size": 8,
    "credit": {"n": 2},
    "generator": partial(GRU, hidden=6, embedding=6),
    "discriminator": "recurrent",
    "trainer": {"device": "cpu", "quiet": True},
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("api")
    (folder / "data.txt").write_text("\n".join(LINES))
    trained = tokengan.train("seqgan", folder / "data.txt", out=folder / "run", **SMALL)
    (folder / "data.txt").unlink()
    return trained


def test_importing_the_package_imports_no_torch():
    seen = "print('torch' in sys.modules)"
    program = f"import sys, tokengan; {seen}; tokengan.train; {seen}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
    with pytest.raises(AttributeError):
        _ = tokengan.nothing
    assert dir(tokengan) == tokengan.__all__


def test_train_returns_a_run_in_use(run):
    assert run.result.status == "done"
    assert run.report.figures
    assert isinstance(run.method.generator, GRU)
    assert len(run.generate(3)) == 3
    assert run.to_json()["step"] == 3


def test_load_gives_the_same_texts_and_the_same_log_probabilities(run):
    loaded = tokengan.load(run.path, "last")
    assert loaded.generate(20, seed=2) == run.generate(20, seed=2)
    assert loaded.nll(LINES) == run.nll(LINES)
    assert loaded.score(LINES) == run.score(LINES)
    assert loaded.generate(2000, seed=2)[:20] == loaded.generate(20, seed=2)
    start = tokengan.load(run.path, "start")
    assert start.nll(LINES) != loaded.nll(LINES)
    assert tokengan.load(run.path, 1).nll(LINES) == start.nll(LINES)


def test_the_unknown_word_is_written_only_when_asked_for(run):
    loaded = tokengan.load(run.path)
    with torch.no_grad():
        loaded.method.generator.output.bias[loaded.method.spec.unk] += 20
    assert not any("<unk>" in text for text in loaded.generate(50))
    assert any("<unk>" in text for text in loaded.generate(50, unknown=True))


def test_nll_is_the_mean_over_the_tokens_and_eos(run):
    text = LINES[0]
    x = run.method.task.encode([text])
    logp = run.method.generator(x)["logits"].log_softmax(-1)[0]
    by_hand = -sum(logp[t, token].item() for t, token in enumerate(x.tokens[0])) / len(text.split() + ["EOS"])
    assert run.nll([text])[0] == pytest.approx(by_hand, rel=1e-5)
    assert run.nll([]) == []


def test_settings_may_be_nested_dotted_or_classes():
    nested = flatten({"generator": partial(GRU, hidden=6), "credit": {"n": 2}})
    assert nested == {"generator": "tokengan.generators.recurrent.GRU", "generator.hidden": 6, "credit.n": 2}
    assert flatten({"credit.n": 2}) == {"credit.n": 2}


@pytest.mark.parametrize("null", [None, "null"])
def test_null_is_null_in_a_group_or_a_part_of_a_part(null, tmp_path):
    """One by one the parser would read it as the text "None". What is beside it keeps its value, also in a replay."""
    config = configure("maligan", settings={"estimator.baseline.end": null, "estimator.tempering": 0.5})
    baseline = config.values.estimator.init_args.baseline
    assert (baseline.start, baseline.end, baseline.over) == (1.0, None, 100)
    assert config.values.estimator.init_args.tempering == 0.5
    part = configure("seqgan", settings={"generator": "ensemble", "generator.member.init_std": null})
    assert part.values.generator.init_args.member.init_args.init_std is None
    (tmp_path / "config.yaml").write_text(config.dump())
    assert configure(None, file=tmp_path / "config.yaml").dump() == config.dump()


@pytest.mark.parametrize("method", ["seqgan", "maligan"])
@pytest.mark.parametrize("part", ["estimator", "credit"])
def test_every_part_takes_the_place_of_every_default(method, part):
    """Whatever the two have settings of one name for, and whatever the preset says of the default."""
    for name in known(KINDS[part]):
        values = configure(method, settings={part: name}).values
        assert values[part].class_path == class_path(KINDS[part], name)


def test_a_part_that_needs_a_setting_says_which():
    with pytest.raises(UserError, match=r"reward 'objective' needs reward\.function"):
        configure("seqgan", settings={"reward": "objective"})


def test_other_data_drop_the_settings_of_the_data_they_replace():
    preset = {**data_settings("oracle"), "data.length": 20, "rounds": 3}
    assert overlay(preset, data_settings("my.txt")) == {"rounds": 3, "task": "text", "data.source": "my.txt"}
    assert overlay(preset, {"data.length": 5})["data.length"] == 5
    assert overlay(preset, data_settings("oracle"))["data.length"] == 20


@pytest.mark.parametrize("data", [["a", "b"], 3, {"train": []}])
def test_data_that_cannot_be_replayed_are_refused(data):
    with pytest.raises(UserError, match="so that the run can be replayed"):
        tokengan.train("mle", data)


def test_evaluate_takes_texts():
    figures = tokengan.evaluate(["a b c", "a b d"], ["a b c"], metrics=["bleu"])
    assert figures[0].name == "BLEU-2"


def test_a_strangers_run_is_not_imported_unless_trusted(run, tmp_path, monkeypatch):
    import shutil

    stranger = tmp_path / "run"
    shutil.copytree(run.path, stranger)
    config = (stranger / "config.yaml").read_text()
    (tmp_path / "evil.py").write_text(
        "from pathlib import Path\nfrom tokengan.rewards.probability import Probability\n"
        "Path('ran').touch()\nclass Mine(Probability): pass\n"
    )
    (stranger / "config.yaml").write_text(config.replace("tokengan.rewards.probability.Probability", "evil.Mine"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError, match="trust=True"):
        tokengan.load(stranger)
    assert not Path("ran").exists()
    assert "evil" not in sys.modules
    assert tokengan.load(stranger, trust=True).generate(1)
    assert Path("ran").exists()
    sys.modules.pop("evil")


@pytest.mark.parametrize(
    ("method", "settings"),
    [
        ("seqgan", {"reward": "objective", "reward.function": "evil:f"}),
        ("organ", {"reward.objectives": "[variety, evil:f]"}),
        ("organ", {"reward.objectives": ["evil.f"]}),
        ("organ", {"reward.canonical": "evil:f"}),
        ("organ", {"reward.canonical": "tokengan.chem.pool:os.system"}),
    ],
)
def test_a_function_of_nobody_known_is_not_looked_up_unless_trusted(method, settings):
    from tokengan.config import configure

    with pytest.raises(UserError, match=r"the run names the function"):
        configure(method, "emoji", settings=settings, trust=False)
    configure("seqgan", "emoji", settings={"reward": "objective", "reward.function": "length"}, trust=False)
    configure("organ", "emoji", settings={"reward.canonical": "tokengan.rewards.functions:name_of"}, trust=False)


def test_resume_of_a_finished_run_changes_nothing(tmp_path):
    (tmp_path / "data.txt").write_text("\n".join(LINES))
    first = tokengan.train(
        "mle", tmp_path / "data.txt", out=tmp_path / "run", epochs=1, trainer={"device": "cpu", "quiet": True}
    )
    again = tokengan.resume(tmp_path / "run")
    assert again.generate(5) == first.generate(5)
    assert again.to_json() == first.to_json()


def test_an_oracle_run_is_loaded_without_the_oracle(tmp_path):
    data = {"length": 5, "vocab_size": 12, "size": 64, "valid": 32, "test": 32}
    settings = {f"data.{name}": value for name, value in data.items()}
    trainer = {"device": "cpu", "quiet": True}
    trained = tokengan.train("mle", out=tmp_path / "run", epochs=1, trainer=trainer, **settings)
    loaded = tokengan.load(tmp_path / "run")
    assert loaded.generate(4) == trained.generate(4)
    assert {len(text.split()) for text in loaded.generate(4)} == {5}
    assert "NLL-oracle" in {figure.name for figure in trained.report.figures}
