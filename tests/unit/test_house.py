"""The walls of the house: what may know what, and that the parts that name each other agree."""

from __future__ import annotations

import ast
import json
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata
from itertools import pairwise
from pathlib import Path

import pytest
import typer

import framehop
from framehop import _core, errors

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "python" / "framehop"
COMPONENTS = {
    "base": (),
    "shm": (),
    "codec": (),
    "image": (),
    "video": ("codec", "image"),
    "wire": (),
    "hop": ("wire", "shm"),
}
INCLUDE = re.compile(r'^\s*#\s*include\s+[<"]([^>"]+)[>"]', re.MULTILINE)
HEAVY = "numpy apsw av confluent_kafka msgspec nvidia onnxruntime rich typer yaml zmq"


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def includes(folder: Path) -> Iterator[tuple[Path, str]]:
    for file in sorted(folder.rglob("*.[ch]pp")):
        for name in INCLUDE.findall(file.read_text()):
            yield file.relative_to(ROOT), name


# ---------------------------------------------------------------- Python


def test_import_framehop_pulls_in_nothing_heavy() -> None:
    program = f"import sys, framehop; print(*sorted(set('{HEAVY}'.split()) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == []


@pytest.mark.parametrize("name", framehop.__all__)
def test_every_name_of_the_front_door_is_there(name: str) -> None:
    assert getattr(framehop, name) is not None


def test_the_front_door_refuses_other_names() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        framehop.no_such_name  # noqa: B018


@pytest.mark.parametrize(
    ("word", "what", "allowed"),
    [
        ("env", r"\bos\.(environ|getenv|putenv)|import environ", {"config/environment.py", "inference/telemetry.py"}),
        ("pickle|shared_memory|pyobj", r"\bmultiprocessing\.shared_memory|\bpickle\b|recv_pyobj", set[str]()),
        (r"install|framehop\[", r"pip install ['.]|framehop\[", {"installing.py"}),
    ],
    ids=["environment", "pickle", "what to install"],
)
def test_only_one_place_does_it(word: str, what: str, allowed: set[str]) -> None:
    assert {str(file.relative_to(PACKAGE)) for file in modules_with(word, what)} <= allowed


def modules_with(word: str, what: str) -> list[Path]:
    """Return the modules whose code matches `what`. `word`: without it in its text none can, and none is parsed."""
    return [file for file in modules() if re.search(word, file.read_text()) and re.search(what, code_of(file))]


def code_of(file: Path) -> str:
    """The module without docstrings and comments."""
    tree = ast.parse(file.read_text())
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=ast.Constant(value=str() as text)):
                node.value = ast.Constant(value=text[:0])
    return ast.unparse(tree)


def test_only_the_command_line_prints() -> None:
    assert {file.relative_to(PACKAGE).parts[0] for file in modules_with("print", r"(?<![\w.])print\(")} <= {"cli"}


# ---------------------------------------------------------------- the binding


def test_every_code_of_the_core_has_its_own_error_class() -> None:
    assert set(errors.BY_CODE) == set(_core.error_codes())
    assert len(set(errors.BY_CODE.values())) == len(errors.BY_CODE)


def test_an_error_of_the_core_arrives_as_its_class() -> None:
    with pytest.raises(errors.CorruptPictureError):
        _core.decode_jpeg(b"not a picture")


def test_every_name_of_the_stub_is_in_the_core() -> None:
    stub = ast.parse((PACKAGE / "_core.pyi").read_text())
    declared = {
        (owner.name, member.name)
        for owner in stub.body
        if isinstance(owner, ast.ClassDef)
        for member in [owner, *owner.body]
        if isinstance(member, ast.ClassDef | ast.FunctionDef)
    } | {(node.name, node.name) for node in stub.body if isinstance(node, ast.FunctionDef)}
    missing = {
        (owner, member)
        for owner, member in declared
        if not hasattr(_core, owner) or (member != owner and not hasattr(getattr(_core, owner), member))
    }
    assert missing == set()


# ---------------------------------------------------------------- C++


def test_the_library_knows_nothing_of_python() -> None:
    assert [found for found in includes(ROOT / "cpp") if re.search(r"[Pp]ython|pybind11|numpy", found[1])] == []


def test_every_component_has_its_place() -> None:
    assert {folder.name for folder in (ROOT / "cpp" / "src").iterdir()} == set(COMPONENTS)


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_component_knows_only_itself_base_and_what_it_stands_on(component: str) -> None:
    allowed = tuple(f"framehop/{known}/" for known in ("base", component, *COMPONENTS[component]))
    cpp = ROOT / "cpp"
    found = [*includes(cpp / "include" / "framehop" / component), *includes(cpp / "src" / component)]
    assert [(file, name) for file, name in found if name.startswith("framehop/") and not name.startswith(allowed)] == []


def test_presets_are_those_of_the_house() -> None:
    presets = json.loads((ROOT / "CMakePresets.json").read_text())
    shown = [preset["name"] for preset in presets["configurePresets"] if not preset.get("hidden")]
    assert shown == ["dev", "release", "asan", "tsan", "fuzz", "tidy", "bench"]


def test_the_python_package_brings_no_cpp() -> None:
    """The Python package does not install the files that find_package() of other projects needs."""
    files = metadata.files("framehop")
    assert files
    assert [str(file) for file in files if file.suffix in {".a", ".hpp", ".cmake"}] == []
    assert len([file for file in files if file.name.startswith("_core.")]) == 1


# ---------------------------------------------------------------- the map


def the_map() -> str:
    return (ROOT / "docs" / "architecture.md").read_text()


def rows_of(heading: str) -> list[list[str]]:
    """The cells of the table of the map that has this first heading."""
    lines = the_map().splitlines()
    begin = next(number for number, line in enumerate(lines) if line.startswith(f"| {heading} |"))
    rows = lines[begin + 2 :]
    end = next((number for number, line in enumerate(rows) if not line.startswith("|")), len(rows))
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows[:end]]


def layers() -> list[set[str]]:
    """The floors of the package as import-linter holds them, the highest first."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (floors,) = [contract for contract in contracts if contract["type"] == "layers"]
    there = {path.stem for path in PACKAGE.iterdir()} | {"_core"}
    return [set(re.findall(r"\w+", layer)) & there - {"__main__"} for layer in floors["layers"]]


def test_the_floors_of_the_map_are_those_that_are_checked() -> None:
    """A room stands no lower on the map than one that import-linter has below it."""
    *rows, _cpp = rows_of("floor")
    floors = {room: int(number) for number, named in rows for room in re.findall(r"`(\w+)`", named)}
    heights = [{floors[room] for room in layer} for layer in layers() if layer]
    assert all(min(above) >= max(below) for above, below in pairwise(heights))


def test_nothing_that_may_be_added_needs_more_than_five_files() -> None:
    """A log is a room of its own, and says so."""
    counted = {what: re.match(r"(\d+), and a test", files) for what, _, files in rows_of("to add")}
    assert [what for what, count in counted.items() if count is None] == ["a log"]
    assert [what for what, count in counted.items() if count and int(count[1]) > 5] == []


def test_every_room_is_on_the_map() -> None:
    rooms = [path.parent.name for path in PACKAGE.rglob("__init__.py") if path.parent != PACKAGE]
    single = [path.stem for path in PACKAGE.glob("*.py") if not path.stem.startswith("__")]
    parts = [path.name for path in (ROOT / "cpp" / "src").iterdir()]
    assert [name for name in [*rooms, *single, *parts] if f"`{name}" not in the_map()] == []


def test_every_file_that_the_map_names_is_there() -> None:
    named = re.findall(r"`((?:[a-z_]+/)*[a-z_]+\.py)`", the_map())
    assert named
    assert [name for name in named if not (list(PACKAGE.rglob(name)) or (ROOT / name).exists())] == []
    assert [
        name for name in re.findall(r"(?:cpp|tests|docs)/[\w/.]+\.\w+", the_map()) if not (ROOT / name).exists()
    ] == []


def test_the_map_fits_a_screen() -> None:
    assert len(the_map().splitlines()) <= 60


# ---------------------------------------------------------------- tests, scripts and documents


def test_no_file_of_tests_takes_anything_from_another() -> None:
    """Anything that several need is in a module of its own, so that a test can be changed without a look at others."""
    found = {
        str(file.relative_to(ROOT)): names
        for folder in ("tests", "scripts", "benchmarks")
        for file in sorted((ROOT / folder).rglob("*.py"))
        if (names := re.findall(r"^ *(?:from|import) (tests\.(?:\w+\.)*test_\w+)", file.read_text(), re.MULTILINE))
    }
    assert found == {}


def test_apt_packages_are_named_once_each() -> None:
    lines = (ROOT / "scripts" / "apt-packages.txt").read_text().splitlines()
    assert [line for line in lines if line.startswith("[")] == [
        "[base]",
        "[build]",
        "[kafka]",
        "[cameras]",
        "[browser]",
        "[fuzz]",
    ]
    packages = [line for line in lines if not line.startswith(("#", "["))]
    assert [line for line in packages if not re.fullmatch(r"[a-z0-9][a-z0-9.+-]+", line)] == []
    assert len(set(packages)) == len(packages)
    assert {"python3-venv", "python3-dev"} <= set(packages)


def test_scripts_can_be_run() -> None:
    scripts = [*(ROOT / "scripts" / name for name in ("demo", "test", "fresh", "kafka")), ROOT / ".ci" / "run"]
    assert [script.name for script in scripts if not script.stat().st_mode & 0o111] == []
    for script in [*scripts, ROOT / "scripts" / "lib.sh"]:
        subprocess.run(["bash", "-n", script], check=True, timeout=60)


def test_every_way_to_run_kafka_is_of_one_version() -> None:
    (version,) = re.findall(r"<kafka\.version>(.+)<", (ROOT / "scripts" / "kafka_cluster" / "pom.xml").read_text())
    assert re.findall(r"image: apache/kafka:(.+)", (ROOT / "deploy" / "compose.yaml").read_text()) == [version]


def test_ci_runs_the_test_command() -> None:
    assert "exec scripts/test" in (ROOT / ".ci" / "run").read_text().splitlines()


def documents() -> list[Path]:
    return [
        *ROOT.glob("*.md"),
        *(found for folder in ("docs", "examples", "benchmarks", "deploy") for found in (ROOT / folder).rglob("*.md")),
    ]


def code_in(document: Path) -> str:
    """Return the text of code blocks and of everything between backticks."""
    return "\n".join(re.findall(r"^```.*?^```|^ {4}.*?$|`[^`\n]+`", document.read_text(), re.DOTALL | re.MULTILINE))


def test_the_tests_that_are_named_for_each_fault_exist() -> None:
    """tests/faults.md says which test brings about which fault."""
    code = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("*.py"))
    code += "\n".join(path.read_text() for path in (ROOT / "cpp" / "tests").rglob("*.[ch]pp"))
    code += (ROOT / "cpp" / "tests" / "CMakeLists.txt").read_text()
    there = set(re.findall(r"def (test_\w+)|TEST(?:_F|_P)?\(\w+, (\w+)\)|add_test\(NAME (\S+)", code))
    names = {name for found in there for name in found}
    rows = [line for line in (ROOT / "tests" / "faults.md").read_text().splitlines() if line.startswith("| ")]
    named = [re.findall(r"`([^`]+)`", row.split("|")[3]) for row in rows[2:]]
    assert all(named), "a fault without a test"
    assert {name for row in named for name in row} - names == set()


def test_files_named_in_documents_exist() -> None:
    named = {
        (document.name, path)
        for document in documents()
        for path in re.findall(r"\b(?:scripts|examples|benchmarks|docs|deploy)/[\w./-]*\w", code_in(document))
    }
    assert {(document, path) for document, path in named if not (ROOT / path).exists()} == set()


def command_lines() -> list[tuple[str, str]]:
    found = [
        (document.name, line.strip())
        for document in documents()
        for line in re.findall(r"(?:^|[`\n$] ?|&& )framehop ([a-z][^`\n#&]*)", code_in(document))
    ]
    return sorted(set(found))


@pytest.mark.parametrize(("document", "line"), command_lines())
def test_a_command_line_in_a_document_parses(document: str, line: str) -> None:
    """The line is parsed, not run. A command's bare name, as in a sentence, only has to exist."""
    from framehop.cli.app import make_app

    name, arguments = "framehop", shlex.split(line)
    command = typer.main.get_command(make_app())
    while arguments and (commands := getattr(command, "commands", None)):
        name, *arguments = arguments
        assert name in commands
        command = commands[name]
    if arguments:
        command.make_context(name, arguments)
