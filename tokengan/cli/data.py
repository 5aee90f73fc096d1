"""`tokengan data list/show/report`: what there is to train on."""

from __future__ import annotations

from itertools import islice
from shlex import quote

from tokengan.cli.arguments import Parser, print_json, take_settings
from tokengan.errors import UserError, nearest

__all__ = ["run"]

ABOUT = """What there is to train on.

  tokengan data list                built-in data sets and known hub ids
  tokengan data show SOURCE         the first sequences, as text and as tokens
  tokengan data report SOURCE       lines, vocabulary, lengths, copies, what is dropped and why

SOURCE is what `train` takes. Data settings may be given: --column NAME, --level char, --max_length 30 ...; molecules
and tunes are read as what they are with --task smiles and --task abc."""
ACTIONS = ("list", "show", "report")


def run(words: list[str]) -> int:
    """Print what was asked for."""
    parser = Parser("data", ABOUT)
    parser.add_argument("action", help="list, show or report")
    parser.add_argument("source", nargs="?", help="a file, a folder, a built-in name or a hub id")
    parser.add_argument("--task", help="what kind of sequences they are: text (the default), smiles, abc, ...")
    parser.add_argument("-n", type=int, default=10, help="sequences to show")
    parser.json_flag()
    left, settings = take_settings(words, parser.flags)
    asked = parser.read(left)
    if asked.action not in ACTIONS:
        raise UserError(f"data can {', '.join(ACTIONS)}, not '{asked.action[:60]}'{nearest(asked.action, ACTIONS)}")
    if asked.action == "list":
        return _list(asked.json)
    if asked.source is None:
        raise UserError(f"which data? tokengan data {asked.action} SOURCE, a file or a name of `tokengan data list`")
    return (_show if asked.action == "show" else _report)(asked, settings)


def _list(json: bool) -> int:
    from tokengan.data.builtin import BUILTIN, KNOWN_HUB_IDS

    built_in = {"oracle": "sequences of a random LSTM whose law is known (SeqGAN's synthetic task)", **BUILTIN}
    if json:
        hub = [{"id": known.id, "what": known.what, "column": known.column} for known in KNOWN_HUB_IDS]
        print_json({"built_in": built_in, "hub": hub})
        return 0
    print("Built in, no download:")
    for name, what in built_in.items():
        print(f"  {name:<12}{what}")
    print("\nOn the Hugging Face hub (pip install 'tokengan[hf]'):")
    width = max(len(known.id) for known in KNOWN_HUB_IDS)
    for known in KNOWN_HUB_IDS:
        column = f"; --data.column {known.column}" if known.column else ""
        print(f"  {known.id:<{width}}  {known.what}{column}")
    print(
        "\nNext: tokengan data report my.txt    (.txt, .csv, .tsv, .jsonl, .smi, each also .gz; one line, one sequence)"
    )
    return 0


def _task(asked, settings: dict[str, str]):  # noqa: ANN001, ANN202  # torch is imported only here
    from tokengan.config import configure

    named = {key if key.startswith("data.") else f"data.{key}": value for key, value in settings.items()}
    kind = {} if asked.task is None else {"task": asked.task}
    return configure("mle", asked.source, settings=named | kind).build_task()


def _show(asked, settings: dict[str, str]) -> int:  # noqa: ANN001
    if asked.n < 1:
        raise UserError(f"-n is {asked.n}: show 1 sequence or more")
    task = _task(asked, settings)
    rows = task.train.select(slice(0, asked.n))
    texts, lengths = task.decode(rows), rows.lengths.tolist()
    if asked.json:
        print_json(
            [
                {"text": text, "tokens": n, "ids": ids[:n]}
                for text, n, ids in zip(texts, lengths, rows.tokens.tolist(), strict=True)
            ]
        )
        return 0
    for text, n in islice(zip(texts, lengths, strict=True), asked.n):
        print(f"{n:>4} tokens  {text}")
    return 0


def _report(asked, settings: dict[str, str]) -> int:  # noqa: ANN001
    from tokengan.cli.text import data_text

    task = _task(asked, settings)
    if asked.json:
        print_json(task.report)
    else:
        print(data_text(task).rstrip())
        kind = "" if asked.task is None else f" --task {asked.task}"
        flags = "".join(f" --data.{k.removeprefix('data.')} {quote(v)}" for k, v in settings.items())
        print(f"\nNext: tokengan train seqgan {quote(asked.source)}{kind}{flags}")
    return 0
