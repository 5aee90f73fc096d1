"""Data sets by name that need no download, and hub ids that are known to hold the field's usual sets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

from tokengan.chem.data import builtin_smiles
from tokengan.data.chatter import chatter_pairs
from tokengan.data.emoji_names import emoji_names, emoji_pairs
from tokengan.data.fortunes import fortune_sentences
from tokengan.data.lines import Lines, text_digest
from tokengan.data.messages import place
from tokengan.data.read import collect
from tokengan.data.records import Column, Row
from tokengan.errors import UserError

__all__ = ["BUILTIN", "KNOWN_HUB_IDS", "TARGET", "HubId", "read_builtin"]

TARGET = "target"  # the column that a pair's second text stands in
VARIANTS = ("emoji", "chatterbot")

# Name -> what `tokengan data list` says of it.
BUILTIN = {
    "fortunes": "17,700 English sentences of 4 to 25 words, lower case, punctuation apart; column category",
    "smiles": "4,892 molecules of the National Cancer Institute as canonical SMILES (extra chem)",
    "emoji": "3,970 short names of emoji; emoji:de and 12 other languages; column emoji; emoji:en-de are pairs",
    "chatterbot": "1,600 messages with a reply to each, English; chatterbot:german and 20 other languages; pairs",
}


@dataclass(frozen=True)
class HubId:
    """A data set on the Hugging Face hub: its id, what it is, and the column with the text where that is known."""

    id: str
    what: str
    column: str | None = None


# Ids seen in public code or on the hub's own pages; they change hands, so a failure to load names the id.
KNOWN_HUB_IDS = (
    HubId("cornell-movie-review-data/rotten_tomatoes", "movie review sentences, 2 labels (MR)", "text"),
    HubId("stanfordnlp/sst2", "movie review phrases and sentences, 2 labels (SST-2)", "sentence"),
    HubId("SetFit/sst2", "movie review sentences, 2 labels (SST-2, whole sentences)", "text"),
    HubId("SetFit/sst5", "movie review sentences, 5 labels (SST-5)", "text"),
    HubId("fancyzhx/yelp_polarity", "Yelp reviews, 2 labels, long", "text"),
    HubId("bentrevett/multi30k", "picture captions, German and English (Multi30k)", "en"),
    HubId("li2017dailydialog/daily_dialog", "everyday dialogues (DailyDialog)"),
    HubId("yerevann/coco-karpathy", "picture captions (COCO)"),
    HubId("katielink/moses", "molecules as SMILES (MOSES)"),
    HubId("jxie/guacamol", "molecules as SMILES (GuacaMol)", "text"),
    HubId("yairschiff/qm9", "small molecules (QM9)"),
    HubId("tuetschek/e2e_nlg", "restaurant descriptions from data (E2E)", "human_reference"),
    HubId("webnlg-challenge/web_nlg", "sentences from triples (WebNLG); needs a configuration, as id:release_v3.0_en"),
)


def read_builtin(source: str, column: Column = None, *, max_lines: int | None = None) -> Lines:
    """Read a built-in data set, given as `name` or `name:option`.

    >>> lines = read_builtin("emoji:de", max_lines=3)
    >>> lines.texts, list(lines.columns)
    (['goldmedaille', 'silbermedaille', 'bronzemedaille'], ['emoji'])
    """
    name, _, option = source.partition(":")
    if column is not None:
        raise UserError(f"{place(source)} is built in and has its text already chosen: leave out column")
    if name not in VARIANTS and option:
        raise UserError(f"{name} has no variants: leave out everything from the colon on")
    lines = collect(source, islice(_rows(name, option), max_lines))
    return replace(lines, sha256=text_digest([*lines.texts, *lines.columns.get(TARGET, ())]))


def _rows(name: str, option: str) -> Iterator[Row]:
    if name == "smiles":
        rows = ((text, {}) for text in builtin_smiles())
    elif name == "fortunes":
        rows = ((text, {"category": category}) for category, text in fortune_sentences())
    elif name == "chatterbot":
        rows = ((message, {TARGET: reply, "topic": topic}) for topic, message, reply in chatter_pairs(option))
    elif "-" in option:
        one, _, other = option.partition("-")
        rows = ((text, {TARGET: target, "emoji": symbol}) for symbol, text, target in emoji_pairs(one, other))
    else:
        rows = ((text, {"emoji": symbol}) for symbol, text in emoji_names(option or "en"))
    return ((number, text, others) for number, (text, others) in enumerate(rows, 1))
