"""One connection to a camera: opened by FFmpeg, and read as pictures with their times until it breaks."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Self

from framehop.errors import SourceAwayError, SourceError
from framehop.protocols import Picture, SourceFacts
from framehop.sources.address import Address, without_secrets
from framehop.sources.container import (
    FILE_FORMATS,
    ExitError,
    FFmpegError,
    HTTPForbiddenError,
    HTTPUnauthorizedError,
    InputContainer,
    Packet,
    Timeline,
    VideoStream,
    lacks_memory,
    open_address,
    rate_of,
    reason_of,
)
from framehop.sources.film import Codec
from framehop.sources.live.camera_clock import CameraClock, reference_us
from framehop.sources.live.losses import Losses
from framehop.sources.live.makers import TOO_EARLY, Made, Shape, VideoPacket, base_of, maker_for
from framehop.sources.live.screen_times import ScreenTimes
from framehop.sources.raster import MAX_PIXELS
from framehop.timing import now_us

logger = logging.getLogger(__name__)

KEYFRAME_S = 60.0  # longer than the groups of pictures of any camera

# A stream may name other addresses, as a playlist does, but never files.
_PROTOCOLS = {
    "rtsp": "rtsp,rtp,srtp,udp,tcp,tls,http,https",
    "rtmp": "rtmp,rtmps,rtmpt,tcp,tls",
    "http": "http,https,tcp,tls,httpproxy,crypto",
}
_FORMATS = {"rtsp": "rtsp", "rtmp": "flv,live_flv", "http": f"{FILE_FORMATS},hls,mpjpeg"}
_ANALYSE_US = 3_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Connecting:
    """What every connection to one source has in common. `open_s`: for connecting, and again for learning what is sent. `stall_s`:
    between two pictures. `name`: for messages, without secrets."""

    address: Address
    codec: Codec
    quality: int
    open_s: float
    stall_s: float
    name: str
    losses: Losses
    max_pixels: int = MAX_PIXELS


class Connection:
    """An open connection. Use it from one thread, as FFmpeg waits there; `facts` may be read from any.

    Every wait inside FFmpeg ends by itself: after `open_s` while it connects, after `stall_s` later."""

    def __init__(self, how: Connecting) -> None:
        """Connect. Raises SourceAwayError, and SourceError when trying again is no use."""
        self._how = how
        self._clock = CameraClock()
        self._container = _opened(how)
        try:
            self._video = _video_of(self._container, how)
            self._maker = maker_for(self._video, how.codec, name=how.name, quality=how.quality, losses=how.losses)
        except BaseException:
            self._container.close()
            raise
        self._base = base_of(self._video)
        self.is_recording = how.address.kind == "http" and bool(self._container.duration)
        context = self._video.codec_context
        declared = self._video.average_rate or self._video.guessed_rate
        self.facts = SourceFacts(
            codec=self._maker.codec,
            width=context.width,
            height=context.height,
            rate=rate_of(self._video) if declared else 0.0,
        )

    @property
    def doubt(self) -> str:
        """Why the camera's clock is not believed; empty while nothing is wrong with it."""
        return self._clock.doubt

    def pictures(self, stopped: Callable[[], bool]) -> Iterator[Picture]:
        """Yield pictures from the first key frame on, until `stopped`, or until a recording ends. A picture `begins` where what is
        sent changes: the size, or whose clock tells the time. Raises SourceAwayError when the connection breaks."""
        epoch: _Epoch | None = None
        timeline = Timeline(self._base, round(1_000_000 / rate_of(self._video)))
        began_s = time.monotonic()
        for packet in self._packets(stopped):
            camera_us = reference_us(bytes(packet.get_sidedata("prft"))) if packet.has_sidedata("prft") else None
            due_us = timeline.place(packet.dts if packet.dts is not None else packet.pts) if self.is_recording else None
            for made in self._maker.make(packet):
                pts_us = None if made.pts is None else round(made.pts * self._base * 1_000_000)
                received_us = now_us()
                by_camera_us = self._clock.read(camera_us, pts_us, received_us)
                begins = made.keyframe and not made.error and not (epoch and epoch.goes_on(made.shape, self._clock))
                if begins:
                    epoch = _Epoch(made.shape, self._clock)
                    self._tell(made.shape)
                if epoch is None:
                    self._too_early(began_s)
                    continue
                yield epoch.picture(made, pts_us, by_camera_us, received_us, due_us=due_us, begins=begins)

    def _tell(self, shape: Shape) -> None:
        self.facts = replace(self.facts, width=shape.width, height=shape.height, rate=shape.rate or self.facts.rate)

    def _too_early(self, began_s: float) -> None:
        self._how.losses.add(TOO_EARLY)
        if time.monotonic() - began_s > KEYFRAME_S:
            raise SourceAwayError(f"{self._how.name} has sent no key frame for {KEYFRAME_S:.0f} s", patient=True)

    def _packets(self, stopped: Callable[[], bool]) -> Iterator[VideoPacket]:
        """Yield the packets of the video stream. Those of others, such as sound, do not count as a sign of life."""
        heard_s = time.monotonic()
        packets = self._container.demux()
        while not stopped() and (packet := self._next(packets)) is not None:
            if packet.stream_index == self._video.index and packet.size:
                heard_s = time.monotonic()
                yield packet
            elif time.monotonic() - heard_s > self._how.stall_s:
                raise self._stalled()
        if not self.is_recording and not stopped():
            raise SourceAwayError(f"{self._how.name} has closed the connection")

    def _next(self, packets: Iterator[Packet[Any]]) -> Packet[Any] | None:
        try:
            return next(packets, None)
        except ExitError:
            raise self._stalled() from None
        except FFmpegError as error:
            if lacks_memory(error):
                raise
            raise SourceAwayError(f"{self._how.name} has broken off: {_words(error)}") from None

    def _stalled(self) -> SourceAwayError:
        return SourceAwayError(f"{self._how.name} has sent no picture for {self._how.stall_s:g} s")

    def close(self) -> None:
        self._container.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class _Epoch:
    """What holds for one epoch: the shape of its pictures, whose clock tells the time, and their times."""

    def __init__(self, shape: Shape, clock: CameraClock) -> None:
        self._shape = shape
        self._by_camera = clock.believed
        self._times = ScreenTimes()

    def goes_on(self, shape: Shape, clock: CameraClock) -> bool:
        """Return whether a key frame continues the epoch."""
        return shape == self._shape and clock.believed == self._by_camera

    def picture(
        self,
        made: Made,
        pts_us: int | None,
        by_camera_us: int | None,
        received_us: int,
        *,
        due_us: int | None,
        begins: bool,
    ) -> Picture:
        clock_us = by_camera_us if self._by_camera else None
        return Picture(
            payload=made.payload,
            media_us=due_us or 0,
            due_us=due_us,
            width=made.shape.width,
            height=made.shape.height,
            content_type=made.content_type,
            keyframe=made.keyframe,
            error=made.error,
            captured_us=self._times.place(pts_us, received_us if clock_us is None else clock_us),
            clock="ingest" if clock_us is None else "camera",
            begins=begins,
        )


def _opened(how: Connecting) -> InputContainer:
    try:
        if how.address.kind == "device":
            return _opened_device(how)
        return _connected(how, _options(how.address))
    except Exception as error:  # a demuxer may raise anything for what a hostile host sends
        if lacks_memory(error):
            raise
        raise _refusal(how, error) from None  # its text may hold the password


def _opened_device(how: Connecting) -> InputContainer:
    """Ask a device for JPEGs, and for anything else if it has none: that is many times larger, and has to be encoded here."""
    try:
        return _connected(how, {"input_format": "mjpeg"})
    except ValueError:
        return _connected(how, {})


def _connected(how: Connecting, options: dict[str, str]) -> InputContainer:
    formats = {"rtsp": "rtsp", "device": "v4l2"}
    return open_address(
        how.address.url,
        format_name=formats.get(how.address.kind),
        options=options,
        open_s=how.open_s,
        read_s=how.stall_s,
    )


def _options(address: Address) -> dict[str, str]:
    options = {
        "protocol_whitelist": _PROTOCOLS[address.kind],
        "format_whitelist": _FORMATS[address.kind],
        "analyzeduration": str(_ANALYSE_US),
        "fpsprobesize": "0",  # by default it waits for 20 pictures, and for 50 where none has a time stamp
        "max_ts_probe": "2",
    }
    return options | ({"rtsp_transport": address.transport} if address.kind == "rtsp" else {})


def _refusal(how: Connecting, error: Exception) -> SourceError:
    if isinstance(error, HTTPUnauthorizedError | HTTPForbiddenError):
        return SourceAwayError(
            f"{how.name} refuses the user or the password: write them as rtsp://USER:PASSWORD@HOST/…", patient=True
        )
    if isinstance(error, ExitError):
        return SourceAwayError(f"{how.name} has not answered within {how.open_s:g} s")
    if how.address.kind == "device" and isinstance(error, PermissionError):
        return SourceError(
            f"{how.name} may not be opened: add the user to the group `video`, then start framehop again"
        )
    return SourceAwayError(f"cannot connect to {how.name}: {_words(error)}")


def _words(error: Exception) -> str:
    """Return FFmpeg's words for an error, without secrets; never the file name that its text ends with."""
    return without_secrets(reason_of(error))


def _video_of(container: InputContainer, how: Connecting) -> VideoStream:
    if not container.streams.video:
        raise SourceAwayError(f"{how.name} sends no video", patient=True)
    video = container.streams.video[0]
    if video.codec_context is None:
        raise SourceAwayError(
            f"{how.name} sends a codec for which there is no decoder here: set it to H.264", patient=True
        )
    if video.codec_context.width * video.codec_context.height > how.max_pixels:
        raise SourceAwayError(
            f"{how.name} sends pictures of more than {how.max_pixels} pixels, the limit", patient=True
        )
    video.codec_context.thread_count = 1
    video.codec_context.options = {"max_pixels": str(how.max_pixels)}
    return video
