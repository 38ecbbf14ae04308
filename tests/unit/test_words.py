"""The words of the house: one name for one thing, and docstrings that can be read aloud."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "python" / "framehop"
FRAGMENT = re.compile(
    r"(After|Also|And|As|At|Because|Before|But|By|Even|For|From|How|If|In|Like|None|Not|Nothing|Of|On|Only|Or|Same|See|Since|"
    r"That|The same|Those|To|What|When|Where|Which|Who|Whose|Why|With)\b"
)
TIME = re.compile(r"_?[A-Z_]+_(S|MS|US)")


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


@cache
def tree_of(file: Path) -> ast.Module:
    """The parsed module, which nobody may change."""
    return ast.parse(file.read_text())


def constants(file: Path) -> Iterator[tuple[str, ast.expr]]:
    """The names that a module gives to values at its top, with the values."""
    for node in tree_of(file).body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                yield name, value


def with_several(named: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    """The names that stand for more than one value, with the values."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for name, value in named:
        found[name].add(value)
    return {name: values for name, values in found.items() if len(values) > 1}


def test_a_class_has_its_name_for_itself() -> None:
    named = [
        (node.name, str(file.relative_to(PACKAGE)))
        for file in modules()
        for node in tree_of(file).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    ]
    assert with_several(named) == {}


@pytest.mark.parametrize("word", ["Place", "Delivery", "Clock", "Intake", "Tenure"])
def test_a_word_of_the_log_and_the_worker_means_one_thing(word: str) -> None:
    """It is neither the name of another class nor of another type."""
    classes = [file for file in modules() for node in tree_of(file).body if getattr(node, "name", "") == word]
    types = [file for file in modules() for name, _ in constants(file) if name == word]
    assert len(classes) + len(types) == 1


def test_a_time_has_one_value_in_its_room() -> None:
    """Times that hang together across rooms are in framehop/budgets.py, and tests/unit/test_budgets.py compares them."""
    named = [
        (f"{file.relative_to(PACKAGE).parent}: {name}", ast.unparse(value))
        for file in modules()
        for name, value in constants(file)
        if TIME.fullmatch(name)
    ]
    assert with_several(named) == {}


@pytest.mark.parametrize("folder", ["python/framehop", "tests", "benchmarks", "examples", "scripts"])
def test_a_docstring_opens_with_a_sentence_or_the_name_of_the_thing(folder: str) -> None:
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    found = [
        f"{file.relative_to(ROOT)}: {said.splitlines()[0]}"
        for file in sorted((ROOT / folder).rglob("*.py"))
        for node in ast.walk(tree_of(file))
        if isinstance(node, kinds) and FRAGMENT.match(said := (ast.get_docstring(node, clean=False) or "").lstrip())
    ]
    assert found == []
