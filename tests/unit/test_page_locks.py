"""Page-locking with a CUDA runtime that only takes notes, and without one."""

from __future__ import annotations

import logging

import pytest

from framehop.inference.page_locks import PageLocks, loaded_cuda_runtime
from tests.fake_cuda import Notes


def test_memory_is_locked_on_its_device_and_unlocked_once() -> None:
    cuda = Notes()
    locks = PageLocks(cuda, device=3)
    assert locks.lock(4096, 100) == ""
    assert locks.lock(8192, 200, read_only=True) == ""
    assert cuda.calls == [("device", 3), ("lock", 4096, 100, 1), ("device", 3), ("lock", 8192, 200, 9)]
    cuda.calls.clear()
    locks.close()
    locks.close()
    assert cuda.calls == [("unlock", 8192), ("unlock", 4096)]


def test_memory_may_be_unlocked_before_the_end() -> None:
    cuda = Notes()
    locks = PageLocks(cuda)
    for address in (4096, 8192):
        locks.lock(address, 100)
    cuda.calls.clear()
    locks.unlock(4096)
    locks.unlock(4096)
    locks.unlock(1)
    locks.close()
    assert cuda.calls == [("unlock", 4096), ("unlock", 8192)]


def test_what_cannot_be_locked_says_why_and_is_not_unlocked(caplog: pytest.LogCaptureFixture) -> None:
    cuda = Notes(error=801)
    locks = PageLocks(cuda)
    with caplog.at_level(logging.INFO, "framehop"):
        assert locks.lock(4096, 100) == "error 801"
    assert "100 bytes are not page-locked" in caplog.text
    locks.close()
    assert ("unlock", 4096) not in cuda.calls


def test_without_a_gpu_nothing_is_done_and_the_reason_is_given() -> None:
    assert loaded_cuda_runtime() is None
    for provider, why in (("cpu", "cpu reads the memory itself"), ("cuda", "no CUDA runtime is loaded")):
        locks = PageLocks.of(provider, 0)
        assert why in locks.lock(4096, 100)
        locks.close()
