"""Tests what a process loads before it works: each costs time at every start, and again at every restart after a fault."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import framehop

HEAVY = {
    "apsw", "asyncio", "av", "confluent_kafka", "crc32c", "email", "http", "importlib.metadata", "numpy", "nvidia",
    "onnxruntime", "PIL", "rich", "ssl", "typer", "xml", "yaml", "zmq",
}  # fmt: skip

# By module: what of it may be there once it is imported. A log's client comes as the log is opened.
PROCESSES = {
    "framehop.config.detect_options": set[str](),
    "framehop.config.file": set[str](),
    "framehop.pipeline.processes.child": set[str](),
    "framehop.pipeline.ingest.process": set[str](),
    "framehop.pipeline.worker.worker": {"zmq"},  # which takes events to taps
    "framehop.pipeline.detector.detector": {"numpy", "yaml"},
    "framehop.pipeline.pipeline": {"yaml", "zmq"},  # the supervisor reads model.yaml and answers questions
}
COMMAND = {"rich", "typer"}
COMMANDS = {
    "audit": COMMAND,
    "lag": COMMAND,
    "status": COMMAND,
    "stream": COMMAND,
    "tail": COMMAND,
    "topics": COMMAND,
    "ingest": COMMAND | {"yaml", "zmq"},
    "detect": COMMAND | {"yaml", "zmq"},
    "run": COMMAND | {"yaml", "zmq"},
}


def loaded(program: str) -> set[str]:
    """Return which of HEAVY a new interpreter has once it has run `program`."""
    program += f"\nimport sys; print(*{HEAVY!r}.intersection(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    return set(done.stdout.splitlines()[-1].split())


def test_nearly_nothing_is_loaded_before_a_command_can_be_interrupted_without_a_traceback() -> None:
    """Without `site`, by which a build for development brings modules of its own."""
    path = str(Path(framehop.__file__).parents[1])
    program = f"import importlib, sys; sys.path.append({path!r}); before = {{*sys.modules}}"
    program += "; import framehop.cli; print(*{*sys.modules} - before)"
    done = subprocess.run([sys.executable, "-S", "-c", program], capture_output=True, text=True, check=True, timeout=60)
    interpreters = {"_interpreters", "_xxsubinterpreters"}
    assert set(done.stdout.split()) - interpreters == {"__future__", "framehop", "framehop.cli"}


@pytest.mark.parametrize("module", PROCESSES)
def test_a_process_loads_no_more_than_it_uses(module: str) -> None:
    assert loaded(f"import {module}") <= PROCESSES[module]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_loads_no_more_than_it_uses(name: str) -> None:
    assert loaded(f"from framehop.cli.app import make_app\nmake_app({name!r})") <= COMMANDS[name]


def test_a_log_in_a_directory_loads_no_client_of_kafka(tmp_path: Path) -> None:
    program = f"import framehop\nwith framehop.open_log({str(tmp_path)!r}) as log, log.writer(): pass"
    assert loaded(program) == {"apsw"}
