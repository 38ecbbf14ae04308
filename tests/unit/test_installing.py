"""Hints say what can be typed: also where framehop is on no index."""

from __future__ import annotations

import shlex
import sys
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest

from framehop.installing import install


@pytest.fixture(autouse=True)
def pip_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _name: str(Path(sys.executable).parent / "pip"))


def _noted(monkeypatch: pytest.MonkeyPatch, text: str | None) -> None:
    found = SimpleNamespace(read_text=lambda _name: text)
    monkeypatch.setattr(metadata, "distribution", lambda _name: found)


@pytest.mark.parametrize("text", [None, "", "{}", "no JSON", "[]", '{"url": "file:///no/such/checkout"}'])
def test_from_an_index_by_name(monkeypatch: pytest.MonkeyPatch, text: str | None) -> None:
    _noted(monkeypatch, text)
    assert install("cpu") == "pip install 'framehop[cpu]'"


def test_from_a_checkout_by_its_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    checkout = tmp_path / "my work"
    checkout.mkdir()
    _noted(monkeypatch, f'{{"url": "{checkout.as_uri()}", "dir_info": {{"editable": true}}}}')
    assert shlex.split(install("cpu,video")) == ["pip", "install", f"{checkout}[cpu,video]"]
    monkeypatch.chdir(checkout)
    assert install("cpu") == "pip install '.[cpu]'"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            '{"url": "https://example.org/x.git", "vcs_info": {"vcs": "git", "commit_id": "0"}}',
            "framehop[cpu] @ git+https://example.org/x.git",
        ),
        ('{"url": "https://example.org/x.whl", "archive_info": {}}', "framehop[cpu] @ https://example.org/x.whl"),
    ],
)
def test_from_elsewhere_by_its_url(monkeypatch: pytest.MonkeyPatch, text: str, expected: str) -> None:
    _noted(monkeypatch, text)
    assert shlex.split(install("cpu"))[2] == expected


def test_where_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", missing)
    assert install("cpu") == "pip install 'framehop[cpu]'"


@pytest.mark.parametrize("pip", [None, "/usr/bin/pip"])
def test_the_pip_of_another_python_is_not_named(monkeypatch: pytest.MonkeyPatch, pip: str | None) -> None:
    monkeypatch.setattr("shutil.which", lambda _name: pip)
    assert shlex.split(install("cpu"))[:4] == [sys.executable, "-m", "pip", "install"]
