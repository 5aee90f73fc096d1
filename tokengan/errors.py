"""The one exception that means "this can be mended by the person who asked"."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["UserError", "nearest"]


class UserError(ValueError):
    """A mistake of input or setting. The command line prints its text, without a traceback, and ends with exit code 2.

    The text says which file and line, what was expected, and what to do.

    >>> raise UserError("notes.txt is empty: give a file with one sequence a line")
    Traceback (most recent call last):
    ...
    tokengan.errors.UserError: notes.txt is empty: give a file with one sequence a line
    """


def nearest(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` for the known word nearest to `word`, or an empty string.

    >>> nearest("seqgam", ["mle", "seqgan"])
    "; did you mean 'seqgan'?"
    >>> nearest("zzz", ["mle", "seqgan"])
    ''
    """
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean '{close[0]}'?" if close else ""
