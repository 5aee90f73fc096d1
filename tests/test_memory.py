"""Freed memory stays with the process: the pages of a large block are asked for once."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

LOOP = """
import resource, sys
import torch
from tokengan.memory import keep_freed

if sys.argv[1] == "keep":
    assert keep_freed()
def pages():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        torch.ones(2**24)  # 64 MB: more than glibc ever keeps by itself
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


pages()
print(pages())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc alone is asked")
def test_large_blocks_cost_no_pages_once_they_were_there() -> None:
    faults = {
        what: int(subprocess.run([sys.executable, "-c", LOOP, what], capture_output=True, text=True, check=True).stdout)
        for what in ("keep", "leave")
    }
    assert faults["leave"] > 10 * (faults["keep"] + 1)
