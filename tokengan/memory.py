"""Freed memory stays with the process."""

from __future__ import annotations

import ctypes
from functools import cache

__all__ = ["keep_freed"]

MMAP_THRESHOLD, TRIM_THRESHOLD = -3, -1  # glibc's mallopt.h
MOST = 2**30


@cache
def keep_freed() -> bool:
    """Let the C library keep what is freed, and return whether it does: glibc alone is asked.

    By itself glibc hands every large block back to the system. A loop that makes a matrix of logits a step then gets
    new pages for each, whose zeroing costs as much as the mathematics (`docs/results/speed.md`). The peak of what a
    process holds is the same; between peaks it holds more.
    """
    mallopt = getattr(_library(), "mallopt", None)
    if mallopt is None:
        return False
    kept = any(mallopt(MMAP_THRESHOLD, size) for size in (MOST, 2**25))  # older ones take no more than 32 MB
    return bool(mallopt(TRIM_THRESHOLD, MOST)) and kept


def _library() -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL(None)
    except (OSError, TypeError):  # Windows has no such handle
        return None
