"""The task of tunes: tokens, fields from columns, cutting, its report, and the shared folk tunes."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import fmean

import pytest

from tokengan.data.codec import TextCodec
from tokengan.data.tokenizer import Tokenizer
from tokengan.errors import UserError
from tokengan.music import objectives
from tokengan.music.malformed import MalformedTune
from tokengan.music.reader import read_abc
from tokengan.music.tokens import first_bars, tokens
from tokengan.tasks.abc import AbcTask

TUNES = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "folk-tunes-abc"
needs_tunes = pytest.mark.skipif(not TUNES.is_dir(), reason=f"the development data are not at {TUNES}")


@pytest.fixture
def file(tmp_path) -> Path:
    """40 tunes as a table: metre, key, tune; one cannot be read, one has a bar too long."""
    letters = "CDEFGABcde"
    rows = [
        f'4/4\t{key}\t"{key}"{letters[i]}2 (3{letters[i]}EF {letters[9 - i]}>G {key[0]}2|^f4- f4|B8|'
        for i in range(10)
        for key in ("G", "D", "A", "Dm")
    ]
    rows[3], rows[7] = "4/4\tDm\tB8|(B8|", "4/4\tDm\tB8|B8|^f4- f4B8|B8|"
    path = tmp_path / "my.tsv"
    path.write_text("\n".join(["metre\tkey\ttune", *rows]) + "\n")
    return path


def read(path: Path, **settings) -> AbcTask:
    return AbcTask(str(path), column="tune", **settings)


def test_tokens_are_symbols_and_tunes_come_back(file):
    task = read(file)
    assert {"^f4", "(3", '"Dm"', "|", ">", "-"} <= set(task.tokenizer.vocabulary)
    assert task.tokens == task.report["level"] == "abc"
    texts = task.decode(task.train)
    assert set(texts) <= {line.split("\t")[2] for line in file.read_text().splitlines()}
    assert task.decode(task.encode(texts)) == texts
    assert task.cut("[K:G]^c'3/2-|") == ["[K:G]", "^c'3/2", "-", "|"]


def test_the_tokenizer_cuts_where_the_reader_cuts(file):
    text = '[M:6/8]|:"Am"^c\'3/2>d {/ga}(3efg-|[1 g2 [CE]2:|2 x4 .~u!fermata!A||:Z4|::1,3 y `&%'
    assert Tokenizer.train([text], level="abc").tokens(text) == tokens(text)


def test_fields_come_from_columns_and_melodies_are_bare(file):
    task = read(file, metre="metre", key="key", melody=True, bars=2)
    for text in [*task.decode(task.train), *task.decode(task.test)]:
        assert text.startswith("[M:4/4][K:")
        assert not set('" ') & set(text)
        assert text.count("|") == 2
    assert task.report["tunes"]["fields"] == {"M": "metre", "K": "key"}


def test_no_cut_tune_is_in_two_splits(tmp_path):
    path = tmp_path / "my.txt"
    path.write_text("\n".join(f"{a}{b}|{c}2|" for a in "CDEFG" for b in "CDEFG" for c in "ABcdefg"))
    task = AbcTask(str(path), bars=1)
    assert not any(task.report["shared_texts"].values())
    assert len(set(task.decode(task.test))) == 2  # a tenth of the 25 beginnings


def test_the_report_counts_tunes_and_bars(file):
    task = read(file, valid=0.2, test=0.2)
    splits = task.report["tunes"]["splits"]
    known = sum(counts["tunes"] - counts["with unknown symbols"] for counts in splits.values())
    assert sum(counts["malformed"] for counts in splits.values()) == 1
    assert sum(counts["bars"] - counts["bars that add up"] for counts in splits.values()) == 1
    assert sum(counts["bars"] for counts in splits.values()) == 3 * (known - 1) + 1
    assert any("do not add up" in note for note in task.report["notes"])
    assert any("cannot be read (B8|(B8" in note for note in task.report["notes"])
    json.dumps(task.report)


def test_char_level_and_what_is_saved(file, tmp_path):
    task = read(file, level="char", key="key")
    assert max(map(len, task.tokenizer.vocabulary[4:])) == 1
    task.save(tmp_path)
    assert TextCodec.load(tmp_path).decode(task.valid) == task.decode(task.valid)


def test_pitch_sequences_are_read_at_level_word(tmp_path):
    path = tmp_path / "my.txt"
    path.write_text("\n".join([*(f"{m} 1 {m + 7} 0 {m + 2}" for m in range(2, 40)), "14 -3 15"]))
    task = AbcTask(str(path), level="word")
    counts = task.report["tunes"]["splits"]
    assert sum(split["malformed"] + split["with unknown symbols"] for split in counts.values()) >= 1
    assert objectives.tonality(task.decode(task.encode(["5 1 12 0 7"]))) == [0.5]


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"key": "kye"}, "no column 'kye' beside the tune: there is 'metre', 'key'"),
        ({"bars": 0}, "bars=0"),
        ({"lowercase": True}, "an octave apart"),
        ({"level": "word", "bars": 4}, "level=word reads pitch sequences"),
    ],
)
def test_wrong_settings_are_told(file, settings, says):
    with pytest.raises(UserError, match=says):
        read(file, **settings)


def test_a_file_without_columns_has_no_keys(tmp_path):
    path = tmp_path / "my.txt"
    path.write_text("\n".join(f"{a}{b}" for a in "CDEFG" for b in "CDEFG"))
    with pytest.raises(UserError, match="none, so leave out metre, unit and key"):
        AbcTask(str(path), key="key")


def test_the_task_goes_by_its_short_name(file):
    from tokengan.config import configure

    given = {"data.source": str(file), "data.column": "tune", "data.key": "key"}
    assert isinstance(configure("mle", "abc", settings=given).build_task(), AbcTask)
    with pytest.raises(UserError, match="the task abc needs data"):
        configure("mle", "abc")


@needs_tunes
@pytest.mark.parametrize(
    ("level", "name"), [("abc", "nottingham"), ("abc", "nottingham_melody"), ("char", "nottingham")]
)
def test_every_shared_tune_comes_back(level, name):
    texts = [line.split("\t")[-1] for line in (TUNES / f"{name}.tsv").read_text(encoding="utf-8").splitlines()]
    tokenizer = Tokenizer.train(texts, level)
    assert len(texts) == 1034
    assert [tokenizer.decode(ids) for ids in tokenizer.encode_many(texts)] == texts


@needs_tunes
def test_nottingham_is_read_and_its_bars_add_up():
    rows = [line.split("\t") for line in (TUNES / "nottingham.tsv").read_text(encoding="utf-8").splitlines()][:600:2]
    tunes, malformed = [], []
    for _, title, metre, unit, key, text in rows:
        try:
            tunes.append(read_abc(text, key, metre, unit or None))
        except MalformedTune:
            malformed.append(title)
    # A tie between two pitches, an old tempo mark, plus signs.
    assert malformed == ["Cadeau's Jig", "Abram Circle", "Dance All Night"]
    assert sum(tune.fitting_bars() for tune in tunes) > 0.99 * sum(len(tune.bars) for tune in tunes)
    assert all(40 < note.pitch < 100 for tune in tunes for note in tune.sounding)


@needs_tunes
def test_every_cut_of_a_readable_nottingham_tune_is_readable():
    lines = (TUNES / "nottingham.tsv").read_text(encoding="utf-8").splitlines()
    cuts = 0
    for number, (_, _, metre, unit, key, text) in enumerate(line.split("\t") for line in lines):
        beginning = first_bars(text, 1 + number % 3)
        try:
            cuts += bool(read_abc(beginning, key, metre, unit or None).bars)
        except MalformedTune:
            with pytest.raises(MalformedTune):
                read_abc(text, key, metre, unit or None)
    assert cuts >= 1025


@needs_tunes
def test_organs_pitch_sequences_differ_from_its_random_control():
    folk = AbcTask(str(TUNES / "organ_music_folk_veryshort.txt"), level="word", max_lines=300)
    assert folk.report["tunes"]["splits"]["train"]["malformed"] == 0
    random = (TUNES / "organ_music_random.txt").read_text().splitlines()[:300]
    real = folk.decode(folk.train)
    assert fmean(objectives.validity(real)) > 0.99
    assert fmean(objectives.diatonic_steps(real)) > 3 * fmean(objectives.diatonic_steps(random))
