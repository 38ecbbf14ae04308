from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from framehop._core import Bell
from framehop.errors import ClosedError, InvalidArgumentError, SystemCallError


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "bell")


def test_a_ring_after_the_sample_is_not_lost(path: str) -> None:
    with Bell(path) as bell:
        sampled = bell.sample()
        bell.ring()
        assert bell.wait(sampled, 0.0)


def test_silence_times_out(path: str) -> None:
    with Bell(path) as bell:
        assert not bell.wait(bell.sample(), 0.001)


def test_another_process_rings(path: str) -> None:
    with Bell(path) as bell:
        sampled = bell.sample()
        ring = "import sys; from framehop._core import Bell; Bell(sys.argv[1]).ring()"
        with subprocess.Popen([sys.executable, "-c", ring, path]) as child:
            assert bell.wait(sampled, 60.0)
        assert child.returncode == 0


def test_waiting_leaves_the_interpreter_to_others(path: str) -> None:
    with Bell(path) as bell:
        sampled = bell.sample()
        thread = threading.Thread(target=bell.ring)
        thread.start()
        assert bell.wait(sampled, 60.0)
        thread.join()


def test_close_twice_and_use_after_close(path: str) -> None:
    bell = Bell(path)
    bell.close()
    bell.close()
    with pytest.raises(ClosedError, match="closed"):
        bell.sample()


@pytest.mark.parametrize("timeout_s", [-1.0, float("nan")])
def test_a_timeout_is_a_number_of_seconds(path: str, timeout_s: float) -> None:
    with Bell(path) as bell, pytest.raises(InvalidArgumentError, match="timeout_s"):
        bell.wait(bell.sample(), timeout_s)


def test_no_directory(tmp_path: Path) -> None:
    with pytest.raises(SystemCallError, match="open"):
        Bell(str(tmp_path / "missing" / "bell"))
