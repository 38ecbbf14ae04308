"""Connects to cameras by FFmpeg, and says why that failed in words that hold no secret."""

from __future__ import annotations

import errno
from dataclasses import dataclass, field

from framehop.errors import SourceAwayError, SourceError
from framehop.sources.address import Address, without_secrets
from framehop.sources.container import (
    FILE_FORMATS,
    ExitError,
    FFmpegError,
    HTTPBadRequestError,
    HTTPForbiddenError,
    HTTPOtherClientError,
    HTTPUnauthorizedError,
    InputContainer,
    VideoStream,
    bytes_of,
    lacks_memory,
    open_address,
    reason_of,
)
from framehop.sources.film import Codec
from framehop.sources.live.flaws import FlawError, begins_as_film
from framehop.sources.live.losses import Losses
from framehop.sources.live.playlists import MOST_BYTES, PLAYLIST, excess_of, names_others, text_at
from framehop.sources.live.repeats import Given
from framehop.sources.raster import MAX_PIXELS
from framehop.timing import Deadline

# A stream may name other addresses, as a playlist does, but never files.
_PROTOCOLS = {
    "rtsp": "rtsp,rtp,srtp,udp,tcp,tls,http,https",
    "rtmp": "rtmp,rtmps,rtmpt,tcp,tls",
    "http": "http,https,tcp,tls,httpproxy,crypto",
}
_FORMATS = {"rtsp": "rtsp", "rtmp": "flv,live_flv", "http": f"{FILE_FORMATS},mpjpeg"}
_ANALYSE_US = 3_000_000
# A transport stream may begin to send its video on another way, as where a playlist goes from one film to another. It is then taken
# for the same video: FFmpeg's binding drops what it takes for another one, and never comes back.
_ONE_VIDEO = "merge_pmt_versions"
_NO_CAMERA = "is no camera: `v4l2-ctl --list-devices` shows which devices are"
_DEVICE_WORDS = {
    errno.ENOENT: "is not there: plug the camera in, or look under which number it is",
    errno.ENXIO: "is not there: plug the camera in, or look under which number it is",
    errno.EBUSY: "is in use by another program",
    errno.ENODEV: _NO_CAMERA,
    errno.ENOTTY: _NO_CAMERA,
    errno.EISDIR: _NO_CAMERA,
    errno.EINVAL: _NO_CAMERA,
    errno.ENOSYS: _NO_CAMERA,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Connecting:
    """The settings that every connection to one source has in common. `open_s`: for connecting, in all tries, again for a playlist
    that has been read, and again for learning what is sent. `stall_s`: between two pictures. `name`: for messages, without secrets.
    `said`: what is said only of the first connection that it is true of. `given`: what playlists gave."""

    address: Address
    codec: Codec
    quality: int
    open_s: float
    stall_s: float
    name: str
    losses: Losses
    max_pixels: int = MAX_PIXELS
    said: set[str] = field(default_factory=set, compare=False)
    given: Given = field(default_factory=Given, compare=False)


def opened(how: Connecting) -> InputContainer:
    """Connect, and learn what is sent. Raises SourceAwayError, and SourceError when trying again is no use."""
    deadline = Deadline.after(how.open_s)  # for all tries together, since whoever follows the camera waits for them
    try:
        if how.address.kind == "device":
            return _opened_device(how, deadline)
        if how.address.kind == "rtsp":
            return _opened_rtsp(how, deadline)
        if how.address.kind == "http":
            return _opened_http(how, deadline)
        return _connected(how, options_of(how.address), deadline)
    except SourceAwayError:
        raise
    except Exception as error:  # a demuxer may raise anything for what a hostile host sends
        if lacks_memory(error):
            raise
        raise _refusal(how, error, deadline) from None  # its text may hold the password


def _opened_device(how: Connecting, deadline: Deadline) -> InputContainer:
    """Ask a device for JPEGs, and for anything else if it has none: that is many times larger, and has to be encoded here."""
    try:
        return _connected(how, {"input_format": "mjpeg"}, deadline)
    except FFmpegError:
        return _connected(how, {}, deadline)


def _opened_rtsp(how: Connecting, deadline: Deadline) -> InputContainer:
    """Ask a camera for its video alone, as sound has more packets; for everything if it refuses that, as one without video does."""
    options = options_of(how.address)
    try:
        return _connected(how, options | {"allowed_media_types": "video"}, deadline)
    except (HTTPBadRequestError, HTTPOtherClientError):
        return _connected(how, options, deadline)


def _opened_http(how: Connecting, deadline: Deadline) -> InputContainer:
    """Open a playlist only when it was read and is not too much, and anything else at once. Raises SourceAwayError for what is."""
    options = options_of(how.address)
    try:
        return _connected(how, options, deadline)
    except ValueError:  # FFmpeg's, of data that are none of these formats
        text = _playlist_at(how, how.address.url, MOST_BYTES, deadline)
        if not text:
            raise
    excess = excess_of(text, how.address.url, lambda url, most: _named_at(how, url, most, deadline))
    if excess:
        raise SourceAwayError(f"{how.name} {excess}, which would take too much memory", patient=True)
    if deadline.expired:  # what has not come by now may be too much
        raise _no_answer(how)
    # FFmpeg asks for all of it again, which may take as long once more.
    options |= {"format_whitelist": f"{options['format_whitelist']},hls"}
    return _connected(how, options, Deadline.after(how.open_s))


def _named_at(how: Connecting, url: str, most: int, deadline: Deadline) -> str:
    """Return the playlist that another one names. Where that came from elsewhere, it is not known where its names lead: one that
    names others again may be the same, to which a server sends everybody who asks for anything."""
    text = _playlist_at(how, url, most, deadline)
    if names_others(text) and not _playlist_at(how, how.address.url, 0, deadline, elsewhere=False):
        return ""
    return text


def _playlist_at(how: Connecting, url: str, most: int, deadline: Deadline, *, elsewhere: bool = True) -> str:
    """Return the playlist at an address, up to `most` bytes and one packet; nothing if there is none. `elsewhere`: also where the
    server sends whoever asks to another address."""
    text = text_at(
        url,
        options_of(how.address) | ({} if elsewhere else {"max_redirects": "0"}),
        lambda: deadline.expired,
        open_s=deadline.remaining_s,
        read_s=how.stall_s,
        most=most,
    )
    return text if text.startswith(PLAYLIST) else ""


def _connected(how: Connecting, options: dict[str, str], deadline: Deadline) -> InputContainer:
    formats = {"rtsp": "rtsp", "device": "v4l2"}
    return open_address(
        how.address.url,
        format_name=formats.get(how.address.kind),
        options=options,
        open_s=deadline.remaining_s,
        read_s=how.stall_s,
    )


def options_of(address: Address) -> dict[str, str]:
    options = {
        "protocol_whitelist": _PROTOCOLS[address.kind],
        "format_whitelist": _FORMATS[address.kind],
        "analyzeduration": str(_ANALYSE_US),
        "fpsprobesize": "0",  # by default it waits for 20 pictures, and for 50 where none has a time stamp
        "max_ts_probe": "2",
        "tls_verify": "0",  # FFmpeg 9 checks certificates otherwise, and cameras sign theirs themselves
        _ONE_VIDEO: "1",
        "seg_format_options": f"{_ONE_VIDEO}=1",
    }
    return options | ({"rtsp_transport": address.transport} if address.kind == "rtsp" else {})


def _refusal(how: Connecting, error: Exception, deadline: Deadline) -> SourceError:
    if isinstance(error, HTTPUnauthorizedError | HTTPForbiddenError):
        return SourceAwayError(
            f"{how.name} refuses the user or the password: write both before the host, as USER:PASSWORD@HOST",
            patient=True,
        )
    if deadline.expired or isinstance(error, ExitError):
        return _no_answer(how)
    if how.address.kind == "device" and isinstance(error, FFmpegError):
        return _refused_device(how.name, error)
    flawed = isinstance(
        error, ValueError | EOFError
    )  # FFmpeg's for data that are not what they should be, or end too early
    if flawed and how.address.kind == "http" and _is_film_at(how, deadline):
        return FlawError(f"{how.name} is a film that cannot be opened: {words_of(error)}")
    if isinstance(error, ValueError):
        return SourceAwayError(f"{how.name} does not answer as such a source does: check protocol, port and path")
    why = words_of(error)
    if isinstance(error, OSError) and error.errno == errno.EIO:
        why = "it gives no answer that is understood" if how.address.host_is_known else "no such host"
    return SourceAwayError(f"cannot connect to {how.name}: {why}")


def _no_answer(how: Connecting) -> SourceAwayError:
    return SourceAwayError(f"{how.name} has not answered within {how.open_s:g} s")


def _is_film_at(how: Connecting, deadline: Deadline) -> bool:
    """Return whether there is a file of known length at an address, and it begins as a film does. Connects once more."""
    options = options_of(how.address) | {"format_whitelist": "data"}
    try:
        with open_address(
            how.address.url, format_name="data", options=options, open_s=deadline.remaining_s, read_s=how.stall_s
        ) as container:
            first = next(container.demux(), None)
            return bytes_of(container) > 0 and first is not None and begins_as_film(bytes(first))
    except FFmpegError:
        return False


def _refused_device(name: str, error: FFmpegError) -> SourceError:
    if isinstance(error, PermissionError):
        return SourceError(f"{name} may not be opened: add the user to the group `video`, then start framehop again")
    return SourceAwayError(f"{name} {_DEVICE_WORDS.get(error.errno or 0, f'cannot be read: {words_of(error)}')}")


def words_of(error: Exception) -> str:
    """Return FFmpeg's words for an error, without secrets; never the file name that its text ends with."""
    return without_secrets(reason_of(error))


def video_of(container: InputContainer, how: Connecting) -> VideoStream:
    """Return the video stream, which can be decoded. Raises SourceAwayError."""
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
