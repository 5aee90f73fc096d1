"""Built-in data set `emoji`: the short names of emoji in 14 languages, from the package emoji (Unicode CLDR)."""

from __future__ import annotations

from collections.abc import Iterator

from tokengan.data.messages import brief, suggest
from tokengan.errors import UserError

__all__ = ["emoji_names"]


def emoji_names(language: str = "en") -> Iterator[tuple[str, str]]:
    r"""Yield emoji and name, each name once; the same name stands beside several spellings of one emoji.

    >>> rows = dict(emoji_names("en"))
    >>> rows["\N{DRAGON}"], dict(emoji_names("de"))["\N{DRAGON}"]
    ('dragon', 'drache')
    """
    try:
        import emoji
    except ImportError:
        raise UserError("the data set emoji needs the package emoji: pip install emoji") from None
    if language not in emoji.LANGUAGES:
        raise UserError(
            f"emoji:{brief(language)} is not there{suggest(language, emoji.LANGUAGES)} "
            f"Languages: {', '.join(emoji.LANGUAGES)}"
        )
    emoji.config.load_language(language)
    seen: set[str] = set()
    for symbol, names in emoji.EMOJI_DATA.items():
        name = names.get(language, "").strip(":").replace("_", " ")
        if name and name not in seen:
            seen.add(name)
            yield symbol, name
