"""Molecules for all tests here."""

from __future__ import annotations

import random

import pytest


@pytest.fixture(scope="session")
def molecules() -> list[str]:
    """120 of the molecules that RDKit ships, of 10 to 40 characters, with a fixed draw."""
    from tokengan.chem.data import builtin_smiles

    return random.Random(0).sample([form for form in builtin_smiles() if 10 <= len(form) <= 40], 120)
