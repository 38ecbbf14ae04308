"""The works that `framehop bench hop` measures: each work, framehop's ways of it, its peers', and the least that it could cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from framehop.bench import bare, decoding, ours, peers, sending, streams
from framehop.bench.pictures import SIZE
from framehop.bench.streams import FRAMES
from framehop.bench.trips import Way

READERS = 4
SHM, ZMQ = "framehop shm", "framehop zmq"
SHM_CPP, ZMQ_CPP = "framehop shm, C++", "framehop zmq, C++"
BELLS, LIBZMQ = "bare eventfd, C++", "bare libzmq, C++"
IN_PLACE, COPIED = "framehop shm, in place", "framehop shm, copied"
ALONE, FANNED = "framehop shm, 1 reader", f"framehop shm, {READERS} readers"
ONE, MANY = "framehop shm, 1 stream", f"framehop shm, {FRAMES} streams"
SENDER, SENT_COPIED, SENT = "framehop FrameSender", "pyzmq, copied", "pyzmq, not copied"
MEMCPY, SLOTS, TURBOJPEG = "one memcpy", "framehop, into slots", "bare TurboJPEG"
TRIP, HAND_OFF, FAN_OUT, DECODE = "descriptor and answer", "1080p hand-off", "1080p fan-out", "1080p JPEG decoding"
STREAMS, SEND = f"{FRAMES} small pictures", "1080p over TCP"


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One piece of work. `ours`: the ways that are compared with all others. `limit`: the way that does no more than it must.
    `count`: trips in a run."""

    count: int
    ours: tuple[str, ...]
    limit: str
    ways: Mapping[str, Callable[[], Way]]


WORKS: Mapping[str, Work] = {
    TRIP: Work(
        count=3000,
        ours=(SHM, ZMQ, SHM_CPP, ZMQ_CPP),
        limit=BELLS,
        ways={
            SHM: lambda: ours.descriptors("shm"),
            ZMQ: lambda: ours.descriptors("zmq"),
            SHM_CPP: lambda: ours.native_descriptors("shm"),
            ZMQ_CPP: lambda: ours.native_descriptors("zmq"),
            BELLS: bare.bells,
            LIBZMQ: bare.native_zmq,
            "pyzmq": lambda: bare.pyzmq(pictures=False),
            "multiprocessing pipe": lambda: bare.pipes(pictures=False),
            "iceoryx2": lambda: peers.iceoryx2(64),
        },
    ),
    HAND_OFF: Work(
        count=150,
        ours=(IN_PLACE, COPIED),
        limit=MEMCPY,
        ways={
            IN_PLACE: lambda: ours.hand_off("shm", copies=False),
            COPIED: lambda: ours.hand_off("shm", copies=True),
            "framehop zmq, in place": lambda: ours.hand_off("zmq", copies=False),
            MEMCPY: bare.memcpy,
            "pyzmq": lambda: bare.pyzmq(pictures=True),
            "multiprocessing pipe": lambda: bare.pipes(pictures=True),
            "imagezmq": peers.imagezmq,
            "iceoryx2, in place": lambda: peers.iceoryx2(SIZE),
        },
    ),
    FAN_OUT: Work(
        count=100,
        ours=(FANNED,),
        limit=ALONE,
        ways={
            ALONE: lambda: ours.hand_off("shm", copies=True),
            FANNED: lambda: ours.hand_off("shm", copies=True, readers=READERS),
            f"multiprocessing pipe, {READERS} readers": lambda: bare.pipes(pictures=True, readers=READERS),
            f"imagezmq, {READERS} readers": lambda: peers.imagezmq_fan_out(READERS),
        },
    ),
    STREAMS: Work(
        count=100,
        ours=(MANY,),
        limit=ONE,
        ways={ONE: lambda: streams.interleaved(1), MANY: lambda: streams.interleaved(FRAMES)},
    ),
    SEND: Work(
        count=100,
        ours=(SENDER,),
        limit=SENT,
        ways={
            SENDER: sending.frame_sender,
            SENT_COPIED: lambda: sending.pyzmq(copies=True),
            SENT: lambda: sending.pyzmq(copies=False),
        },
    ),
    DECODE: Work(
        count=50,
        ours=(SLOTS,),
        limit=TURBOJPEG,
        ways={
            SLOTS: decoding.into_slots,
            TURBOJPEG: decoding.turbojpeg,
            "simplejpeg": decoding.simplejpeg,
            peers.OPENCV: decoding.opencv,
            "imagecodecs": decoding.imagecodecs,
        },
    ),
}


def missing() -> dict[str, str]:
    """Return what is not measured because it is not installed, with what would install it."""
    found = {
        peer: f"pip install {' '.join(dict.fromkeys([peer, *([peers.OPENCV] if 'cv2' in modules else [])]))}"
        for peer, modules in peers.NEEDED.items()
        if not peers.installed(peer)
    }
    return found if decoding.has_turbojpeg() else found | {TURBOJPEG: "apt-get install libturbojpeg0"}


def ways_of(work: str, lacking: Mapping[str, str]) -> list[str]:
    """Return the ways of a work that can be measured. `lacking`: what `missing` found."""
    return [who for who in WORKS[work].ways if who.partition(",")[0] not in lacking]
