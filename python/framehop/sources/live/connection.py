"""One connection to a camera: opened by FFmpeg, and read as pictures with their times until it breaks."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Self

from framehop.budgets import GROUP_S
from framehop.errors import SourceAwayError, SourceError
from framehop.protocols import Picture, SourceFacts
from framehop.sources.announced import AnnouncedLength
from framehop.sources.container import (
    ExitError,
    FFmpegError,
    Packet,
    Timeline,
    base_of,
    has_sides,
    is_encrypted,
    lacks_memory,
    microseconds,
    rate_of,
    read_alone,
    trimmed_of,
)
from framehop.sources.left_out import ABSENT, TRIMMED
from framehop.sources.live.camera_clock import CameraClock, reference_us, time_of_picture
from framehop.sources.live.connecting import Connecting, opened, video_of, words_of
from framehop.sources.live.epoch import Epoch, Moment
from framehop.sources.live.first_key import FirstKey
from framehop.sources.live.flaws import is_film, told
from framehop.sources.live.makers import Made, Shape, maker_for
from framehop.sources.live.repeats import Repeats
from framehop.sources.live.segments import confirmed
from framehop.sources.live.turns import in_turn, may_lose_turns
from framehop.sources.units import CodecChangedError, VideoPacket
from framehop.timing import now_us

KEYFRAME_S = GROUP_S
# A camera that is set to another size does so once. More changes are a fault, and each costs an epoch, which begins when all
# before it is in the log.
MOST_CHANGES, CHANGES_S = 8, 60.0
TOO_OFTEN = "pictures of yet another size or rate"


class LiveConnection:
    """An open connection. Use it from one thread, as FFmpeg waits there; `facts` may be read from any.

    Every wait inside FFmpeg ends by itself: after `open_s` while it connects, after `stall_s` later."""

    def __init__(self, how: Connecting) -> None:
        """Connect. Raises SourceAwayError, and SourceError when trying again is no use."""
        self._how = how
        self._clock = CameraClock()
        self._came = False
        self._container = opened(how)
        self.is_recording = how.address.kind == "http" and is_film(self._container)
        try:
            self._video = video_of(self._container, how)
            self._maker = maker_for(self._video, how.codec, name=how.name, quality=how.quality, losses=how.losses)
            # The sound of another recording is read, since what comes behind the pictures may take long.
            if not self.is_recording or self._container.format.name == "hls":
                read_alone(self._container, self._video)
        except Exception as error:  # noqa: BLE001  it is raised, in other words
            self._container.close()
            raise told(error, how.name, film=self.is_recording) from None
        self._base = base_of(self._video)
        context = self._video.codec_context
        declared = self._video.average_rate or self._video.guessed_rate
        self.facts = SourceFacts(
            codec=self._maker.codec,
            width=context.width,
            height=context.height,
            rate=rate_of(self._video) if declared else 0.0,
        )

    def pictures(self, stopped: Callable[[], bool]) -> Iterator[Picture]:
        """Yield pictures from the first key frame on, until `stopped`, or until a recording ends. A picture `begins` where what is
        sent changes: the size, or whose clock tells the time. Raises SourceAwayError when the connection breaks, and SourceError
        when a recording breaks off, which would come again from its beginning."""
        epoch: Epoch | None = None
        first_key = FirstKey(self._how)
        changes: deque[float] = deque(maxlen=MOST_CHANGES + 1)
        for made, moment in self._new(stopped):
            begins = made.keyframe and not made.error and not (epoch and epoch.goes_on(made, self._clock))
            if begins:
                self._count(changes)
                epoch = Epoch(made.shape, self._clock)
                self._tell(made.shape)
            if epoch is not None:
                yield epoch.picture(made, moment, begins=begins)
            else:
                first_key.passed_over()

    def _new(self, stopped: Callable[[], bool]) -> Iterator[tuple[Made, Moment]]:
        """Yield the pictures that no earlier connection has given."""
        found = self._made(stopped)
        if self._container.format.name != "hls":
            return found
        return Repeats(self._how.given, self._how.losses).without(found)

    def _made(self, stopped: Callable[[], bool]) -> Iterator[tuple[Made, Moment]]:
        """Yield pictures with their times, and when the connection has ended those that were held back."""
        timeline = Timeline(self._base, round(1_000_000 / rate_of(self._video))) if self.is_recording else None
        broken: SourceError | None = None
        shown_s = time.monotonic()
        try:
            for packet in self._video_packets(stopped):
                due_us = timeline.place(packet.dts if packet.dts is not None else packet.pts) if timeline else None
                told_of, shows = _told(packet), False
                for made in self._maker.make(packet):  # which may empty the packet
                    given_s = 0.0 if (shows := made.shows and not made.error) else time.monotonic()
                    yield made, self._moment(made, told_of, due_us)
                    shown_s = time.monotonic() if shows else shown_s + time.monotonic() - given_s
                if not shows:  # where nothing is made of packets that cannot be decoded, too
                    self._check_shown(shown_s)
        except CodecChangedError as error:
            away = SourceAwayError(f"{self._how.name} goes on as {error.now} where it was {self._maker.codec}")
            broken = error if self.is_recording else away
        except SourceError as error:
            broken = error
        for made in self._maker.rest():
            yield made, self._moment(made, (None, None), timeline.place(None) if timeline else None)
        if broken is not None:
            raise broken

    def _video_packets(self, stopped: Callable[[], bool]) -> Iterator[VideoPacket]:
        """Return the packets from which pictures are made."""
        packets = self._packets(stopped)
        packets = self._measured(packets, stopped) if self.is_recording else packets
        return in_turn(packets, self._how) if may_lose_turns(self._container) else packets

    def _measured(self, packets: Iterator[VideoPacket], stopped: Callable[[], bool]) -> Iterator[VideoPacket]:
        """Pass on the packets of a recording; at its end, count what it announces and what has not come."""
        length, count = AnnouncedLength(self._container, self._video), 0
        for packet in packets:
            length.saw(packet)
            count += 1
            yield packet
        if stopped():
            return
        trimmed = trimmed_of(self._container, self._video)
        if trimmed:
            self._how.losses.add(TRIMMED, trimmed, name=self._how.name)
        if (absent_pictures := self._video.frames - trimmed - count) > 0:
            self._how.losses.add(ABSENT, absent_pictures, name=self._how.name)
        elif (absent := confirmed(length.absent(), self._how, stopped)) is not None:
            self._how.losses.add(absent.reason, name=f"{self._how.name}, {absent.seconds:.1f} s")

    def _moment(self, made: Made, told: _Told, due_us: int | None) -> Moment:
        """Return when a picture is. `told`: by the packet with which it came out. `due_us`: its turn in a recording."""
        pts_us = None if made.pts is None else microseconds(made.pts, self._base)
        received_us = now_us()
        camera_us, pts = told
        steps = 0 if made.pts is None or pts is None else made.pts - pts
        by_camera_us = self._clock.read(time_of_picture(camera_us, steps, self._base), pts_us, received_us)
        if self._clock.doubt != self.facts.doubt:
            self.facts = replace(self.facts, doubt=self._clock.doubt)
        return Moment(
            pts_us=pts_us,
            by_camera_us=by_camera_us,
            received_us=received_us,
            due_us=due_us,
        )

    def _tell(self, shape: Shape) -> None:
        self.facts = replace(self.facts, width=shape.width, height=shape.height, rate=shape.rate or self.facts.rate)

    def _count(self, changes: deque[float]) -> None:
        """Note in `changes` that an epoch begins. Raises SourceAwayError when there are too many. A recording, which may be read
        much faster than it was made, has as many as it has."""
        changes.append(time.monotonic())
        if len(changes) > MOST_CHANGES and changes[-1] - changes[0] < CHANGES_S and not self.is_recording:
            self._how.losses.add(TOO_OFTEN)
            raise SourceAwayError(
                f"{self._how.name} has changed its size or rate {MOST_CHANGES} times within {CHANGES_S:.0f} s",
                patient=True,
            )

    def _check_shown(self, shown_s: float) -> None:
        """Raise SourceError if what comes has been no picture for long, such as that of a codec to which it was changed."""
        if time.monotonic() - shown_s > max(KEYFRAME_S, self._how.stall_s):
            raise self._broken("sends, and nothing of it has been a picture for long", patient=True)

    def _packets(self, stopped: Callable[[], bool]) -> Iterator[VideoPacket]:
        """Yield the packets of the video stream. Those of others, such as sound, are no sign of life of a camera; a recording may
        have more sound than pictures, and an end."""
        heard_s = time.monotonic()
        packets = self._container.demux()
        while not stopped() and (packet := self._next(packets)) is not None:
            if packet.stream_index == self._video.index and packet.size:
                if is_encrypted(packet):  # what would be decoded of it is noise
                    raise self._encrypted()
                yield packet
                heard_s = time.monotonic()  # which is much later while the log stands still
            elif not self.is_recording and time.monotonic() - heard_s > self._how.stall_s:
                raise self._stalled()
        if not self.is_recording and not stopped():
            raise SourceAwayError(f"{self._how.name} has closed the connection")

    def _next(self, packets: Iterator[Packet[Any]]) -> Packet[Any] | None:
        try:
            packet = next(packets, None)
        except ExitError:
            raise self._stalled() from None
        except FFmpegError as error:
            if lacks_memory(error):
                raise
            raise (self._broken(f"has broken off: {words_of(error)}") if self._came else self._none(error)) from None
        self._came = True
        return packet

    def _none(self, error: FFmpegError) -> SourceError:
        """Return the error of a connection that ended before anything came. A film whose index lies behind its pictures has to be
        read backwards once, and a server that sends no parts of a file never lets that happen."""
        if not (self.is_recording and "mp4" in self._container.format.name):
            return self._broken(f"has broken off: {words_of(error)}")
        return SourceError(
            f"{self._how.name} gives no picture: {words_of(error)}. Its server may be unable to send parts of a file (Range), as "
            "`python -m http.server` is: save the film and read it from there, or have its index at its beginning "
            "(ffmpeg -i FILM -c copy -movflags +faststart NEW.mp4)"
        )

    def _stalled(self) -> SourceError:
        return self._broken(f"has sent no picture for {self._how.stall_s:g} s")

    def _encrypted(self) -> SourceError:
        what = f"{self._how.name} sends encrypted pictures (DRM), and their key is not known here"
        return SourceError(what) if self.is_recording else SourceAwayError(what, patient=True)

    def _broken(self, what: str, *, patient: bool = False) -> SourceError:
        if self.is_recording:
            return SourceError(f"{self._how.name} {what}, before its end; ingest it again from the beginning")
        return SourceAwayError(f"{self._how.name} {what}", patient=patient)

    def close(self) -> None:
        self._container.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


_Told = tuple[int | None, int | None]  # when a packet was captured by the camera's clock, and its place on the screen


def _told(packet: VideoPacket) -> _Told:
    if not has_sides(packet) or not packet.has_sidedata("prft"):
        return None, packet.pts
    return reference_us(bytes(packet.get_sidedata("prft"))), packet.pts
