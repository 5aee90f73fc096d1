"""Real texts of `../shared/data`, for the tests that compare with measured values."""

from collections.abc import Callable
from pathlib import Path

import pytest

DATA = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture(scope="session")
def words() -> Callable[[str], list[list[str]]]:
    """Return a reader of a shared text file: its lines, cut at white space."""

    def read(name: str) -> list[list[str]]:
        path = DATA / name
        if not path.exists():
            pytest.skip(f"{path} is not there: this check needs the shared data")
        return [line.split() for line in path.read_text(encoding="utf-8").splitlines()]

    return read
