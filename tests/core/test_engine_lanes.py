"""Lanes of an engine: threads that run one network side by side."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Barrier
from typing import Any

import numpy as np
import onnxruntime
import pytest

from framehop._core import decode_jpeg
from framehop.errors import ClosedError
from framehop.inference import binding, load_model, onnx, sample_picture
from framehop.inference.engine import Engine, EngineOptions
from framehop.types import Detections
from tests import tiny_model
from tests.broken_runtime import broken_cuda
from tests.tiny_model import picture

LANES = 3
PATIENCE_S = 30


@contextmanager
def lanes_of(engine: Engine, count: int = LANES) -> Iterator[list[Engine]]:
    with ExitStack() as stack:
        yield [stack.enter_context(lane) for lane in [engine, *(engine.lane() for _ in range(count - 1))]]


def tiny(directory: Path, **options: Any) -> Engine:
    return Engine(
        load_model(tiny_model.write_model(directory)), EngineOptions(**{"provider": "cpu", "threads": 1, **options})
    )


class Sessions:
    """The sessions that the runtime made, as long as they live, and the threads of each."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._made: list[weakref.ref[object]] = []
        self.threads: list[int] = []
        self._real = onnxruntime.InferenceSession
        monkeypatch.setattr(onnxruntime, "InferenceSession", self._make)

    def _make(self, data: bytes, options: onnxruntime.SessionOptions, **more: Any) -> object:
        session = self._real(data, options, **more)
        self._made.append(weakref.ref(session))
        self.threads.append(options.intra_op_num_threads)
        return session

    @property
    def alive(self) -> int:
        return sum(session() is not None for session in self._made)


def test_lanes_at_once_find_what_one_engine_finds_alone() -> None:
    seen = decode_jpeg(sample_picture())
    views = [np.ascontiguousarray(np.roll(seen, 16 * shift, axis=1)) for shift in range(12)]
    with Engine(load_model("coco-ssd"), EngineOptions(provider="cpu", side_by_side=True)) as engine:
        alone = [engine.detect([view])[0] for view in views]
        with lanes_of(engine) as lanes, ThreadPoolExecutor(LANES) as pool:

            def look(lane: Engine) -> list[Detections]:
                return [lane.detect([view])[0] for view in views]

            for together in pool.map(look, lanes):
                for one, other in zip(alone, together, strict=True):
                    assert len(one.boxes) > 0
                    assert one.label_ids.tolist() == other.label_ids.tolist()
                    np.testing.assert_array_equal(one.boxes, other.boxes)
                    np.testing.assert_array_equal(one.scores, other.scores)


def test_lanes_are_in_the_runtime_at_the_same_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, meeting = binding.run_tensors, Barrier(LANES)
    with tiny(tmp_path) as engine, lanes_of(engine) as lanes, ThreadPoolExecutor(LANES) as pool:

        def met(*arguments: Any, **options: Any) -> Any:
            meeting.wait(PATIENCE_S)
            return real(*arguments, **options)

        monkeypatch.setattr(onnx, "run_tensors", met)
        found = list(pool.map(lambda lane: lane.detect([picture(255)])[0].boxes.tolist(), lanes))
    assert found == [[[2, 0, 4, 2]]] * LANES


def test_the_network_is_there_once_and_until_the_last_lane_closes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions = Sessions(monkeypatch)
    with tiny(tmp_path) as engine, lanes_of(engine, 2) as [first, second]:
        assert sessions.alive == 1
        first.close()
        first.close()
        with pytest.raises(ClosedError):
            first.detect([picture(255)])
        assert [len(found.boxes) for found in second.detect([picture(255)])] == [1]
        second.close()
        assert sessions.alive == 0


def test_a_closed_engine_has_no_lanes(tmp_path: Path) -> None:
    engine = tiny(tmp_path)
    engine.close()
    with pytest.raises(ClosedError, match="the engine is closed"):
        engine.lane()


def test_each_lane_fills_a_tensor_of_its_own(tmp_path: Path) -> None:
    """One tensor for all would be overwritten by the next picture while the network still reads it."""
    with tiny(tmp_path, preprocess="native") as engine, lanes_of(engine, 2) as lanes:
        [first, second] = [lane._input.blank(1) for lane in lanes]
        assert isinstance(first, np.ndarray)
        assert isinstance(second, np.ndarray)
        assert not np.shares_memory(first, second)


@pytest.mark.parametrize("provider", ["cpu", "auto"])
def test_side_by_side_on_the_cpu_each_lane_has_one_thread_and_one_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, provider: str
) -> None:
    """This holds also where a GPU was expected and does not work."""
    if provider == "auto":
        broken_cuda(monkeypatch)
    sessions = Sessions(monkeypatch)
    with tiny(tmp_path, provider=provider, threads=3, max_batch=8, side_by_side=True) as engine:
        found = engine.detect([picture(255), picture(254)])
        assert engine.info.provider == "cpu"
        assert engine.max_batch == 1
    assert sessions.threads == [1]
    assert [one.timings.batch_size for one in found] == [1, 1]


@pytest.mark.parametrize(("max_batch", "pictures"), [(8, 4), (2, 2)])
def test_a_lane_takes_as_many_pictures_as_a_fixed_batch_has_room_for(
    tmp_path: Path, max_batch: int, pictures: int
) -> None:
    """A picture alone would be filled up with blank ones, and cost as much as a whole batch."""
    model = load_model(tiny_model.write_model(tmp_path, tiny_model.ssd_network(batch=4)))
    with Engine(model, EngineOptions(provider="cpu", max_batch=max_batch, side_by_side=True)) as engine:
        assert engine.max_batch == pictures


def test_without_lanes_a_batch_has_the_threads_that_it_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions = Sessions(monkeypatch)
    with tiny(tmp_path, threads=3, max_batch=8) as engine:
        assert engine.max_batch == 8
    assert sessions.threads == [3]
