"""`tokengan compare ROW ...`: several methods on one data set, with seeds, temperatures, controls and intervals."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tokengan.cli.arguments import Parser, print_json, take_settings
from tokengan.errors import UserError

if TYPE_CHECKING:
    from tokengan.api.plan import Entry

__all__ = ["parse_row", "run"]

ABOUT = """Compare methods: every row with several seeds, sampled at several temperatures, on one data set.

  tokengan compare mle ngram seqgan --data my.txt
  tokengan compare mle seqgan "seqgan --credit.n 16 --name more --control constant" --seeds 5
  tokengan compare mle "mle --start mle --epochs 2 --name more-likelihood" judge --data my.txt --minutes 10
  tokengan compare --out runs/compare-my                 go on after a stop or a kill; finished cells are only read

A row is METHOD or METHOD:PRESET, with settings behind it where the whole row is quoted: --name is what tables call it,
--start ROW begins with that row's generator, --control constant plays the game again for a reward that knows nothing,
which is a row of its own. The first row is the base: the others are held against its temperature curve where both are
equally varied. Settings outside the quotes (--data.max_length 20) are every row's."""


def run(words: list[str]) -> int:
    """Compare."""
    parser = Parser("compare", ABOUT)
    parser.add_argument("rows", nargs="*", metavar="ROW", help="the base first")
    parser.add_argument("--data", help="a file, a folder, a built-in name, a hub id; none is the built-in oracle")
    parser.add_argument("--out", help="the comparison's folder (default: runs/compare-DATA)")
    parser.add_argument("--seeds", type=int, default=3, help="how many (default: 3)")
    parser.add_argument("--temperatures", type=float, nargs="+", default=(1.2, 1.0, 0.9, 0.8, 0.7), metavar="T")
    parser.add_argument("--samples", type=int, default=1000, help="sequences of each point (default: 1000)")
    parser.add_argument("--minutes", type=float, help="what each cell may train; none: its preset's own schedule")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="cells at a time, one thread each")
    parser.json_flag()
    left, settings = take_settings(words, parser.flags)
    asked = parser.read(left)

    from tokengan.api.compare import compare
    from tokengan.api.plan import PLAN, Plan

    if asked.processes < 1:
        raise UserError(f"--processes is {asked.processes}: give 1 or more")
    out = Path(asked.out or f"runs/compare-{Path(asked.data or 'oracle').name.partition('.')[0]}")
    if asked.rows:
        plan = Plan(
            tuple(map(parse_row, asked.rows)),
            asked.data,
            settings,
            asked.seeds,
            tuple(asked.temperatures),
            asked.samples,
            asked.minutes,
        )
        if (out / PLAN).exists():
            plan.goes_on(Plan.read(out))
        for entry in plan.entries:
            plan.config(out, entry, 0)  # a mistake in a row is told now, not by its cell
    else:
        plan = Plan.read(out)

    def tell(text: str) -> None:
        print(text, file=sys.stderr if asked.json else sys.stdout, flush=True)

    try:
        found = compare(plan, out, processes=asked.processes, tell=tell)
    except KeyboardInterrupt:
        print(f"go on with: tokengan compare --out {shlex.quote(str(out))}", file=sys.stderr)
        raise
    if asked.json:
        print_json(found.to_json())
    else:
        from tokengan.cli.text import comparison_text

        print(f"\n{comparison_text(found, out)}")
    return 1 if any(cell.status != "done" for _, cell in found.cells()) else 0


def parse_row(words: str) -> Entry:
    """Return a row as it is typed.

    >>> row = parse_row("seqgan:quick --credit.n 8 --name long")
    >>> row.name, row.method, row.preset, row.settings
    ('long', 'seqgan', 'quick', {'credit.n': '8'})
    >>> parse_row("mle --start mle --epochs 2").name
    'mle epochs 2'
    """
    from tokengan.api.plan import Entry

    left, settings = take_settings(_split(words), {})
    if len(left) != 1:
        raise UserError(f"'{words[:60]}' is no row: give a method, then its settings as --name value, all in quotes")
    method, _, preset = left[0].partition(":")
    name, start, control = (settings.pop(key, None) for key in ("name", "start", "control"))
    told = " ".join(f"{key} {value}" for key, value in settings.items())
    return Entry(name or " ".join(filter(None, [left[0], told])), method, preset or None, settings, start, control)


def _split(words: str) -> Sequence[str]:
    try:
        return shlex.split(words)
    except ValueError as error:
        raise UserError(f"'{words[:60]}' is no row: {str(error).lower()}") from None
