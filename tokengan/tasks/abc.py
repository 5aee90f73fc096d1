"""Tunes in ABC notation, or as pitch sequences: a text task that knows what a melody is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from tokengan.data.levels import SPECIAL_NAMES, UNK, Level
from tokengan.data.lines import Lines
from tokengan.data.messages import listing, place
from tokengan.data.records import Column
from tokengan.errors import UserError
from tokengan.music.malformed import MalformedTune
from tokengan.music.pitches import read_pitches
from tokengan.music.reader import read_abc
from tokengan.music.tokens import first_bars, plain
from tokengan.music.tune import Tune
from tokengan.tasks.text import TextTask

__all__ = ["AbcTask"]


class AbcTask(TextTask):
    """Tunes of a file, a folder or a hub id, one a line; the report says how many can be read and whether bars add up.

    A generated tune has no columns: what its metre, unit length and key are has to be written in it. So these columns
    of the data become fields in front of the tune, one token each: `[M:6/8][L:1/8][K:G]`.

    Args:
        source: What `TextTask` reads.
        level: What a token is: `abc` (a note with accidental, octave and length; a bar line; a rest; a chord symbol),
            `char`, or `word` for pitch sequences, whole numbers between blanks.
        metre, unit, key: The columns that hold them, by name or number; an empty cell gives no field.
        bars: Keep only so many bars from the beginning, an upbeat counted as one; fewer where that ends in a tuplet.
        melody: Leave out chord symbols, decorations, grace notes, slurs and blanks.
        settings: Those of `TextTask`.
    """

    def __init__(
        self,
        source: str,
        *,
        level: Level = "abc",
        metre: Column = None,
        unit: Column = None,
        key: Column = None,
        bars: int | None = None,
        melody: bool = False,
        **settings: Any,
    ) -> None:
        if bars is not None and bars < 1:
            raise UserError(f"bars={bars} leaves nothing of a tune: give 1 or more, or leave it out")
        self.fields = {
            name: column for name, column in zip("MLK", (metre, unit, key), strict=True) if column is not None
        }
        if level == "word" and (self.fields or bars or melody):
            raise UserError(
                "level=word reads pitch sequences, which have no key, no bars and no chords: leave those out"
            )
        if settings.get("lowercase"):
            raise UserError("lowercase would move notes: C and c are an octave apart. Leave it out")
        self.bars, self.melody = bars, melody
        super().__init__(source, level=level, **settings)
        reader = read_pitches if level == "word" else read_abc
        splits = {name: _counts(self.decode(getattr(self, name)), reader) for name in self.report["splits"]}
        self.report["tunes"] = {"fields": {name: str(column) for name, column in self.fields.items()}, "splits": splits}
        self.report["notes"] += [note for name, counts in splits.items() for note in _notes(name, counts)]

    def prepare(self, lines: Lines) -> Lines:
        """Return the tunes as they are learned: cut, bare, with their fields."""
        texts = [plain(text) for text in lines.texts] if self.melody else lines.texts
        if self.bars is not None:
            texts = [first_bars(text, self.bars) for text in texts]
        for name, column in reversed(self.fields.items()):
            cells = _cells(lines, column)
            texts = [f"[{name}:{cell}]{text}" if cell else text for cell, text in zip(cells, texts, strict=True)]
        return replace(lines, texts=texts)


def _cells(lines: Lines, column: Column) -> list[str]:
    name = str(column)
    if name not in lines.columns:
        raise UserError(
            f"{place(lines.name)} has no column '{name[:40]}' beside the tune: there is "
            f"{listing(list(lines.columns)) if lines.columns else 'none, so leave out metre, unit and key'}"
        )
    return [str(cell if cell is not None else "").strip() for cell in lines.columns[name]]


def _read(text: str, reader: Callable[[str], Tune]) -> Tune | MalformedTune:
    try:
        return reader(text)
    except MalformedTune as error:
        return error


def _counts(texts: Sequence[str], reader: Callable[[str], Tune]) -> dict[str, Any]:
    """Count what can be read; a tune with a symbol outside the vocabulary is none of the source's own."""
    known = [text for text in texts if SPECIAL_NAMES[UNK] not in text]
    read = [_read(text, reader) for text in known]
    tunes = [tune for tune in read if isinstance(tune, Tune)]
    wrong = [(text, error) for text, error in zip(known, read, strict=True) if isinstance(error, MalformedTune)]
    pitches = [note.pitch for tune in tunes for note in tune.notes if note.pitch is not None]
    return {
        "tunes": len(texts),
        "with unknown symbols": len(texts) - len(known),
        "malformed": len(wrong),
        "first malformed": f"{wrong[0][0][:60]}: {wrong[0][1]}" if wrong else "",
        "fewer than two notes": sum(len(tune.sounding) < 2 for tune in tunes),
        "bars": sum(len(tune.bars) for tune in tunes),
        "bars that add up": sum(tune.fitting_bars() for tune in tunes),
        "tunes whose bars all add up": sum(tune.fitting_bars() == len(tune.bars) for tune in tunes if tune.bars),
        "pitches": [min(pitches), max(pitches)] if pitches else [],
    }


def _notes(name: str, counts: dict[str, Any]) -> list[str]:
    """Say in words what a reader of the report should know."""
    notes: list[str] = []
    if counts["malformed"]:
        share = counts["malformed"] / counts["tunes"]
        notes.append(f"{share:.1%} of the {name} tunes cannot be read ({counts['first malformed']})")
    if counts["bars that add up"] < counts["bars"]:
        share = 1 - counts["bars that add up"] / counts["bars"]
        notes.append(f"{share:.1%} of the {counts['bars']:,} bars of the {name} tunes do not add up")
    return notes
