"""The hop of whole pipelines under strain: a detector that is slow, a reader that writes, and strangers at the door."""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import pickle
import random
import socket
import zlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import numpy as np
import psutil
import pytest

import framehop
from framehop import _core
from framehop._core import HopClient, SlotRef
from framehop.errors import ProcessError
from framehop.pipeline.control_plane.asking import PublishedPipeline, ask_status
from framehop.pipeline.stream import PushedStream
from tests.core.hop_peers import Ref
from tests.ring_knocks import ATTACH, DETECTOR, MAGIC, VERSION, knock
from tests.system.asked import running
from tests.system.harness import House, check_ledger, pictures_of
from tests.tiny_model import write_corner_model, write_model
from tests.waiting import until

WIDTH, HEIGHT = 1280, 720
SLOTS = 6
COUNT = 60
LARGE = [f"cam-{i}=testsrc:?size={WIDTH}x{HEIGHT}&count={COUNT}" for i in range(2)]

# Found by every Python process that has its directory in PYTHONPATH: a detector takes its time for each answer.
SLOW = """
import sys, time
if any("detector" in word for word in sys.orig_argv):
    from framehop import _core
    reply = _core.HopServer.reply
    def slowly(server, *args, **named):
        time.sleep(0.02)
        return reply(server, *args, **named)
    _core.HopServer.reply = slowly
"""


def expected(sources: list[str]) -> dict[str, list[int]]:
    crcs = pictures_of(sources[0])
    return {f"cam-{i}": crcs for i in range(len(sources))}


def audit(house: House) -> dict[str, object]:
    done = house.framehop("audit", "--log", house.log, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    report: dict[str, object] = json.loads(done.stdout)
    return report


@dataclass(slots=True)
class Seen:
    """The things that were seen of a pipeline as it worked."""

    house: House
    pipeline: PublishedPipeline
    worker: psutil.Process
    ahead: list[int] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)

    def look(self) -> int:
        """Look once more, and return how many events there are."""
        with contextlib.suppress(ProcessError):  # it is busy
            read = ask_status(self.pipeline).counters.frames_read
            self.ahead.append(read - self.house.events())
        self.memory.append(self.worker.memory_info().rss)
        return self.house.events()


def slow_down(house: House) -> None:
    """Have the detectors that are started from now on take their time."""
    place = house.path / "slow"
    place.mkdir()
    (place / "sitecustomize.py").write_text(SLOW)
    house.env["PYTHONPATH"] = os.pathsep.join(filter(None, (str(place), house.env.get("PYTHONPATH"))))


def fill(house: House, sources: list[str]) -> None:
    done = house.framehop("ingest", *sources, "--log", house.log, "--rate", "max")
    assert done.returncode == 0, done.stderr


def ring_of(house: House) -> str:
    """Return the socket of the only ring."""
    [ring] = house.runtime.glob("framehop-*/ring-*.sock")
    return str(ring)


def test_a_slow_detector_holds_up_the_reading_of_the_log_and_fills_no_memory(house: House) -> None:
    slow_down(house)
    fill(house, LARGE)
    at = ("--log", house.log, "--model", write_corner_model(house.path, WIDTH, HEIGHT), "--slots", str(SLOTS))
    total = len(LARGE) * COUNT
    with running(house, "detect", at=at) as detect:
        until(lambda: _core.look_at_ring(ring_of(house)).free == 0, "a full ring")
        seen = Seen(house=house, pipeline=detect.found, worker=house.wait_for("worker-0"))
        until(lambda: seen.look() == total, "all events")
    assert seen.ahead, "nothing was seen"
    # Frames that are answered and wait for a slow disk have given their slots back.
    assert max(seen.ahead) < total // 2, f"frames were read for which there was no slot: {seen.ahead}"
    grown = max(seen.memory) - seen.memory[0]
    assert grown < 12 * WIDTH * HEIGHT * 3, f"the worker's memory grew by {grown} bytes"  # of the frames that came
    check_ledger(house.log, expected(LARGE))
    assert audit(house)["missing"] == 0


# ---------------------------------------------------------------- a reader that writes

FEW = [f"cam-{i}=testsrc:?size=320x240&count=40" for i in range(2)]
RECORDS, RECORD_BYTES, TAG, SIZE = 192, 256, 64, 240  # where things lie in a ring's control memory: shm/layout.hpp


def scribble(path: str) -> None:
    """Attach as a reader, and spoil what there is to spoil: readers share the slots' words and tags. Pixels and sizes stay as they
    are."""
    answer, fds = knock(path, ATTACH.pack(MAGIC, VERSION, DETECTOR))
    pixels, control = fds
    try:
        assert answer.startswith(MAGIC)
        with pytest.raises(PermissionError):
            mmap.mmap(pixels, mmap.PAGESIZE)
        for fd in fds:
            with pytest.raises(OSError, match=r"not permitted|Invalid argument|Permission denied"):
                os.truncate(fd, 0)
        with mmap.mmap(control, 0) as memory:
            for slot in range(SLOTS):
                record = RECORDS + RECORD_BYTES * slot
                if slot % 2:
                    memory[record + TAG] |= 1  # somebody writes this tag, and never comes to an end
                else:
                    memory[record + SIZE : record + SIZE + 8] = b"\xff" * 8  # a picture that fits into no slot
    finally:
        os.close(pixels)
        os.close(control)


def unread(path: str) -> int:
    """Return how many pictures wait in a ring that no detector has leased."""
    look = _core.look_at_ring(path)
    return look.ready - sum(holder.leases for holder in look.holders)


def test_a_scribbler_in_the_memory_of_a_ring_costs_no_frame_its_boxes(house: House) -> None:
    """The slot table's words about a picture make no sense any more: the frame is decoded again."""
    slow_down(house)
    fill(house, FEW)
    at = ("--log", house.log, "--model", write_model(house.path), "--slots", str(SLOTS))
    with running(house, "detect", at=at):
        until(lambda: house.events() > 3, "first events")
        for _ in range(2):  # a frame is decoded three times at most
            until(lambda: unread(ring_of(house)) > 1, "pictures that nobody has leased yet")
            scribble(ring_of(house))
        until(lambda: house.events() == len(FEW) * 40, "all events")
    check_ledger(house.log, expected(FEW))
    with framehop.open_log(house.log, create=False) as log, log.events() as events:
        assert {record.event.outcome for record in events} == {"detected"}


# ---------------------------------------------------------------- strangers

GARBAGE = [b"", b"\xff" * 64, bytes(range(256)) * 64, pickle.dumps(GeneratorExit)]


def noise(path: Path, link: str) -> None:
    """Say what makes no sense, and hang up."""
    kind = socket.SOCK_SEQPACKET if link == "shm" else socket.SOCK_STREAM
    for garbage in GARBAGE:
        with socket.socket(socket.AF_UNIX, kind) as stranger, contextlib.suppress(ConnectionError, BrokenPipeError):
            stranger.connect(str(path))
            stranger.sendall(garbage)


def claim(address: str, ring_path: str, ring_id: int) -> Counter[str]:
    """Claim every slot of a ring under many generations, twice and in any order, as a worker's double would; returns how the claims
    were answered."""
    left = [Ref(slot, generation) for slot in range(SLOTS) for generation in range(1, 16)] * 2
    random.Random(7).shuffle(left)
    answers: Counter[str] = Counter()
    claims = len(left)
    with HopClient(address, ring_path=ring_path, ring_id=ring_id) as double:

        def answered() -> bool:
            while left and double.unanswered < double.credits:
                assert double.send([cast("SlotRef", left.pop())], [(320, 240)])
            answers.update(reply.status for reply in double.poll(0.05)[0])
            assert not double.lost
            return answers.total() == claims

        until(answered, "an answer to each claim")
    return answers


def be_sent_away(address: str, ring_path: str) -> None:
    """Name a ring that cannot be served, as a worker that dies or a stranger does."""
    with HopClient(address, ring_path=ring_path, ring_id=7) as stranger:
        until(lambda: (stranger.poll(0.05), stranger.lost)[-1], "the end of its connection")


class Camera:
    """Pictures of the test's own."""

    def __init__(self, gate: PushedStream) -> None:
        self._gate = gate
        self.crcs: list[int] = []

    def push(self, count: int) -> None:
        for _ in range(count):
            picture = np.full((240, 320, 3), len(self.crcs), np.uint8)
            jpeg = framehop.encode_jpeg(picture)
            self._gate.push(jpeg, timeout_s=60)
            self.crcs.append(zlib.crc32(jpeg))


def restarts_after(events: int, pipeline: PublishedPipeline) -> int | None:
    """Return how many processes were started again, once so many events are counted."""
    with contextlib.suppress(ProcessError):  # it is busy
        counters = ask_status(pipeline).counters
        return counters.restarts if counters.events == events else None
    return None


@pytest.mark.parametrize("link", ["shm", "zmq"])
def test_claims_and_noise_of_strangers_cost_no_frame_its_event(house: House, link: str) -> None:
    """Descriptors that are doubled, out of order, stale or of somebody else's picture are only claims: the slot table decides."""
    (house.path / "framehop.yaml").write_text(f"detect:\n  hop: {link}\n")
    at = ("--log", house.log, "--config", "framehop.yaml", "--model", write_model(house.path), "--slots", str(SLOTS))
    with framehop.stream("gate", log=house.log) as gate, running(house, "detect", at=at) as detect:
        camera = Camera(gate)
        camera.push(20)
        until(lambda: house.events() > 3, "first events")
        [hop] = house.runtime.glob("framehop-*/hop-0-*.sock")
        address = f"{'shm' if link == 'shm' else 'ipc'}://{hop}"
        ring = ring_of(house)
        noise(hop, link)
        camera.push(20)
        assert claim(address, ring, _core.look_at_ring(ring).ring_id)["stale"] > 0
        camera.push(20)
        for ring in ("/somebody/elses/ring", str(hop.parent / "missing.sock"), str(house.path)):
            be_sent_away(address, ring)
        noise(hop, link)
        camera.push(20)
        until(lambda: house.events() == len(camera.crcs), "all events")
        until(
            lambda: restarts_after(len(camera.crcs), detect.found) == 0, "all events counted, and nobody started again"
        )
    check_ledger(house.log, {"gate": camera.crcs})
    told = audit(house)
    assert (told["missing"], told["duplicates"]) == (0, 0)
