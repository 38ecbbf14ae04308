"""Tests what a writer does when no slot is free, by the name of its policy."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from framehop._core import FrameTag, Ring, RingReader, SlotRef
from framehop.errors import InvalidArgumentError

SLOTS = 3


@pytest.fixture
def ring(tmp_path: Path) -> Iterator[Ring]:
    tmp_path.chmod(0o700)
    with Ring.create(str(tmp_path / "ring"), slots=SLOTS, slot_bytes=4096, tap_quota=0) as ring:
        yield ring


@pytest.fixture
def reader(ring: Ring) -> Iterator[RingReader]:
    with RingReader.attach(ring.path, role="detector") as reader:
        yield reader


def publish(ring: Ring, seq: int) -> SlotRef:
    """Publish a picture, in place of the oldest that nobody looks at."""
    slot = ring.acquire(FrameTag("cam", 1, seq), overflow="drop-oldest-unpinned")
    assert slot is not None
    slot.array(4, 4)[:] = seq
    return slot.publish()


def seqs(reader: RingReader, refs: list[SlotRef]) -> list[int]:
    """Return the seqs of those pictures that are still there."""
    leases = [reader.try_lease(ref.slot, ref.generation) for ref in refs]
    return [lease.tag.seq for lease in leases if lease is not None]


def test_the_oldest_goes_first_and_what_is_looked_at_stays(ring: Ring, reader: RingReader) -> None:
    refs = [publish(ring, seq) for seq in range(SLOTS)]
    lease = reader.try_lease(refs[0].slot, refs[0].generation)
    assert lease is not None
    pixels = lease.array()
    refs += [publish(ring, seq) for seq in range(SLOTS, 10)]
    assert np.all(pixels == 0)
    del pixels
    lease.release()
    assert seqs(reader, refs) == [0, 8, 9]
    refs.append(publish(ring, 10))
    assert seqs(reader, refs) == [8, 9, 10]


def test_when_all_are_looked_at_or_being_written_there_is_none(ring: Ring, reader: RingReader) -> None:
    refs = [publish(ring, seq) for seq in range(SLOTS - 1)]
    leases = [reader.try_lease(ref.slot, ref.generation) for ref in refs]
    writing = ring.acquire(FrameTag("cam", 1, 7), overflow="drop-oldest-unpinned")
    assert all(leases)
    assert writing is not None
    assert ring.acquire(FrameTag("cam", 1, 8), overflow="drop-oldest-unpinned") is None
    assert seqs(reader, refs) == [0, 1]


def test_a_full_ring_rejects_and_keeps_its_pictures(ring: Ring, reader: RingReader) -> None:
    refs = [publish(ring, seq) for seq in range(SLOTS)]
    assert ring.acquire(FrameTag("cam", 1, 9), overflow="reject") is None
    assert ring.acquire(FrameTag("cam", 1, 9), overflow="block", timeout_s=0.001) is None
    assert seqs(reader, refs) == [0, 1, 2]


def test_block_waits_for_a_slot(ring: Ring) -> None:
    refs = [publish(ring, seq) for seq in range(SLOTS)]
    retiring = threading.Thread(target=ring.retire, args=(refs[1],))
    retiring.start()
    slot = ring.acquire(FrameTag("cam", 1, 9), overflow="block", timeout_s=60.0)
    retiring.join()
    assert slot is not None
    assert slot.index == refs[1].slot


def test_a_free_slot_is_taken_before_a_picture_goes(ring: Ring, reader: RingReader) -> None:
    refs = [publish(ring, seq) for seq in range(SLOTS - 1)]
    publish(ring, 9)
    assert seqs(reader, refs) == [0, 1]


def test_another_name_is_refused(ring: Ring) -> None:
    with pytest.raises(InvalidArgumentError, match="'drop-oldest-unpinned'"):
        ring.acquire(FrameTag("cam", 1, 0), overflow="drop-oldest")  # type: ignore[arg-type]
