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
for _ in range(3):
    held = [torch.ones(2**20) for _ in range(4)]
    del held
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(50):
    held = [torch.ones(2**20) for _ in range(4)]
    del held
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc alone is asked")
def test_large_blocks_cost_no_pages_once_they_were_there() -> None:
    faults = {
        what: int(subprocess.run([sys.executable, "-c", LOOP, what], capture_output=True, text=True, check=True).stdout)
        for what in ("keep", "leave")
    }
    assert faults["keep"] < 5_000
    assert faults["leave"] > 20 * faults["keep"]  # 200 blocks of 1,024 pages
