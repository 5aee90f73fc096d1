"""Likelihood on pairs learns: held-out names in another language, not a language model of them."""

from __future__ import annotations

import json

import pytest
import torch

import tokengan
from tokengan.cli import main
from tokengan.data.emoji_names import emoji_pairs
from tokengan.errors import UserError
from tokengan.methods.mle import MLE
from tokengan.sequences import Sequences
from tokengan.tasks.pairs import PairsTask

SMALL = {
    **{"generator.embedding": 48, "generator.hidden": 64, "generator.dropout": 0.1, "generator_optimiser.lr": 1e-2},
    **{"batch_size": 32, "patience": None, "trainer.eval_every": 100},
}
QUIET = {"task": "pairs", "trainer.device": "cpu", "trainer.quiet": True}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A few seconds on names of emoji that come in five skin tones, some of them held out."""
    folder = tmp_path_factory.mktemp("runs")
    pairs = [f"{one}\t{other}" for _, one, other in emoji_pairs("en", "de") if "skin tone" in one and "," not in one]
    (folder / "tones.tsv").write_text("\n".join(["en\tde", *pairs[:700]]))
    data = {"data.column": "en", "data.target": "de"}
    return tokengan.train("mle", folder / "tones.tsv", out=folder / "run", epochs=20, **SMALL, **QUIET, **data)


def test_it_learns_to_translate(trained):
    """Held-out names are likely for their own source, and no others'."""
    figures = {figure.name: figure.value for figure in trained.report.figures}
    assert figures["sacreBLEU (beam 5)"] > 30
    assert figures["NLL-test"] < 1
    x = trained.method.task.test
    turned = x.replace(condition={"source": x.condition["source"].select(torch.arange(len(x)).roll(7))})
    with torch.no_grad():
        own, other = ((-trained.method.generator.score(one)["logp"][x.mask]).mean().item() for one in (x, turned))
    assert other > own + 1


def test_a_run_writes_for_sources_by_sampling_and_by_beams(trained, tmp_path, capsys):
    source = tmp_path / "sources.txt"
    learnt = trained.method.task.train.select(slice(0, 20))
    source.write_text("".join(f"{text}\n" for text in learnt.columns["source"]))
    assert main(["generate", str(trained.path), "--source", str(source), "--beams", "4"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 20
    assert sum(line == target for line, target in zip(lines, learnt.columns["target"], strict=True)) >= 10
    assert main(["generate", str(trained.path), "--source", str(source), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["sources"] == source.read_text().splitlines()
    assert len(told["texts"]) == 20
    loaded = tokengan.load(trained.path)
    texts = source.read_text().splitlines()
    assert loaded.generate(source=texts, beams=4) == lines
    assert loaded.generate(source=texts, greedy=True) == loaded.generate(source=texts, beams=1)
    assert loaded.nll([f"{texts[0]}\t{lines[0]}"])[0] < loaded.nll([f"{texts[19]}\t{lines[0]}"])[0]
    for words, said in (
        ([], "there is no source to write for"),
        (["--source", str(source), "-n", "3"], "there are 20 sources for 3 texts"),
        (["--source", str(source), "--beams", "2", "--greedy"], "beams take the likeliest"),
    ):
        assert main(["generate", str(trained.path), *words]) != 0
        assert said in capsys.readouterr().err


def test_samples_stand_beside_their_sources(trained):
    for line in trained.samples(4):
        source, tab, text = line.partition("\t")
        assert tab
        assert source
        assert text


def test_a_generator_without_a_source_writes_targets_alone(tmp_path):
    """An unconditional generator learns the targets; a source asked of it is refused."""
    few = {"epochs": 1, "generator": "lstm", "generator.hidden": 8, "data.max_lines": 200}
    run = tokengan.train("mle", "emoji:en-de", out=tmp_path / "run", preset="none", **QUIET, **few)
    assert len(run.generate(3)) == 3
    assert len(set(run.generate(3, beams=5))) == 3
    with pytest.raises(UserError, match="reads no source: train with one that does"):
        run.generate(source=["red heart"])
    with pytest.raises(UserError, match="2 beams find 2 texts, not 3"):
        run.generate(3, beams=2)


def test_text_has_no_source(tmp_path):
    with pytest.raises(UserError, match="Seq2Seq writes for a source, and the sequences of this task have none"):
        tokengan.train("mle", "emoji", out=tmp_path / "run", generator="seq2seq", **{"trainer.device": "cpu"})


@pytest.mark.parametrize("name", ["seq2seq", "seq2seq_transformer"])
def test_scheduled_sampling_feeds_each_row_its_own_source(name):
    """With every token drawn, the loss is still that of the row's own source and target."""
    from tokengan.registry import resolve
    from tokengan.schedules import Schedule

    task = PairsTask("emoji:en-de", max_lines=100, max_length=6)
    method = MLE(task, resolve("generators", name), gold=Schedule(0.5))
    x: Sequences = method.real()
    teacher = MLE(task, resolve("generators", name)).mle_loss(x, 0)
    scheduled = method.mle_loss(x, 0)
    assert scheduled.requires_grad
    assert abs(float(scheduled.detach()) - float(teacher.detach())) < 1.0


def test_a_game_on_pairs_runs_through_roll_outs_and_a_judge_of_both(tmp_path):
    """SeqGAN's preset for pairs, made small: each fake is judged with the source that it was written for."""
    small = {
        **{"mle_epochs": 1, "d_rounds": 1, "rounds": 1, "g_steps": 2, "patience": None, "data.max_lines": 150},
        **{"generator.embedding": 8, "generator.hidden": 8, "discriminator.network.embedding": 8},
        **{"discriminator.network.widths": [1, 2], "discriminator.network.filters": [4, 4], "credit.n": 2},
    }
    run = tokengan.train("seqgan", "emoji:en-de", out=tmp_path / "run", **small, **QUIET)
    assert type(run.method.discriminator).__name__ == "Pair"
    assert run.result.status == "done"
    written = run.method.write(8)
    judged = run.method.judge(written).logits
    turned = written.replace(condition={"source": written.condition["source"].select(torch.arange(8).roll(1))})
    assert not torch.allclose(run.method.judge(turned).logits, judged)
    x = run.method.task.train.select(slice(0, 3))
    pairs = [f"{source}\t{target}" for source, target in zip(x.columns["source"], x.columns["target"], strict=True)]
    assert all(0 < p < 1 for p in tokengan.load(run.path).score(pairs))
