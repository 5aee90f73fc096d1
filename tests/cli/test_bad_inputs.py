"""Three hundred generated mistakes at the command line: each ends in one paragraph, exit code 2, and leaves nothing."""

from __future__ import annotations

import contextlib
import io
import os
import string
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tokengan.cli import VERBS, main

LINES = "".join(f"line number {number} of {number % 7}\n" for number in range(40)).encode()
WORD = st.text(string.ascii_letters + string.digits + "-_ßл☃", min_size=1, max_size=12)
NONSENSE = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=60)
TRAIN = ("train", "seqgan", "good.txt")


def command(words, files=None):
    return tuple(words), files or {}


def unlike(known):
    """Words that are none of those known."""
    return WORD.filter(lambda word: word not in known and not word.startswith("-"))


@st.composite
def bad_settings(draw):
    """A setting that does not exist, or a value that does not fit."""
    whole = draw(
        st.sampled_from(["rounds", "batch_size", "credit.n", "generator.hidden", "trainer.keep", "data.max_length"])
    )
    real = draw(st.sampled_from(["generator_optimiser.lr", "temperature.start", "lag", "discriminator.dropout"]))
    part = draw(st.sampled_from(["generator", "reward", "credit", "estimator.baseline", "discriminator"]))
    junk = draw(unlike({"true", "false", "null", "none", "nan", "inf"}).filter(lambda w: not _number(w)))
    key, value = draw(
        st.sampled_from(
            [
                (f"{whole}{junk}", "1"),
                (f"{part}.{junk}", "1"),
                (junk, "1"),
                (whole, junk),
                (whole, "1.5"),
                (whole, "-3"),
                (whole, "[1]"),
                (real, junk),
                (real, "nan"),
                (part, junk),
                (part, f"no.such.{junk}"),
                (part, "tokengan.spec.Spec"),
                (part, "os.path.join"),
                (part, ""),
                ("data.level", junk),
                ("data.drop_unknown", junk),
                ("temperature", "1"),
                ("trainer", junk),
                ("generator.dropout", "2"),
                ("batch_size", "0"),
                ("trainer.eval_every", "0"),
                ("trainer.precision", junk),
                ("trainer.device", junk),
                ("data.max_length", "1"),
                ("generator_optimiser.betas", "[1]"),
                ("discriminator.widths", "[[]]"),
                ("data.column", junk),
                ("data.pattern", "("),
            ]
        )
    )
    extra = ("--data.level", "regex") if key == "data.pattern" else ()
    return command([*TRAIN, f"--{key}={value}", *extra])


def _number(word):
    try:
        float(word)
    except ValueError:
        return False
    return True


@st.composite
def bad_files(draw):
    """A data file that holds nothing to train on."""
    name = draw(st.sampled_from(["bad.txt", "bad.csv", "bad.jsonl", "bad.tsv", "bad.txt.gz", "bad.smi"]))
    content = draw(
        st.sampled_from(
            [
                b"",
                b"\n\n\n",
                b"\x00\x01\x02" * 50,
                b"\xff\xfe" + b"a\x00" * 9,
                b"one line\n",
                b"same\n" * 50,
                b"\x80" * 99,
            ]
        )
        | st.binary(max_size=80)
    )
    column = draw(st.sampled_from([[], ["--data.column", "nope"]]))
    verb = draw(st.sampled_from([["train", "mle"], ["data", "report"], ["data", "show"]]))
    return command([*verb, name, *column], {name: content})


@st.composite
def bad_places(draw):
    """A path that leads nowhere."""
    where = draw(unlike({"fortunes", "emoji", "oracle", "text", "good.txt"}))
    words = draw(
        st.sampled_from(
            [
                ["train", "mle", f"{where}.txt"],
                ["train", "mle", f"nowhere/{where}/x.csv"],
                ["train", "mle", "."],
                ["resume", where],
                ["generate", where],
                ["score", where, "good.txt"],
                ["evaluate", f"{where}.txt"],
                ["evaluate", "good.txt", "--reference", f"{where}.txt"],
                ["evaluate", "good.txt", "--metrics", where],
                ["train", "--config", f"{where}.yaml"],
                ["train", "mle", "good.txt", "--start", where],
                ["data", "report", f"{where}.jsonl"],
                ["generate", "good.txt"],
                ["train", "mle", "good.txt", "--out", "good.txt"],
            ]
        )
    )
    return command(words)


@st.composite
def bad_words(draw):
    """Verbs, methods, presets and flags that there are not."""
    word = draw(unlike({*VERBS, "help", "mle", "seqgan", "quick", "list", "show", "report", "V", "h"}))
    verb = draw(st.sampled_from([verb for verb in VERBS if verb not in ("train", "data")]))
    words = draw(
        st.sampled_from(
            [
                [word],
                [verb, f"--{word}", "1"],
                ["explain", word],
                ["explain"],
                ["data", word],
                ["data"],
                ["train"],
                ["train", word],
                ["train", "mle", "--preset", word],
                ["train", "mle", "good.txt", "--seed", word + "x"],
                ["train", "mle", "good.txt", "--control", word],
                ["train", "mle", "good.txt", "more.txt"],
                ["generate", "good.txt", "-n", word + "x"],
                ["evaluate"],
                ["score", "good.txt"],
            ]
        )
    )
    return command(words)


@st.composite
def bad_configs(draw):
    """Config files that are none."""
    content = draw(
        st.sampled_from(
            [
                b"",
                b"- a\n- b\n",
                b"method: [\n",
                b"method: seqgan\nrounds: {}\nroundz: 1\n",
                b"method: seqgan\ngenerator: {class_path: 3}\n",
                b"method: 7\n",
                b"rounds: 3\n",
                b"method: seqgan\nseed: -1\n",
                b"method: seqgan\nseed: x\n",
                b"method: seqgan\ntask: nope\n",
                b"method: seqgan\ncredit:\n  class_path: rollout\n  init_args: {m: 1}\n",
                b"method: seqgan\n1: 2\n",
                b"method: seqgan\ndata: [1]\n",
                b"\xff\xff\xff",
                b"a: &a [*a]\n",
            ]
        )
        | NONSENSE.map(lambda text: text.encode())
    )
    words = draw(
        st.sampled_from(
            [["train", "--config", "c.yaml"], ["generate", "run"], ["resume", "run"], ["score", "run", "good.txt"]]
        )
    )
    name = "c.yaml" if "c.yaml" in words else "run/config.yaml"
    return command(words, {name: content})


BAD = st.one_of(bad_settings(), bad_settings(), bad_files(), bad_places(), bad_words(), bad_configs())


def _everything(folder):
    return sorted((str(path), path.stat().st_size) for path in Path(folder).rglob("*"))


def ends_well(words, files):
    """Assert that a command ends as a mistake should."""
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            for name, content in {"good.txt": LINES, **files}.items():
                Path(name).parent.mkdir(exist_ok=True)
                Path(name).write_bytes(content)
            there = _everything(folder)
            out, err = io.StringIO(), io.StringIO()
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = main(list(words))
            said = err.getvalue()
            assert code == 2, (code, said, out.getvalue()[-500:])
            assert "Traceback" not in said
            assert said.startswith("tokengan: ")
            assert said.count("\n") == 1
            assert 20 < len(said) < 800
            assert _everything(folder) == there
        finally:
            os.chdir(before)


# No shrinking: the examples are short, and each of its steps is a command.
@settings(
    max_examples=300, deadline=None, derandomize=True, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
)
@given(BAD)
def test_three_hundred_bad_inputs(bad):
    ends_well(*bad)


@pytest.mark.parametrize(
    "flags",
    [
        ["-n", "0"],
        ["-n", "-5"],
        ["--temperature", "-1"],
        ["--temperature", "nan"],
        ["--top_p", "1.5"],
        ["--top_k", "-1"],
        ["--checkpoint", "nope"],
        ["--checkpoint", "999"],
        ["--seed", "x"],
        ["--seed", "99999999999999999999999"],
    ],
)
def test_bad_values_for_a_good_run(trained, flags):
    ends_well(["generate", str(trained), *flags], {})


@pytest.mark.parametrize(
    "text", ["", "a sentence that is much too long for what this run was trained to write at home " * 3]
)
def test_bad_texts_for_a_good_run(trained, text):
    ends_well(["score", str(trained), "texts.txt"], {"texts.txt": f"{text}\n".encode()})


@pytest.mark.parametrize("name", ["spec.json", "tokenizer.json", "checkpoints/last", "checkpoints/best", "config.yaml"])
def test_a_run_that_is_not_whole(trained, tmp_path, name):
    import shutil

    broken = tmp_path / "broken"
    shutil.copytree(trained, broken)
    (broken / name).write_bytes(b"\x00{")
    words = ["generate", str(broken), *(["--checkpoint", "last"] if name.endswith("last") else [])]
    ends_well(words, {})
