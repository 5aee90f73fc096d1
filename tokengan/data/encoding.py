"""Bytes to text: UTF-8 and nothing else, with a guess at what the file is when it is not UTF-8."""

from __future__ import annotations

import codecs
from pathlib import Path

from tokengan.data.messages import place
from tokengan.errors import UserError

__all__ = ["check_head", "decode_line"]

GZIP_MAGIC = b"\x1f\x8b"
# UTF-32 first: its little-endian mark begins with that of UTF-16.
MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def _convert(encoding: str) -> str:
    return f"convert it with: iconv -f {encoding} -t utf-8 OLD > NEW"


def check_head(path: Path, head: bytes) -> None:
    r"""Raise UserError where the first bytes of a file show that it is not UTF-8 text.

    >>> check_head(Path("a.txt"), b"hello")
    >>> check_head(Path("a.txt"), b"\xff\xfeh\x00i\x00")
    Traceback (most recent call last):
    ...
    tokengan.errors.UserError: a.txt is utf-16 text, not UTF-8: convert it with: iconv -f utf-16 -t utf-8 OLD > NEW
    """
    if head.startswith(GZIP_MAGIC):
        raise UserError(f"{place(path)} is compressed with gzip: let its name end in .gz, as in lines.txt.gz")
    for mark, encoding in MARKS:
        if head.startswith(mark):
            raise UserError(f"{place(path)} is {encoding} text, not UTF-8: {_convert(encoding)}")
    if b"\0" in head:
        for first, encoding in ((1, "utf-16le"), (0, "utf-16be")):
            # Text in Latin letters has a zero byte in every second place, in binary data they stand anywhere.
            if head[first::2].count(0) > 0.8 * (len(head) // 2) and head[1 - first :: 2].count(0) == 0:
                raise UserError(f"{place(path)} looks like utf-16 text, not UTF-8: {_convert(encoding)}")
        raise UserError(
            f"{place(path)} is a binary file (a zero byte at offset {head.index(0)}): give a text file with one "
            "sequence a line"
        )


def _guess(raw: bytes) -> str:
    """Name the encoding of a line that is not UTF-8, as far as its bytes tell."""
    high = sum(byte >= 0x80 for byte in raw)
    # Western text has an accent here and there; in Cyrillic, Greek or East Asian text most bytes are high.
    if high > 0.3 * len(raw):
        return "it may be gb18030, shift_jis, euc-kr, cp1251 or the like: convert it with: iconv -f THAT -t utf-8"
    try:
        raw.decode("cp1252")
    except UnicodeDecodeError:
        return "it may be damaged or binary: save it again as UTF-8 text"
    return f"it looks like latin-1 (windows-1252): {_convert('windows-1252')}"


def decode_line(raw: bytes, path: Path, number: int, offset: int) -> str:
    r"""Return one line as text. Raises UserError naming line, byte offset in the file and the likely encoding.

    Args:
        raw: The line without its line end.
        path: Its file, for the message.
        number: Number of the line, from 1.
        offset: Bytes of the file before the line.

    >>> decode_line("caf\u00e9".encode(), Path("a.txt"), 1, 0)
    'café'
    """
    if number == 1:
        raw = raw.removeprefix(codecs.BOM_UTF8)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{place(path, number)} is not UTF-8: byte 0x{raw[error.start]:02x} at offset {offset + error.start}; "
            f"{_guess(raw)}"
        ) from None
    if "\0" in text:
        raise UserError(
            f"{place(path, number)} has a zero byte at offset {offset + raw.index(0)}: the file is binary or damaged; "
            "give a text file with one sequence a line"
        )
    return text
