"""An epoch of a camera: whether a key frame goes on with it, and the times of its pictures."""

from __future__ import annotations

from typing import NamedTuple

from framehop.protocols import Picture
from framehop.sources.live.camera_clock import CameraClock
from framehop.sources.live.makers import Made, Shape
from framehop.sources.live.screen_times import ScreenTimes


class Moment(NamedTuple):
    """The times of a picture: on the screen, by the camera's clock if that is believed, by ours, and in a recording."""

    pts_us: int | None
    by_camera_us: int | None
    received_us: int
    due_us: int | None


class Epoch:
    """The state of one epoch: the shape of its pictures, whose clock tells the time, and their times."""

    def __init__(self, shape: Shape, clock: CameraClock) -> None:
        self._shape = shape
        self._by_camera = clock.believed
        self._times = ScreenTimes()

    def goes_on(self, key: Made, clock: CameraClock) -> bool:
        """Return whether a key frame continues the epoch. A new clock alone waits for one behind which no picture needs what came
        before it, since the next epoch would lack that. A size that cannot be read is no other size."""
        if not self._shape.width:
            self._shape = key.shape
        if key.shape.width and key.shape != self._shape:
            return False
        return clock.believed == self._by_camera or not (key.clean or not self._times.reordered)

    def picture(self, made: Made, moment: Moment, *, begins: bool) -> Picture:
        clock_us = moment.by_camera_us if self._by_camera else None
        return Picture(
            payload=made.payload,
            media_us=moment.due_us or 0,
            due_us=moment.due_us,
            width=made.shape.width,
            height=made.shape.height,
            content_type=made.content_type,
            keyframe=made.keyframe,
            error=made.error,
            captured_us=self._times.place(moment.pts_us, moment.received_us if clock_us is None else clock_us),
            clock="ingest" if clock_us is None else "camera",
            received_us=moment.received_us if moment.due_us is None else None,
            begins=begins,
        )
