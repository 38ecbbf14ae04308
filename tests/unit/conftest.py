from __future__ import annotations

import sys

import pytest


@pytest.fixture(autouse=True)
def made_networks_begin_anew() -> None:
    """Have made networks hold the same numbers in every order of the tests, and import nothing for tests that make none."""
    if (made := sys.modules.get("tests.fixed_network")) is not None:
        made.begin_anew()
