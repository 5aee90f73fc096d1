"""Held-out parts of one source, cut by distinct text and by seed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from tokengan.data.lines import Lines
from tokengan.data.messages import brief, place
from tokengan.errors import UserError

__all__ = ["MIN_DISTINCT", "cut"]

# A tenth of ten is one: with fewer distinct lines a held-out part would be empty or the training part no part at all.
MIN_DISTINCT = 10
MIN_OF_A_VALUE = 3  # one text for each part


def cut(
    lines: Lines,
    shares: dict[str, float | int],
    *,
    seed: int = 0,
    key: Callable[[str], str] = str,
    by: str | None = None,
) -> dict[str, Lines]:
    """Cut parts from a source and call the rest `train`.

    The parts are made of distinct texts: all copies of a line go to the same one, so that nothing a model saw in
    training is held out. Which part is decided by a hash of seed and text and not by the place of the line, so a text
    keeps its part when the file is sorted, and nearly always when lines are added.

    Args:
        lines: The source.
        shares: For each part, a share of the distinct texts below 1, or their number as an int.
        seed: Another seed gives other parts.
        key: Texts with the same key are copies of each other (`text_key` of the tokenizer).
        by: Column each of whose values gives every part its share, at least one distinct text; a text that stands under
            several values goes with the first.

    >>> lines = Lines("my.txt", [f"line {i % 20}" for i in range(40)], list(range(1, 41)))
    >>> parts = cut(lines, {"valid": 0.1, "test": 3})
    >>> {name: (len(part), len(set(part.texts))) for name, part in parts.items()}
    {'valid': (4, 2), 'test': (6, 3), 'train': (30, 15)}
    """
    keys = [key(text) for text in lines.texts]
    distinct = set(keys)
    _check(lines, len(distinct))
    sizes = {name: _size(name, share, len(distinct)) for name, share in shares.items()}
    if sum(sizes.values()) > len(distinct) // 2:
        raise UserError(
            f"{place(lines.name)}: {' and '.join(f'{name}={shares[name]}' for name in shares)} would hold out more "
            f"than half of the {len(distinct):,} distinct lines: ask for less"
        )
    order = sorted(
        distinct, key=lambda text: (hashlib.blake2b(f"{seed}:{text}".encode(), digest_size=8).digest(), text)
    )
    part_of: dict[str, str] = {}
    for group in _groups(lines, keys, order, by):
        first = 0
        for name, size in sizes.items():
            # The group's own share; of all texts together it is `size` itself.
            own = max(1, round(size * len(group) / len(distinct)))
            part_of |= dict.fromkeys(group[first : first + own], name)
            first += own
    places: dict[str, list[int]] = {name: [] for name in (*sizes, "train")}
    for i, text in enumerate(keys):
        places[part_of.get(text, "train")].append(i)
    return {name: lines.take(index) for name, index in places.items()}


def _check(lines: Lines, distinct: int) -> None:
    if distinct >= MIN_DISTINCT:
        return
    if distinct == 1 and len(lines) > 1:
        raise UserError(
            f"{place(lines.name)}: all {len(lines):,} texts are the same, '{brief(lines.texts[0])}': there is nothing "
            "to learn; check the column or give another file"
        )
    raise UserError(
        f"{place(lines.name)} has only {distinct} distinct lines, too few to hold any out: give at least {MIN_DISTINCT}"
    )


def _groups(lines: Lines, keys: list[str], order: list[str], by: str | None) -> list[list[str]]:
    """Return the distinct texts in order, apart for each value of a column. Raises UserError for one with too few."""
    if by is None:
        return [order]
    values = lines.columns[by]
    first: dict[str, int] = {}
    for i, text in enumerate(keys):
        first.setdefault(text, i)
    groups: dict[str, list[str]] = {value: [] for value in values}
    for text in order:
        groups[values[first[text]]].append(text)
    for value, texts in groups.items():
        if len(texts) < MIN_OF_A_VALUE:
            i = values.index(value)
            raise UserError(
                f"{place(lines.name)}: {by} '{brief(value)}' has {len(texts)} distinct "
                f"{'text' if len(texts) == 1 else 'texts'} ('{brief(lines.texts[i])}', line {lines.numbers[i]:,}), and "
                f"train, valid and test each need one: give at least {MIN_OF_A_VALUE}, or leave this {by} out"
            )
    return list(groups.values())


def _size(name: str, share: float | int, total: int) -> int:
    if isinstance(share, int) and share >= 1:
        return share
    if 0 < share < 1:
        return max(1, round(share * total))
    raise UserError(f"{name}={share} is no part of a data set: give a share above 0 and below 1, or a number of lines")
