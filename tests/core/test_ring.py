"""The ring in one process: what each call promises."""

from __future__ import annotations

import gc
import os
import select
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from framehop import _core
from framehop._core import FrameTag, Ring, RingHost, RingReader, SlotRef
from framehop.errors import (
    ClosedError,
    InvalidArgumentError,
    OutOfMemoryError,
    PictureTooLargeError,
    RefusedError,
    SystemCallError,
)
from tests.waiting import until

TAG = FrameTag("gate-1", 1_795_354_262_346_000, 42, 3, 7)


@pytest.fixture
def path(tmp_path: Path) -> str:
    tmp_path.chmod(0o700)
    return str(tmp_path / "ring.sock")


@pytest.fixture
def ring(path: str) -> Iterator[Ring]:
    with Ring.create(path, slots=2, slot_bytes=4096, tap_quota=1) as ring:
        yield ring


@pytest.fixture
def reader(ring: Ring) -> Iterator[RingReader]:
    with RingReader.attach(ring.path, role="detector") as reader:
        yield reader


def publish(ring: Ring, tag: FrameTag = TAG, value: int = 9) -> SlotRef:
    slot = ring.try_acquire(tag)
    assert slot is not None
    slot.array(4, 5)[:] = value
    return slot.publish()


def test_a_picture_goes_round(ring: Ring, reader: RingReader) -> None:
    ref = publish(ring)
    assert (ref.width, ref.height, ref.stride) == (5, 4, 15)
    lease = reader.try_lease(ref.slot, ref.generation)
    assert lease is not None
    assert (lease.ref, lease.tag) == (ref, TAG)
    array = lease.array()
    assert (array.shape, array.dtype) == ((4, 5, 3), np.dtype(np.uint8))
    assert not array.flags.writeable
    assert np.all(array == 9)


def test_a_slot_is_free_when_lease_and_last_array_are_gone(ring: Ring, reader: RingReader) -> None:
    ref = publish(ring)
    lease = reader.try_lease(ref.slot, ref.generation)
    assert lease is not None
    view = lease.array()[1:, 2:]
    assert ring.retire(ref)
    lease.release()
    assert ring.free_slots() == 2
    with pytest.raises(ClosedError, match="released"):
        lease.array()
    assert np.all(view == 9)
    del view
    gc.collect()
    assert ring.free_slots() == 3


def test_arrays_outlive_reader_ring_and_host(path: str) -> None:
    ring = Ring.create(path, slots=1, slot_bytes=4096)
    reader = RingReader.attach(path)
    ref = publish(ring)
    lease = reader.try_lease(ref.slot, ref.generation)
    assert lease is not None
    array = lease.array()
    reader.close()
    ring.close()
    del lease, reader, ring
    gc.collect()
    assert np.all(array == 9)


def test_a_reader_says_where_its_pixels_lie(ring: Ring, reader: RingReader) -> None:
    """A device can be told of that memory."""
    address, size = reader.pixel_memory
    ref = publish(ring)
    lease = reader.try_lease(ref.slot, ref.generation)
    assert lease is not None
    picture = lease.array()
    assert address <= picture.ctypes.data
    assert picture.ctypes.data + picture.nbytes <= address + size
    assert size >= reader.slot_count * 4096


def test_a_stale_reference_is_none(ring: Ring, reader: RingReader) -> None:
    old = publish(ring)
    assert ring.retire(old)
    assert not ring.retire(old)
    assert reader.try_lease(old.slot, old.generation) is None
    new = publish(ring, value=10)
    assert new.slot == old.slot
    assert reader.try_lease(old.slot, old.generation) is None
    assert reader.try_lease(new.slot, 0) is None


def test_a_slot_out_of_range(reader: RingReader) -> None:
    with pytest.raises(InvalidArgumentError, match="out of range"):
        reader.try_lease(3, 1)


def test_full_is_none_and_an_abandoned_slot_comes_back(ring: Ring) -> None:
    slots = [ring.try_acquire(TAG) for _ in range(3)]
    assert all(slots)
    assert ring.try_acquire(TAG) is None
    assert ring.wait_acquire(TAG, 0.001) is None
    assert slots[1] is not None
    slots[1].abandon()
    slots[1].abandon()
    assert ring.free_slots() == 1


def test_a_waiting_writer_gets_what_a_reader_gives_back(ring: Ring, reader: RingReader) -> None:
    held = [ring.try_acquire(TAG), ring.try_acquire(TAG)]
    ref = publish(ring)
    lease = reader.try_lease(ref.slot, ref.generation)
    assert lease is not None
    ring.retire(ref)
    releaser = threading.Thread(target=lease.release)
    releaser.start()
    slot = ring.wait_acquire(TAG, 60.0)
    releaser.join()
    assert slot is not None
    assert slot.index == ref.slot
    assert all(held)


def test_publish_ends_a_slot(ring: Ring) -> None:
    slot = ring.try_acquire(TAG)
    assert slot is not None
    with pytest.raises(InvalidArgumentError, match="no picture"):
        slot.publish()
    with pytest.raises(PictureTooLargeError, match="4096"):
        slot.array(64, 64)
    slot.array(1, 1)
    ref = slot.publish()
    assert (ref.slot, ref.generation) == (slot.index, slot.generation)
    for again in (slot.publish, lambda: slot.array(1, 1)):
        with pytest.raises(ClosedError, match="published"):
            again()


def test_a_writable_array_keeps_its_slot(ring: Ring) -> None:
    slot = ring.try_acquire(TAG)
    assert slot is not None
    array = slot.array(4, 4)
    del slot
    gc.collect()
    assert ring.free_slots() == 2
    array[:] = 1
    del array
    gc.collect()
    assert ring.free_slots() == 3


def test_taps_cannot_take_the_pipelines_slots(ring: Ring) -> None:
    refs = [publish(ring), publish(ring)]
    with RingReader.attach(ring.path, role="tap") as tap:
        first = tap.try_lease(refs[0].slot, refs[0].generation)
        assert first is not None
        assert tap.try_lease(refs[1].slot, refs[1].generation) is None
        first.release()
        assert tap.try_lease(refs[1].slot, refs[1].generation) is not None


def test_a_tap_that_could_never_see_a_picture_is_refused(ring: Ring) -> None:
    with (
        RingReader.attach(ring.path, role="tap"),
        pytest.raises(RefusedError, match="1 slots for taps, and none is left"),
    ):
        RingReader.attach(ring.path, role="tap")
    RingReader.attach(ring.path, role="tap").close()


def test_a_tap_learns_that_writer_and_host_are_gone(path: str) -> None:
    host = RingHost(path, slots=1, slot_bytes=4096, tap_quota=1)
    with RingReader.attach(path, role="tap") as tap:
        assert (tap.alive, tap.has_writer) == (True, False)
        assert select.select([tap], [], [], 0) == ([], [], [])
        with Ring.attach(path):
            assert select.select([tap], [], [], 30) == ([tap], [], [])
            assert (tap.alive, tap.has_writer) == (True, True)
        assert select.select([tap], [], [], 30) == ([tap], [], [])
        assert (tap.alive, tap.has_writer) == (True, False)
        assert select.select([tap], [], [], 0) == ([], [], []), "it was asked"
        host.close()
        assert select.select([tap], [], [], 30) == ([tap], [], [])
        assert not tap.alive
    for use in (tap.fileno, lambda: tap.alive, lambda: tap.has_writer):
        with pytest.raises(ClosedError, match="closed"):
            use()


def test_closing_a_ring_wakes_who_waits_for_a_slot(ring: Ring) -> None:
    held = [ring.try_acquire(TAG) for _ in range(3)]
    assert all(held)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(ring.wait_acquire, TAG, 3600.0)
        ring.close()
        with pytest.raises(ClosedError, match="closed"):
            waiting.result(60)


def test_an_unknown_role(ring: Ring) -> None:
    with pytest.raises(InvalidArgumentError, match="detector"):
        RingReader.attach(ring.path, role="writer")  # type: ignore[arg-type]


def test_a_second_writer_is_refused_by_name(ring: Ring) -> None:
    with pytest.raises(RefusedError, match=f"process {os.getpid()}"):
        Ring.attach(ring.path)


def test_a_successor_adopts_the_ring(path: str) -> None:
    with (
        RingHost(path, slots=2, slot_bytes=4096, tap_quota=0) as host,
        RingReader.attach(path, role="detector") as reader,
    ):
        first = Ring.attach(path)
        ref = publish(first)
        assert first.incarnation == 1
        first.close()
        with Ring.attach(path) as second:
            assert (second.incarnation, second.ring_id) == (2, host.ring_id)
            assert reader.try_lease(ref.slot, ref.generation) is None
            assert second.free_slots() == 2


def test_a_slot_still_filling_keeps_the_writers_place(path: str) -> None:
    with RingHost(path, slots=2, slot_bytes=4096):
        first = Ring.attach(path)
        slot = first.try_acquire(TAG)
        assert slot is not None
        slot.array(1, 1)
        first.close()
        with pytest.raises(RefusedError, match="writer"):
            Ring.attach(path)
        with pytest.raises(ClosedError, match="closed before"):
            slot.publish()
        Ring.attach(path).close()


def test_the_slot_table(path: str) -> None:
    with RingHost(path, slots=2, slot_bytes=100, tap_quota=1) as host, Ring.attach(path) as ring:
        assert (host.slot_count, host.slot_bytes) == (3, 4096)
        assert host.total_bytes == _core.ring_bytes(slots=2, slot_bytes=100, tap_quota=1)
        slot = ring.try_acquire(TAG)
        assert slot is not None
        table = host.slots()
        assert [(info.state, info.generation, info.leases, info.tag) for info in table] == [
            ("filling", 1, 0, TAG),
            ("free", 0, 0, None),
            ("free", 0, 0, None),
        ]
        assert [(holder.pid, holder.role, holder.leases) for holder in host.holders()] == [(os.getpid(), "writer", 0)]


def test_the_last_tag_is_remembered_when_a_slot_is_free(path: str) -> None:
    with RingHost(path, slots=1, slot_bytes=100, tap_quota=0) as host, Ring.attach(path) as ring:
        ring.retire(publish(ring))
        (info,) = host.slots()
        assert (info.state, info.tag) == ("free", TAG)


def test_tags_and_references_are_values(ring: Ring) -> None:
    same = FrameTag("gate-1", TAG.epoch, 42, partition=3, offset=7)
    assert same == TAG
    assert hash(same) == hash(TAG)
    assert FrameTag("gate-2", TAG.epoch, 42, 3, 7) != TAG
    other: object = "gate-1"
    assert other != TAG
    assert "gate-1" in repr(TAG)
    ref = publish(ring)
    assert len({ref, publish(ring)}) == 2
    assert f"{ref.slot}:{ref.generation}" in repr(ref)


@pytest.mark.parametrize("stream", ["", "x" * 129, "é" * 65])
def test_a_stream_id_has_1_to_128_bytes(stream: str) -> None:
    with pytest.raises(InvalidArgumentError, match="128 bytes"):
        FrameTag(stream, 0, 0)
    assert FrameTag("é" * 64, 0, 0).stream == "é" * 64


def test_close_twice_and_use_after_close(path: str) -> None:
    host = RingHost(path, slots=1, slot_bytes=100)
    ring, reader = Ring.attach(path), RingReader.attach(path)
    ref = publish(ring)
    for resource in (reader, ring, host):
        resource.close()
        resource.close()
    for use in (lambda: reader.try_lease(0, 1), ring.free_slots, lambda: ring.retire(ref), host.slots, host.holders):
        with pytest.raises(ClosedError, match="closed"):
            use()


def test_no_host(path: str) -> None:
    with pytest.raises(SystemCallError, match="no ring host"):
        Ring.attach(path)


def test_a_directory_open_to_others_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with pytest.raises(RefusedError, match="0700"):
        RingHost(str(tmp_path / "ring.sock"), slots=1, slot_bytes=100)


def test_a_living_host_is_not_replaced(ring: Ring) -> None:
    with pytest.raises(RefusedError, match="another ring host"):
        RingHost(ring.path, slots=1, slot_bytes=100)


def test_a_path_too_long_for_a_socket(path: str) -> None:
    with pytest.raises(InvalidArgumentError, match="shorter"):
        RingHost(path + "x" * 120, slots=1, slot_bytes=100)


def test_more_memory_than_there_is_names_the_bytes(path: str) -> None:
    needed = _core.ring_bytes(slots=4096, slot_bytes=1 << 32, tap_quota=0)
    with pytest.raises(OutOfMemoryError, match=str(needed)):
        RingHost(path, slots=4096, slot_bytes=1 << 32, tap_quota=0)


def test_nothing_is_left(path: str) -> None:
    def mappings() -> int:
        return Path("/proc/self/maps").read_text().count("memfd:framehop")

    def descriptors() -> list[Path]:
        return sorted(Path("/proc/self/fd").iterdir())

    gc.collect()  # rings of other tests in this process
    before, others = descriptors(), mappings()
    with Ring.create(path, slots=2, slot_bytes=4096) as ring, RingReader.attach(path) as reader:
        ref = publish(ring)
        lease = reader.try_lease(ref.slot, ref.generation)
        assert lease is not None
        assert mappings() == others + 5
        lease.release()
    del ring, reader, lease
    gc.collect()
    until(lambda: descriptors() == before, "every descriptor closed")
    assert mappings() == others
    assert not Path(path).exists()
