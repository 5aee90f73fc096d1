"""Reading files: every format, and what a person is told when a file is not what it should be."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest

from tokengan.data.read import read_file
from tokengan.errors import UserError


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    raw = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
    return path


@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize(
    ("name", "content", "column", "texts", "numbers"),
    [
        ("a.txt", "one\n\n  two \r\nthree", None, ["one", "two", "three"], [1, 3, 4]),
        ("a.csv", 'id,text\n1,"a, b"\n2,"say ""hi"""\n', "text", ["a, b", 'say "hi"'], [2, 3]),
        ("a.csv", 'text\n"two\nlines"\nnext\n', None, ["two lines", "next"], [2, 4]),
        ("a.csv", "x,one\ny,two\n", 2, ["one", "two"], [1, 2]),
        ("a.tsv", 'label\ttext\npos\tsay "hi\n', "text", ['say "hi'], [2]),
        ("a.jsonl", '{"text": "one", "n": 1}\n\n{"text": null}\n{"text": "two"}', None, ["one", "two"], [1, 4]),
        ("a.smi", "CCO ethanol\nC1CC1\n", None, ["CCO", "C1CC1"], [1, 2]),
        ("A.TXT", "\ufeffbom\n", None, ["bom"], [1]),
        ("a.txt", "one\u2028line\n", None, ["one line"], [1]),
    ],
)
def test_each_format_gives_texts_and_their_lines(tmp_path, ending, name, content, column, texts, numbers):
    lines = read_file(write(tmp_path, name + ending, content), column)
    assert lines.texts == texts
    assert lines.numbers == numbers
    assert lines.read - lines.blank == len(texts)


def test_other_columns_stay_beside_the_texts(tmp_path):
    lines = read_file(write(tmp_path, "a.csv", "id,text,label\n1,a,x\n2,,y\n3,c,z\n"), "text")
    assert lines.columns == {"id": ["1", "3"], "label": ["x", "z"]}
    lines = read_file(write(tmp_path, "a.jsonl", '{"t": "a", "refs": ["b"]}\n{"t": "c"}\n'), "t")
    assert lines.columns == {"refs": [["b"], None]}


def test_sha256_is_that_of_the_file_on_the_disk(tmp_path):
    lines = read_file(write(tmp_path, "a.txt", "one\n"))
    assert lines.sha256 == "2c8b08da5ce60398e1f19af0e5dccc744df274b826abe585eaba68c525434806"


def test_max_lines_reads_the_top_only(tmp_path):
    path = write(tmp_path, "a.txt", b"one\n\ntwo\n" + b"\xff not reached\n")
    assert read_file(path, max_lines=3).texts == ["one", "two"]


BAD = [
    ("a.txt", "", None, ["is empty", "one sequence a line"]),
    ("a.txt.gz", "", None, ["is empty"]),
    ("a.txt", "\n \n\t\n", None, ["only blank lines (3)"]),
    ("a.csv", "id,text\n", "text", ["is empty"]),
    ("a.txt", b"ab\ncd\0ef\n", None, ["zero byte at offset 5", "binary"]),
    ("a.txt", b"a\n" * 4000 + b"cd\0ef\n", None, ["line 4001", "zero byte at offset 8002"]),
    ("a.txt", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", None, ["binary"]),
    ("a.txt", "caf\u00e9\nna\u00efve\n".encode("latin-1"), None, ["line 1", "offset 3", "0xe9", "latin-1", "iconv"]),
    ("a.txt", b"ok\n" + "\u0441\u043b\u043e\u0432\u043e".encode("cp1251"), None, ["line 2", "offset 3", "cp1251"]),
    ("a.txt", "hello\n".encode("utf-16"), None, ["utf-16", "iconv -f utf-16 "]),
    ("a.txt", "hello\n".encode("utf-16-le"), None, ["utf-16le"]),
    ("a.txt", "hello\n".encode("utf-32"), None, ["utf-32"]),
    ("a.txt", gzip.compress(b"a\n", mtime=0), None, ["compressed with gzip", ".gz"]),
    ("a.txt", "one\rtwo\rthree", None, ["carriage return", "tr "]),
    ("a.txt", "one\n" + "x" * 2000 + "\n", None, ["line 2", "longer than 1,000 bytes", "max_line_bytes"]),
    ("a.txt", "one\n", "text", ["no columns", "column=text"]),
    ("a.csv", "id,text\n1,a\n", "txt", ["no column 'txt'", "did you mean 'text'", "'id', 'text'"]),
    ("a.csv", "id,text\n1,a\n", None, ["2 columns", "column=NAME", "'id', 'text'", "column=NUMBER"]),
    ("a.csv", "id,text\n1,a\n2,b,c\n", "text", ["line 3", "3 fields", "has 2"]),
    ("a.csv", "id,text\n1,a\n2,b\n", 3, ["no column '3'"]),
    ("a.csv", 'id,text\n1,"open\n2,b\n', "text", ["line 2", "quote"]),
    ("a.csv", "id;text\n1;a\n", None, ["line 1", "separated by ';'"]),
    ("a.tsv", "id\ttext\n1\ta\tb\n", "text", ["line 2", "3 fields"]),
    ("a.jsonl", '{"text": "a"}\n{"text": \n', "text", ["line 2", "not a JSON object", "character"]),
    ("a.jsonl", '["a"]\n', "text", ["line 1", "JSON list"]),
    ("a.jsonl", "[" * 500 + "]" * 500, "text", ["line 1"]),
    ("a.jsonl", '{"text": 5}\n', "text", ["line 1", "int", "not a text"]),
    ("a.jsonl", '{"a": "x", "b": "y"}\n', None, ["2 columns", "'a', 'b'"]),
    ("a.jsonl", '{"text": "a"}\n{"txt": "b"}\n', "text", ["line 2", "no column 'text'", "did you mean 'txt'"]),
    ("a.jsonl", '{"text": "\\ud800"}\n', "text", ["line 1", "surrogate"]),
    ("a.jsonl", '{"text": "a"}\n', 1, ["names, not numbers"]),
    ("a.dat", "one\n", None, ["no ending", ".txt"]),
    ("noending", "one\n", None, ["no ending"]),
]


@pytest.mark.parametrize(("name", "content", "column", "said"), BAD)
def test_pain_01_a_bad_file_is_named_with_line_and_remedy(tmp_path, name, content, column, said):
    path = write(tmp_path, name, content)
    with pytest.raises(UserError) as caught:
        read_file(path, column, max_line_bytes=1000)
    for part in [name, *said]:
        assert part in str(caught.value)


def test_pain_01_a_missing_file_suggests_its_neighbour(tmp_path):
    write(tmp_path, "corpus.txt", "a\n")
    with pytest.raises(UserError, match=r"corpsu.txt is not there; did you mean 'corpus.txt'"):
        read_file(tmp_path / "corpsu.txt")
    with pytest.raises(UserError, match="nor is its folder"):
        read_file(tmp_path / "nowhere" / "corpus.txt")


@pytest.mark.parametrize(
    "damage", [lambda raw: raw[:-9], lambda raw: raw[:30], lambda raw: raw[:20] + b"xx" + raw[22:]]
)
def test_pain_01_a_damaged_gzip_file_is_named(tmp_path, damage):
    path = tmp_path / "a.txt.gz"
    path.write_bytes(damage(gzip.compress(os.urandom(50).hex().encode() + b"\n")))
    with pytest.raises(UserError, match=r"a.txt.gz is a truncated or damaged gzip file"):
        read_file(path)


def test_pain_01_plain_text_called_gz_is_named(tmp_path):
    (tmp_path / "a.txt.gz").write_text("one\n")
    with pytest.raises(UserError, match="is not gzip"):
        read_file(tmp_path / "a.txt.gz")


def test_pain_01_a_huge_line_is_never_held_in_memory(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    path.write_bytes(b"x" * 10_000_000)
    longest = 0
    real_open = Path.open

    class Watched:
        """A reader whose lines are measured; the real one has no settable attributes."""

        def __init__(self, stream):
            self.stream = stream

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.stream.close()

        def peek(self, size):
            return self.stream.peek(size)

        def readline(self, size=-1):
            nonlocal longest
            raw = self.stream.readline(size)
            longest = max(longest, len(raw))
            return raw

    monkeypatch.setattr(Path, "open", lambda self, *args, **kwargs: Watched(real_open(self, *args, **kwargs)))
    with pytest.raises(UserError, match="line 1 is longer than 1,000,000 bytes"):
        read_file(path)
    assert 0 < longest <= 1_000_001


def test_pain_01_no_permission_is_said(tmp_path, monkeypatch):
    path = write(tmp_path, "a.txt", "one\n")

    def refuse(*_args, **_kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(UserError, match="may not be read by you"):
        read_file(path)


def test_a_folder_called_txt_is_no_file(tmp_path):
    (tmp_path / "a.txt").mkdir()
    with pytest.raises(UserError, match="not an ordinary file"):
        read_file(tmp_path / "a.txt")


def test_json_numbers_are_refused_and_strings_of_digits_are_not(tmp_path):
    path = write(tmp_path, "a.jsonl", json.dumps({"text": "5"}))
    assert read_file(path, "text").texts == ["5"]
