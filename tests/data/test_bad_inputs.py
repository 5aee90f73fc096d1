"""300 generated bad inputs: each ends in one paragraph for a person, and leaves nothing behind."""

from __future__ import annotations

import gzip
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tokengan.data import load
from tokengan.errors import UserError
from tokengan.tasks.text import TextTask

# A case writes what it needs into a folder and returns the arguments of `load`.
Case = Callable[[Path], dict[str, Any]]

words = st.text(st.characters(blacklist_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=12).filter(
    lambda text: text.strip() and "\x85" not in text
)
names = st.from_regex(r"[a-z]{1,8}", fullmatch=True)
good_lines = st.integers(12, 30).map(lambda count: [f"line{i * i}" for i in range(count)])
plain = st.sampled_from([".txt", ".csv", ".tsv", ".jsonl", ".smi"])
tables = st.sampled_from([".csv", ".tsv"])
garbage = st.binary(min_size=1, max_size=300)


def file(name: str, content: bytes | str, **arguments: Any) -> Case:
    def make(folder: Path) -> dict[str, Any]:
        path = folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return {"source": str(path), "max_line_bytes": 1000, **arguments}

    return make


def table(columns: list[str], rows: list[list[str]], ending: str) -> str:
    mark = "," if ending == ".csv" else "\t"
    return "\n".join(mark.join(row) for row in [columns, *rows]) + "\n"


@st.composite
def nothing_in_it(draw: st.DrawFn) -> Case:
    blanks = draw(st.text(st.sampled_from(" \t\n"), max_size=20))
    return file(f"a{draw(st.sampled_from(['.txt', '.smi', '.jsonl', '.csv']))}", blanks)


@st.composite
def zero_bytes(draw: st.DrawFn) -> Case:
    raw = "\n".join(draw(good_lines)).encode()
    at = draw(st.integers(0, len(raw)))
    return file(f"a{draw(plain)}", raw[:at] + b"\0" + draw(garbage) + raw[at:])


@st.composite
def not_gzip(draw: st.DrawFn) -> Case:
    raw = gzip.compress("\n".join(draw(good_lines)).encode(), mtime=0)
    cut = draw(st.integers(1, len(raw) - 1))
    return file(
        f"a{draw(plain)}.gz", draw(st.sampled_from([raw[:cut], b"x" + raw, raw[:cut] + b"\xff\xff" + raw[cut:]]))
    )


@st.composite
def other_encoding(draw: st.DrawFn) -> Case:
    lines = [*draw(good_lines), "caf\u00e9 \u00fcber", *draw(good_lines)]
    encoding = draw(st.sampled_from(["latin-1", "cp1252", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]))
    return file("a.txt", "\n".join(lines).encode(encoding))


@st.composite
def long_line(draw: st.DrawFn) -> Case:
    lines = draw(good_lines)
    lines.insert(draw(st.integers(0, len(lines))), draw(words) * 1001)
    return file(f"a{draw(st.sampled_from(['.txt', '.smi', '.csv', '.tsv', '.jsonl']))}", "\n".join(lines))


@st.composite
def missing_column(draw: st.DrawFn) -> Case:
    columns = [f"x{name}" for name in draw(st.lists(names, min_size=2, max_size=40, unique=True))]
    asked = draw(st.one_of(st.none(), names.map(lambda name: f"y{name}"), words.map(lambda word: "?" + word * 30)))
    rows = [[name] * len(columns) for name in draw(good_lines)]
    if draw(st.booleans()):
        records = [json.dumps(dict(zip(columns, row, strict=True))) for row in rows]
        return file("a.jsonl", "\n".join(records), column=asked, max_line_bytes=10_000)
    ending = draw(tables)
    return file(f"a{ending}", table(columns, rows, ending), column=asked, max_line_bytes=10_000)


@st.composite
def ragged(draw: st.DrawFn) -> Case:
    ending = draw(tables)
    rows = [[str(i), name] for i, name in enumerate(draw(good_lines))]
    rows.insert(draw(st.integers(0, len(rows))), draw(st.lists(names, min_size=3, max_size=9)))
    return file(f"a{ending}", table(["id", "text"], rows, ending), column="text")


@st.composite
def broken_quotes(draw: st.DrawFn) -> Case:
    rows = [[str(i), name] for i, name in enumerate(draw(good_lines))]
    rows[draw(st.integers(0, len(rows) - 1))][1] = '"' + draw(names)
    return file("a.csv", table(["id", "text"], rows, ".csv"), column="text")


@st.composite
def broken_json(draw: st.DrawFn) -> Case:
    records = [json.dumps({"text": name}) for name in draw(good_lines)]
    wrong = st.one_of(
        st.sampled_from(
            ["{", "[1]", "3", "null", '"text"', '{"text": 3}', '{"text": ["a"]}', '{"text": "\\udc00"}', "{}"]
        ),
        words.map(lambda word: "{" + word),
        st.integers(1, 400).map(lambda depth: "[" * depth),
    )
    records.insert(draw(st.integers(0, len(records))), draw(wrong))
    return file("a.jsonl", "\n".join(records), column="text")


@st.composite
def one_value_only(draw: st.DrawFn) -> Case:
    value = draw(names)
    ending = draw(tables)
    rows = [[name, value] for name in draw(good_lines)]
    return file(f"a{ending}", table(["text", "label"], rows, ending), column="label")


@st.composite
def too_few(draw: st.DrawFn) -> Case:
    few = draw(st.lists(names, min_size=1, max_size=9))
    return file(f"a{draw(st.sampled_from(['.txt', '.smi']))}", "\n".join(few * draw(st.integers(1, 20))))


@st.composite
def bad_share(draw: st.DrawFn) -> Case:
    share = draw(
        st.one_of(st.floats(1, 9), st.floats(-3, 0), st.integers(-3, 0), st.integers(31, 999), st.just("x.txt"))
    )
    return file("a.txt", "\n".join(draw(good_lines)), **{draw(st.sampled_from(["valid", "test"])): share})


@st.composite
def no_such_name(draw: st.DrawFn) -> Case:
    word = draw(words)
    ending = draw(st.sampled_from(["", ".txt", ".csv.gz", ".doc", "/", "/x.txt"]))
    return lambda folder: {"source": str(folder / f"no{word.replace('/', '_')}") + ending}


@st.composite
def bare_word(draw: st.DrawFn) -> Case:
    word = draw(st.one_of(names, words, st.sampled_from(["fortune", "emojis", "emoji:xx", "fortunes:de", "", "a/b/c"])))
    return lambda _: {"source": f"zz{word.replace('/', '')}" if word and ":" not in word else word}


@st.composite
def unknown_ending(draw: st.DrawFn) -> Case:
    ending = draw(st.sampled_from(["", ".gz", ".doc", ".parquet", ".json", ".zip", ".txt.bz2", ".tok"]))
    return file(f"a{ending}", draw(garbage))


@st.composite
def folder_without_splits(draw: st.DrawFn) -> Case:
    held = draw(st.lists(st.sampled_from(["valid.txt", "test.csv", "README.md", "x.txt", "train"]), unique=True))
    twice = draw(st.booleans())

    def make(folder: Path) -> dict[str, Any]:
        for name in held + (["train.txt", "train.csv.gz"] if twice else []):
            (folder / name).write_text("a\nb\n")
        return {"source": str(folder)}

    return make


BAD_INPUTS = st.one_of(
    nothing_in_it(), zero_bytes(), not_gzip(), other_encoding(), long_line(), missing_column(), ragged(),
    broken_quotes(), broken_json(), one_value_only(), too_few(), bad_share(), no_such_name(), bare_word(),
    unknown_ending(), folder_without_splits(),
)  # fmt: skip


@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(BAD_INPUTS)
def test_pain_01_300_bad_inputs_each_get_one_paragraph_and_leave_nothing(case: Case):
    with tempfile.TemporaryDirectory() as name:
        arguments = case(Path(name))
        before = sorted(Path(name).rglob("*"))
        with pytest.raises(UserError) as caught:
            load(**arguments)
        message = str(caught.value)
        assert 20 < len(message) < 600, message
        assert message.isprintable(), message  # one line, so one paragraph
        assert "Traceback" not in message
        assert sorted(Path(name).rglob("*")) == before


@settings(max_examples=100, deadline=None, derandomize=True)
@given(content=st.binary(max_size=400), ending=st.sampled_from([".txt", ".csv", ".tsv", ".jsonl", ".smi", ".txt.gz"]))
def test_pain_01_any_bytes_are_a_task_or_a_user_error(content: bytes, ending: str):
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, f"a{ending}")
        path.write_bytes(gzip.compress(content) if ending.endswith(".gz") else content)
        try:
            task = TextTask(str(path), level="char")
        except UserError:
            return
        assert min(len(task.train), len(task.valid), len(task.test)) > 0
