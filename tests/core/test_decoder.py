"""JpegDecoder: batches into ring slots, read back through a reader."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

from framehop._core import (
    DecodeResult,
    FrameTag,
    JpegDecoder,
    Ring,
    RingHost,
    RingReader,
    Slot,
    decode_jpeg,
    encode_jpeg,
)
from framehop.errors import ClosedError, InvalidArgumentError

SLOTS = 8
SLOT_BYTES = 320 * 240 * 3


def picture(seed: int, width: int = 64, height: int = 48) -> bytes:
    coarse = np.random.default_rng(seed).integers(0, 256, (height // 8 + 1, width // 8 + 1, 3), np.uint8)
    return encode_jpeg(coarse.repeat(8, 0).repeat(8, 1)[:height, :width])


def forged(jpeg: bytes, width: int, height: int) -> bytes:
    at = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:at] + height.to_bytes(2, "big") + width.to_bytes(2, "big") + jpeg[at + 4 :]


def take(ring: Ring, count: int) -> list[Slot]:
    slots = [ring.try_acquire(FrameTag("cam", 1, seq)) for seq in range(count)]
    assert all(slots)
    return cast("list[Slot]", slots)


@pytest.fixture
def ring(tmp_path: Path) -> Iterator[Ring]:
    with Ring.create(str(tmp_path / "ring"), slots=SLOTS, slot_bytes=SLOT_BYTES) as ring:
        yield ring


@pytest.fixture
def reader(ring: Ring) -> Iterator[RingReader]:
    with RingReader.attach(ring.path, role="detector") as reader:
        yield reader


@pytest.fixture
def decoder() -> Iterator[JpegDecoder]:
    with JpegDecoder(threads=3) as decoder:
        yield decoder


def pixels(reader: RingReader, result: DecodeResult) -> NDArray[np.uint8]:
    assert result.ref is not None
    lease = reader.try_lease(result.ref.slot, result.ref.generation)
    assert lease is not None
    with lease:
        return lease.array().copy()


def test_pictures_land_in_their_slots(ring: Ring, reader: RingReader, decoder: JpegDecoder) -> None:
    jpegs = [picture(k, 64 + k, 48) for k in range(SLOTS)]
    slots = take(ring, SLOTS)
    results = decoder.decode(slots, jpegs)
    for k, (slot, jpeg, result) in enumerate(zip(slots, jpegs, results, strict=True)):
        assert (result.error, result.message) == ("", "")
        assert result.ref is not None
        assert (result.ref.slot, result.ref.generation) == (slot.index, slot.generation)
        assert (result.source_width, result.source_height) == (64 + k, 48)
        assert (result.ref.width, result.ref.height) == (64 + k, 48)
        assert np.array_equal(pixels(reader, result), decode_jpeg(jpeg))


def test_decoded_at_the_smallest_sufficient_scale(ring: Ring, reader: RingReader, decoder: JpegDecoder) -> None:
    jpeg = picture(1, 640, 480)
    [result] = decoder.decode(take(ring, 1), [jpeg], min_width=100, min_height=100)
    assert result.ref is not None
    assert (result.source_width, result.source_height) == (640, 480)
    assert (result.ref.width, result.ref.height) == (160, 120)
    assert np.array_equal(pixels(reader, result), decode_jpeg(jpeg, min_width=100, min_height=100))


def test_a_slot_too_small_for_a_quick_scale_gets_the_smallest_that_is_enough(ring: Ring, decoder: JpegDecoder) -> None:
    jpeg = picture(1, 400, 320)
    assert 250 * 200 * 3 <= SLOT_BYTES < 400 * 320 * 3
    [result] = decoder.decode(take(ring, 1), [jpeg], min_width=240, min_height=200)
    assert result.ref is not None, result.message
    assert (result.ref.width, result.ref.height) == (250, 200)


def test_a_letterbox_is_decoded_for_the_place_that_it_has(ring: Ring, reader: RingReader, decoder: JpegDecoder) -> None:
    jpegs = [picture(1, 320, 160), picture(1, 160, 320)]
    results = decoder.decode(take(ring, 2), jpegs, min_width=160, min_height=160, fit="letterbox")
    sizes = [(result.ref.width, result.ref.height) for result in results if result.ref is not None]
    assert sizes == [(160, 80), (80, 160)]
    for jpeg, result in zip(jpegs, results, strict=True):
        expected = decode_jpeg(jpeg, min_width=160, min_height=160, fit="letterbox")
        assert np.array_equal(pixels(reader, result), expected)


def test_poison_leaves_its_neighbours_alone(ring: Ring, reader: RingReader, decoder: JpegDecoder) -> None:
    good = picture(1)
    jpegs = [good, b"", good, good[:-30], good, b"\xff\xd8 noise", forged(good, 30_000, 30_000), good]
    results = decoder.decode(take(ring, len(jpegs)), jpegs)
    assert [result.error for result in results] == [
        "",
        "corrupt_picture",
        "",
        "corrupt_picture",
        "",
        "corrupt_picture",
        "picture_too_large",
        "",
    ]
    expected = decode_jpeg(good)
    for result in results:
        assert (result.ref is None) == bool(result.error) == bool(result.message)
        if not result.error:
            assert np.array_equal(pixels(reader, result), expected)
    assert ring.free_slots() == ring.slot_count - 4, "the slots of the poison are free again"


def test_a_picture_larger_than_its_slot_fails_before_the_decode(ring: Ring, decoder: JpegDecoder) -> None:
    [result] = decoder.decode(take(ring, 1), [picture(1, 640, 480)])
    assert result.error == "picture_too_large"
    assert (result.source_width, result.source_height) == (640, 480)
    assert ring.free_slots() == ring.slot_count


def test_the_cap_is_the_decoders(ring: Ring) -> None:
    with JpegDecoder(threads=1, max_pixels=64 * 48 - 1) as small:
        [result] = small.decode(take(ring, 1), [picture(1)])
    assert result.error == "picture_too_large"
    assert str(64 * 48 - 1) in result.message


def test_an_ended_slot_fails_by_itself(ring: Ring, decoder: JpegDecoder) -> None:
    slots = take(ring, 2)
    slots[0].abandon()
    results = decoder.decode(slots, [picture(1), picture(2)])
    assert [result.error for result in results] == ["closed", ""]


def test_refused_batches_leave_the_slots_with_their_caller(ring: Ring, decoder: JpegDecoder) -> None:
    slots = take(ring, 2)
    with pytest.raises(InvalidArgumentError, match="2 slots"):
        decoder.decode(slots, [picture(1)])
    with pytest.raises(InvalidArgumentError, match="twice"):
        decoder.decode([slots[0], slots[0]], [picture(1), picture(2)])
    with pytest.raises(InvalidArgumentError, match="None"):
        decoder.decode([slots[0], cast("Slot", None)], [picture(1), picture(2)])
    with pytest.raises(InvalidArgumentError, match="min_width"):
        decoder.decode(slots, [picture(1), picture(2)], min_width=-1)
    with pytest.raises(TypeError):
        decoder.decode(slots, [picture(1), cast("bytes", "text")])
    results = decoder.decode(slots, [picture(1), picture(2)])
    assert [result.error for result in results] == ["", ""]


def test_an_empty_batch_is_nothing(decoder: JpegDecoder) -> None:
    assert decoder.decode([], []) == []


def test_batches_of_several_threads_take_turns(ring: Ring, reader: RingReader, decoder: JpegDecoder) -> None:
    slots = take(ring, SLOTS)
    jpegs = [picture(k) for k in range(SLOTS)]
    with ThreadPoolExecutor(4) as pool:
        batches = pool.map(lambda k: decoder.decode(slots[k : k + 2], jpegs[k : k + 2]), range(0, SLOTS, 2))
        results = [result for batch in batches for result in batch]
    for jpeg, result in zip(jpegs, results, strict=True):
        assert np.array_equal(pixels(reader, result), decode_jpeg(jpeg))


def test_threads_default_to_the_cores_allowed() -> None:
    with JpegDecoder() as decoder:
        assert decoder.threads == len(os.sched_getaffinity(0))
    with JpegDecoder(threads=5) as decoder:
        assert decoder.threads == 5


@pytest.mark.parametrize("options", [{"threads": -1}, {"threads": 1000}, {"max_pixels": 0}])
def test_senseless_options_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(InvalidArgumentError, match=next(iter(options))):
        JpegDecoder(**options)


def test_closed_twice_and_then_refusing() -> None:
    decoder = JpegDecoder(threads=2)
    decoder.close()
    decoder.close()
    with pytest.raises(ClosedError, match="JPEG decoder"):
        decoder.decode([], [])


KILLED_WRITER = """
import sys
from framehop import _core
path, jpeg = sys.argv[1], bytes.fromhex(sys.argv[2])
ring = _core.Ring.attach(path)
slots = [ring.try_acquire(_core.FrameTag("cam", 1, seq)) for seq in range(4)]
_core.arm_failpoint("decode.mid")
_core.JpegDecoder(threads=2).decode(slots, [jpeg] * 4)
"""


def test_killed_in_mid_decode_publishes_nothing(tmp_path: Path) -> None:
    with RingHost(str(tmp_path / "ring"), slots=SLOTS, slot_bytes=SLOT_BYTES) as host:
        command = [sys.executable, "-c", KILLED_WRITER, host.path, picture(1).hex()]
        killed = subprocess.run(command, check=False, timeout=60, capture_output=True)
        assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
        assert "ready" not in [slot.state for slot in host.slots()]
        with Ring.attach(host.path) as successor:
            assert successor.incarnation == 2
            assert successor.free_slots() == successor.slot_count
