"""The cases: pictures of a size, and the tensor that a network wants of them. Imported by interpreters without framehop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Work = Literal["jpeg", "pixels"]
WORKS: tuple[Work, ...] = ("jpeg", "pixels")
PAD = 114
KEPT = 4  # pictures whose tensors are compared


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Pictures of `width` x `height` pixels for a square input of `side`. A letterbox becomes float32 [3, H, W], 0 to 1, as for
    YOLO; a stretched one float32 [H, W, 3], -1 to 1, as for SSD. Both are RGB."""

    name: str
    width: int
    height: int
    side: int
    letterbox: bool

    @property
    def placed(self) -> tuple[int, int, int, int]:
        """(x, y, width, height) of the resized picture in the input."""
        if not self.letterbox:
            return 0, 0, self.side, self.side
        scale = min(self.side / self.width, self.side / self.height)
        width, height = int(self.width * scale + 0.5), int(self.height * scale + 0.5)
        return (self.side - width) // 2, (self.side - height) // 2, width, height

    @property
    def scale(self) -> float:
        return 1 / 255 if self.letterbox else 1 / 127.5

    @property
    def bias(self) -> float:
        return 0.0 if self.letterbox else -1.0


CASES = {
    case.name: case
    for case in (
        Case(name="720p to 640", width=1280, height=720, side=640, letterbox=True),
        Case(name="720p to 300", width=1280, height=720, side=300, letterbox=False),
        Case(name="1080p to 640", width=1920, height=1080, side=640, letterbox=True),
        Case(name="1080p to 300", width=1920, height=1080, side=300, letterbox=False),
    )
}
