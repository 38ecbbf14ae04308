"""Decodes the access units of a film one by one, and keeps what came out until somebody takes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from framehop import _core
from framehop._core import decode_jpeg, read_jpeg_header
from framehop.content import VideoCodec, orientation_of
from framehop.errors import CorruptPictureError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

KEPT = 64  # decoded pictures that nobody has asked for yet
KEPT_BYTES = 64 << 20  # of them, about: large ones are fewer

WHY = {"no_keyframe": "the log does not have its key frame", "not_shown": "it has no picture of its own"}


class Still(Protocol):
    """A picture to look at, upright. `size`: (width, height) in pixels."""

    @property
    def size(self) -> tuple[int, int]: ...

    def pixels(self, width: int, height: int) -> NDArray[np.uint8]:
        """Return uint8 [H, W, 3], RGB, at the smallest eighth of its size that is not below `width` and `height`."""


class JpegStill:
    """A JPEG as a Still. Raises PictureError."""

    def __init__(self, payload: memoryview) -> None:
        header = read_jpeg_header(payload)
        self._payload = payload
        self.size = (header.width, header.height)

    def pixels(self, width: int, height: int) -> NDArray[np.uint8]:
        return decode_jpeg(self._payload, min_width=width, min_height=height)


class FilmStill:
    """A decoded picture of a film as a Still."""

    def __init__(self, picture: _core.VideoPicture, orientation: int) -> None:
        self._picture = picture
        self._orientation = orientation
        size = (picture.width, picture.height)
        self.size = size if orientation < 5 else size[::-1]

    def pixels(self, width: int, height: int) -> NDArray[np.uint8]:
        return self._picture.rgb(orientation=self._orientation, min_width=width, min_height=height)


class FilmDecoder:
    """One decoder, from a key frame on. Each unit has a number of the caller's. Use from one thread."""

    def __init__(self, pool: _core.VideoPool, codec: VideoCodec) -> None:
        self._pool = pool
        self._decoder = _core.VideoDecoder(codec)
        self._held: set[int] = set()
        self._known: dict[int, _core.VideoOutcome] = {}
        self._kept_bytes = 0  # of the pictures of what is known

    @property
    def bytes(self) -> int:
        """Number of bytes of memory that it takes, about, with the pictures that wait to be taken."""
        return self._decoder.bytes + self._kept_bytes

    def has(self, number: int) -> bool:
        """Return whether the unit was fed, and its outcome was not taken."""
        return number in self._known or number in self._held

    def knows(self, number: int) -> bool:
        """Return whether the unit's outcome can be taken without feeding or asking for more."""
        return number in self._known

    def note_gap(self) -> None:
        """Note that units are missing before the next one."""
        self._decoder.note_gap()

    def feed(self, number: int, shown_us: int, payload: memoryview, wanted: int) -> None:
        """Decode a unit. `shown_us`: its time on the screen. `wanted`: the unit whose outcome is asked for next."""
        self._held.add(number)
        [found] = self._pool.decode([(self._decoder, [(number, shown_us, payload)])])
        self._note(found, wanted)

    def still(self, wanted: int, content_type: str) -> Still:
        """Take the picture of a unit, also if it is held back for one that may be shown before it. Raises PictureError."""
        if wanted in self._held:
            self._note(self._decoder.take_held(), wanted)
        found = self._forget(wanted)
        if found is None:
            raise CorruptPictureError("its bytes are not in the log")
        if found.picture is None:
            raise CorruptPictureError(WHY.get(found.result, found.message))
        return FilmStill(found.picture, orientation_of(content_type))

    def _note(self, found: Sequence[_core.VideoOutcome], wanted: int) -> None:
        """Keep outcomes. What has no picture only because decoding began behind its key frame may have one another time."""
        for outcome in found:
            self._held.discard(outcome.key)
            if outcome.result != "no_keyframe" or outcome.key == wanted:
                self._forget(outcome.key)
                self._known[outcome.key] = outcome
                self._kept_bytes += _bytes_of(outcome)
        for number in [number for number in self._known if number != wanted]:
            if len(self._known) <= KEPT and self._kept_bytes <= KEPT_BYTES:
                break
            self._forget(number)

    def forget_waiting(self) -> None:
        """Forget the outcomes that wait to be taken. Whoever asks for one of them begins anew."""
        self._known.clear()
        self._kept_bytes = 0

    def _forget(self, number: int) -> _core.VideoOutcome | None:
        outcome = self._known.pop(number, None)
        self._kept_bytes -= 0 if outcome is None else _bytes_of(outcome)
        return outcome


def _bytes_of(outcome: _core.VideoOutcome) -> int:
    """Return about how many bytes the outcome's picture takes: half of them are colour at most, in 8 bits mostly."""
    return 0 if outcome.picture is None else 2 * outcome.picture.width * outcome.picture.height
