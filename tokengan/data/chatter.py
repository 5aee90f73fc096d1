"""Built-in data set `chatterbot`: messages and replies out of the conversations of the package chatterbot-corpus."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, distribution
from itertools import pairwise
from pathlib import Path
from typing import Any

from tokengan.data.fortunes import TOKEN
from tokengan.data.messages import brief, suggest
from tokengan.errors import UserError

__all__ = ["chatter_pairs", "neighbours"]

DEFAULT = "english"


def neighbours(turns: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield each turn of a dialogue with the one that answers it; blank turns count for nothing.

    >>> list(neighbours(["hello", "hi", " ", "how are you ?"]))
    [('hello', 'hi'), ('hi', 'how are you ?')]
    """
    return pairwise(turn for turn in turns if turn.strip())


def chatter_pairs(language: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield topic, message and reply in lower case, punctuation marks as tokens of their own; each pair once.

    The data files are read where the package is installed.

    >>> ("greetings", "how are you doing ?", "very well , thanks .") in list(chatter_pairs())
    True
    """
    # C's reader where it is there: the pure one takes seconds.
    import yaml

    reader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    seen: set[tuple[str, str]] = set()
    for path in sorted(_folder(language or DEFAULT).glob("*.yml")):
        told: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), Loader=reader)
        for turns in told.get("conversations") or ():
            for pair in neighbours([" ".join(TOKEN.findall(str(turn).lower())) for turn in turns or ()]):
                if pair not in seen:
                    seen.add(pair)
                    yield path.stem, *pair


def _folder(language: str) -> Path:
    try:
        folder = Path(str(distribution("chatterbot-corpus").locate_file("chatterbot_corpus/data")))
        languages = sorted(path.name for path in folder.iterdir() if path.is_dir() and any(path.glob("*.yml")))
    except (PackageNotFoundError, OSError):
        raise UserError("the data set chatterbot needs the package chatterbot-corpus: pip install it") from None
    if language not in languages:
        raise UserError(
            f"chatterbot:{brief(language)} is not there{suggest(language, languages)} Languages: {', '.join(languages)}"
        )
    return folder / language
