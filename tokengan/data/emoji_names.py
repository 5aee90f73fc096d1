"""Built-in data set `emoji`: the short names of emoji in 14 languages, from the package emoji (Unicode CLDR)."""

from __future__ import annotations

from collections.abc import Iterator

from tokengan.data.messages import brief, suggest
from tokengan.errors import UserError

__all__ = ["emoji_names", "emoji_pairs"]


def emoji_names(language: str = "en") -> Iterator[tuple[str, str]]:
    r"""Yield emoji and name, each name once; the same name stands beside several spellings of one emoji.

    >>> rows = dict(emoji_names("en"))
    >>> rows["\N{DRAGON}"], dict(emoji_names("de"))["\N{DRAGON}"]
    ('dragon', 'drache')
    """
    seen: set[str] = set()
    for symbol, (name,) in _names(language):
        if name not in seen:
            seen.add(name)
            yield symbol, name


def emoji_pairs(one: str, other: str) -> Iterator[tuple[str, str, str]]:
    r"""Yield emoji and its names in two languages, each pair of names once.

    >>> next(row for row in emoji_pairs("en", "de") if row[0] == "\N{RED APPLE}")[1:]
    ('red apple', 'roter apfel')
    """
    seen: set[tuple[str, ...]] = set()
    for symbol, names in _names(one, other):
        if names not in seen:
            seen.add(names)
            yield symbol, names[0], names[1]


def _names(*languages: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield every emoji that has a name in all languages, with its names."""
    try:
        import emoji
    except ImportError:
        raise UserError("the data set emoji needs the package emoji: pip install emoji") from None
    for language in languages:
        if language not in emoji.LANGUAGES:
            raise UserError(
                f"emoji:{brief(language)} is not there{suggest(language, emoji.LANGUAGES)} "
                f"Languages: {', '.join(emoji.LANGUAGES)}; two of them, as emoji:en-de, are pairs"
            )
        emoji.config.load_language(language)
    for symbol, known in emoji.EMOJI_DATA.items():
        names = tuple(known.get(language, "").strip(":").replace("_", " ") for language in languages)
        if all(names):
            yield symbol, names
