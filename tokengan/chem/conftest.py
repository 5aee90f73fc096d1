"""The examples in this folder's docstrings are run where RDKit is installed, and passed over where it is not."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("rdkit") else ["*.py"]
