"""What a report was computed with."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

__all__ = ["versions"]


def versions() -> dict[str, str]:
    """Return the versions of what figures depend on, and the kind of machine.

    >>> list(versions())
    ['tokengan', 'torch', 'numpy', 'python', 'machine']
    """
    return {
        **{name: _version(name) for name in ("tokengan", "torch", "numpy")},
        "python": platform.python_version(),
        "machine": platform.machine(),
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:  # run from a checkout that was never installed
        return "not installed"
