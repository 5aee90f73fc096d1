"""Real sequences in: files, folders, built-in names and hub ids; splits; tokenizers; the data report."""

from tokengan.data.builtin import BUILTIN, KNOWN_HUB_IDS
from tokengan.data.lines import Lines
from tokengan.data.read import read_file
from tokengan.data.source import Corpus, load
from tokengan.data.write import atomic_write

__all__ = ["BUILTIN", "KNOWN_HUB_IDS", "Corpus", "Lines", "atomic_write", "load", "read_file"]
