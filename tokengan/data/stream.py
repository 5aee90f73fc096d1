"""Lines of a file, plain or gzipped, one at a time and never more than a limit of any."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path

from tokengan.data.encoding import check_head, decode_line
from tokengan.data.messages import place
from tokengan.errors import UserError

__all__ = ["MAX_LINE_BYTES", "text_lines"]

MAX_LINE_BYTES = 1_000_000


def text_lines(path: Path, max_line_bytes: int = MAX_LINE_BYTES) -> Iterator[tuple[int, str]]:
    """Yield number and text of each line, without the line end. Raises UserError for anything but UTF-8 text."""
    try:
        with path.open("rb") as file:
            if path.suffix.lower() == ".gz":
                with gzip.open(file) as inner:
                    yield from _decoded(path, inner, max_line_bytes)
            else:
                yield from _decoded(path, file, max_line_bytes)
    except gzip.BadGzipFile:
        raise UserError(f"{place(path)} ends in .gz but is not gzip: drop the .gz, or compress it with gzip") from None
    except (EOFError, zlib.error):
        raise UserError(f"{place(path)} is a truncated or damaged gzip file: copy or download it again") from None
    except PermissionError:
        raise UserError(f"{place(path)} may not be read by you: ask for read permission (chmod +r)") from None
    except OSError as error:
        raise UserError(f"{place(path)} cannot be read ({error.strerror or error}): check the disk") from None


def _decoded(path: Path, stream: BufferedReader | gzip.GzipFile, max_line_bytes: int) -> Iterator[tuple[int, str]]:
    check_head(path, stream.peek(4096)[:4096])
    number = offset = 0
    while raw := stream.readline(max_line_bytes + 1):
        number += 1
        if len(raw) > max_line_bytes and not raw.endswith(b"\n"):
            raise UserError(
                f"{place(path, number)} is longer than {max_line_bytes:,} bytes: one line is one sequence; break it "
                f"into lines{_old_line_ends(raw)}, or raise max_line_bytes"
            )
        line = raw.rstrip(b"\r\n")
        if b"\r" in line:
            raise UserError(
                f"{place(path, number)} holds a carriage return at offset {offset + line.index(13)}"
                f"{_old_line_ends(line)}"
            )
        yield number, decode_line(line, path, number, offset)
        offset += len(raw)


def _old_line_ends(raw: bytes) -> str:
    return " (old Mac line ends? convert with: tr '\\r' '\\n' < OLD > NEW)" if b"\r" in raw else ""
