"""Tests of the directories that tests have for themselves."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from framehop.config.environment import make_runtime_dir, runtime_parents
from tests.private_places import private_places


def test_nobody_outside_is_found_and_nobody_outside_finds_us() -> None:
    outside = runtime_parents()
    with private_places() as runtime:
        assert make_runtime_dir().parent == runtime
        assert runtime in runtime_parents()
        assert not set(outside).intersection(runtime_parents())
    assert runtime_parents() == outside
    assert not runtime.exists()


@pytest.mark.parametrize("named", ["", "/run/user/of-another"])
def test_without_a_runtime_directory_of_its_own_a_shell_finds_those_of_its_user(
    monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", named)
    assert runtime_parents()[0] == Path(f"/run/user/{os.getuid()}")
