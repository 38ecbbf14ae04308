"""The page's files by themselves: what a strict policy allows, and what keeps hostile text harmless."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import framehop

STATIC = Path(framehop.__file__).parent / "web" / "static"
FILES = sorted(file.name for file in STATIC.iterdir())


def text_of(name: str) -> str:
    return (STATIC / name).read_text()


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".js")])
def test_no_script_makes_markup_or_code_of_text(name: str) -> None:
    assert (
        re.findall(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc", text_of(name)
        )
        == []
    )


@pytest.mark.parametrize("name", FILES)
def test_nothing_comes_from_elsewhere(name: str) -> None:
    addresses = set(re.findall(r"https?://[^\"'\s)]+", text_of(name)))
    assert addresses <= {"http://www.w3.org/2000/svg"}  # a name, which nobody fetches
    assert re.findall(r"@import|url\(", text_of(name)) == []


@pytest.mark.parametrize("name", FILES)
def test_a_file_can_be_read_at_a_sitting(name: str) -> None:
    assert len(text_of(name).splitlines()) <= 250


def test_the_document_has_neither_scripts_nor_styles_in_it() -> None:
    page = text_of("index.html")
    assert re.findall(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)|javascript:", page) == []


def test_every_file_that_is_named_is_there_and_every_file_is_used() -> None:
    named = set(re.findall(r'"static/([\w.]+)"', text_of("index.html")))
    for name in FILES:
        if name.endswith(".js"):
            named |= set(re.findall(r'from "\./([\w.]+)"', text_of(name)))
    assert named | {"index.html"} == set(FILES)
