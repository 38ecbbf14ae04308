"""Pictures of every format in a ring: the arrays of writer and reader, and the sizes that are refused."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from framehop import _core
from framehop._core import FrameTag, HopClient, Lease, Ring, RingReader, Slot, SlotRef
from framehop.errors import ClosedError, InvalidArgumentError, PictureTooLargeError
from tests.commands import framehop

if TYPE_CHECKING:
    from framehop._core import PixelFormat

SLOT_BYTES = 4096


@pytest.fixture
def ring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ring]:
    tmp_path.chmod(0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with Ring.create(str(tmp_path / "ring"), slots=2, slot_bytes=SLOT_BYTES, tap_quota=1) as ring:
        yield ring


@pytest.fixture
def reader(ring: Ring) -> Iterator[RingReader]:
    with RingReader.attach(ring.path, role="tap") as reader:
        yield reader


def taken(ring: Ring) -> Slot:
    slot = ring.try_acquire(FrameTag("gate", 1, 0))
    assert slot is not None
    return slot


def leased(reader: RingReader, ref: SlotRef) -> Lease:
    lease = reader.try_lease(ref.slot, ref.generation)
    assert lease is not None
    return lease


SHAPES: list[tuple[PixelFormat, tuple[int, int], tuple[int, ...], list[tuple[int, ...]]]] = [
    ("rgb8", (4, 6), (4, 6, 3), [(4, 6, 3)]),
    ("bgr8", (3, 5), (3, 5, 3), [(3, 5, 3)]),
    ("gray8", (3, 5), (3, 5), [(3, 5)]),
    ("i420", (4, 6), (6, 6), [(4, 6), (2, 3), (2, 3)]),
    ("nv12", (4, 6), (6, 6), [(4, 6), (2, 3, 2)]),
    ("nv12", (2, 2), (3, 2), [(2, 2), (1, 1, 2)]),
    ("bytes", (1, 7), (7,), [(7,)]),
]


@pytest.mark.parametrize(("pixel_format", "sides", "shape", "planes"), SHAPES)
def test_a_picture_keeps_its_format(
    ring: Ring,
    reader: RingReader,
    pixel_format: PixelFormat,
    sides: tuple[int, int],
    shape: tuple[int, ...],
    planes: list[tuple[int, ...]],
) -> None:
    slot = taken(ring)
    pixels = slot.array(*sides, pixel_format)
    assert (pixels.shape, pixels.dtype, pixels.flags.writeable) == (shape, np.dtype(np.uint8), True)
    pixels.reshape(-1)[:] = np.arange(pixels.size)
    ref = slot.publish()
    assert (ref.height, ref.width, ref.format) == (*sides, pixel_format)
    with leased(reader, ref) as lease:
        assert lease.ref == ref
        assert lease.array().shape == shape
        assert (lease.array().reshape(-1) == np.arange(pixels.size)).all()
        assert not lease.array().flags.writeable
        seen = lease.planes()
        assert [plane.shape for plane in seen] == planes
        assert not any(plane.flags.writeable for plane in seen)
        assert b"".join(plane.tobytes() for plane in seen) == bytes(range(pixels.size)), "planes that are not the array"


@pytest.mark.parametrize("pixel_format", ["i420", "nv12"])
def test_odd_sides_have_planes(ring: Ring, reader: RingReader, pixel_format: PixelFormat) -> None:
    """The last column and row have colour of their own."""
    slot = taken(ring)
    with pytest.raises(InvalidArgumentError, match=f"5 x 3 in {pixel_format} has odd sides"):
        slot.array(3, 5, pixel_format)
    written = slot.planes(3, 5, pixel_format)
    assert {plane.shape[:2] for plane in written[1:]} == {(2, 3)}
    for value, plane in enumerate(written, 1):
        plane[:] = value
    with leased(reader, slot.publish()) as lease:
        for value, plane in enumerate(lease.planes(), 1):
            assert (plane == value).all()
        with pytest.raises(InvalidArgumentError, match=r"planes\(\)"):
            lease.array()


def test_a_plane_keeps_its_slot(ring: Ring, reader: RingReader) -> None:
    slot = taken(ring)
    slot.planes(4, 6, "nv12")[1][:] = 9
    ref = slot.publish()
    lease = leased(reader, ref)
    colour = lease.planes()[1]
    lease.release()
    with pytest.raises(ClosedError):
        lease.planes()
    ring.retire(ref)
    assert ring.free_slots() == 2
    assert (colour == 9).all()
    del colour, lease, slot
    gc.collect()
    assert ring.free_slots() == 3


@pytest.mark.parametrize(
    ("pixel_format", "fits", "too_large"),
    [
        ("rgb8", (1, 1365), (1, 1366)),
        ("gray8", (64, 64), (64, 65)),
        ("i420", (52, 52), (54, 52)),
        ("nv12", (51, 51), (53, 51)),
        ("bytes", (1, SLOT_BYTES), (1, SLOT_BYTES + 1)),
    ],
)
def test_a_picture_that_does_not_fit_is_refused(
    ring: Ring, pixel_format: PixelFormat, fits: tuple[int, int], too_large: tuple[int, int]
) -> None:
    slot = taken(ring)
    slot.planes(*fits, pixel_format)
    with pytest.raises(PictureTooLargeError, match=f"{pixel_format} does not fit"):
        slot.planes(*too_large, pixel_format)
    with pytest.raises(PictureTooLargeError):
        slot.planes(1, 2**32 - 1, pixel_format)
    assert (slot.publish().height, ring.free_slots()) == (fits[0], 2), "a refused size is kept"


def test_what_is_no_picture_is_refused(ring: Ring) -> None:
    slot = taken(ring)
    with pytest.raises(InvalidArgumentError, match="rgb8, bgr8, gray8, i420, nv12, bytes, not yuyv"):
        slot.array(2, 2, "yuyv")  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError, match="height of 1"):
        slot.array(2, 2, "bytes")
    with pytest.raises(InvalidArgumentError):
        slot.planes(0, 2, "nv12")


def test_no_detector_is_sent_another_format(ring: Ring, tmp_path: Path) -> None:
    slot = taken(ring)
    slot.array(4, 6, "nv12")
    ref = slot.publish()
    with (
        HopClient(f"ipc://{tmp_path}/hop", ring_path=ring.path, ring_id=ring.ring_id) as client,
        pytest.raises(InvalidArgumentError, match=f"slot {ref.slot} holds nv12, and a detector takes rgb8"),
    ):
        client.send([ref], [(6, 4)])


PLANAR_AND_NOT: tuple[PixelFormat, ...] = ("nv12", "gray8")


def test_a_look_says_which_formats_there_are(ring: Ring) -> None:
    assert _core.look_at_ring(ring.path).formats == []
    for pixel_format in PLANAR_AND_NOT:
        slot = taken(ring)
        slot.array(4, 6, pixel_format)
        slot.publish()
    assert _core.look_at_ring(ring.path).formats == ["gray8", "nv12"]
    (report,) = [each for each in json.loads(framehop("ring", "ls", "--json").stdout) if each["path"] == ring.path]
    assert report["formats"] == ["gray8", "nv12"]
    assert "gray8, nv12" in framehop("ring", "ls").stdout
