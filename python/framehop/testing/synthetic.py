"""Make pictures and sources for tests: small, deterministic, and broken on request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from framehop._core import encode_jpeg
from framehop.errors import SourceError
from framehop.protocols import Picture


def jpeg(width: int = 64, height: int = 48, *, shade: int = 0, quality: int = 85) -> bytes:
    """Return a JPEG of a gradient; different `shade`s (0 to 255) are different pictures."""
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[..., 0] = shade
    pixels[..., 1] = np.linspace(0, 255, width, dtype=np.uint8)
    pixels[..., 2] = np.linspace(0, 255, height, dtype=np.uint8)[:, None]
    return encode_jpeg(pixels, quality=quality)


def truncated_jpeg() -> bytes:
    """Return a JPEG with a good header and half of the picture."""
    whole = jpeg()
    return whole[: len(whole) // 2]


def forged_jpeg(width: int = 30_000, height: int = 30_000) -> bytes:
    """Return a few hundred bytes that claim to be a picture of `width` x `height`."""
    data = bytearray(jpeg(16, 16))
    size_at = data.index(b"\xff\xc0") + 5  # SOF0: marker, length, precision, then height and width
    data[size_at : size_at + 4] = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    return bytes(data)


class ListSource:
    """A source that yields the given payloads at `rate` per second. `finite` is only what it reports: the list ends anyway."""

    def __init__(
        self, payloads: Sequence[bytes], *, stream: str = "list", rate: float = 10.0, finite: bool = True
    ) -> None:
        self._payloads = payloads
        self.uri = f"list:{stream}"
        self.stream = stream
        self.rate = rate
        self.finite = finite
        self.count = len(payloads) if finite else None

    def pictures(self, start_seq: int = 0) -> Iterator[Picture]:
        for seq in range(start_seq, len(self._payloads)):
            yield Picture(payload=self._payloads[seq], media_us=round(seq * 1_000_000 / self.rate))


class PictureSource:
    """A source that yields the given pictures as they are."""

    def __init__(self, pictures: Sequence[Picture], *, stream: str = "pictures", rate: float = 10.0) -> None:
        self._pictures = pictures
        self.uri = f"pictures:{stream}"
        self.stream = stream
        self.rate = rate
        self.finite = True
        self.count = len(pictures)

    def pictures(self, start_seq: int = 0) -> Iterator[Picture]:
        yield from self._pictures[start_seq:]


class BrokenSource(ListSource):
    """A source that fails with SourceError when picture `fail_at` is requested."""

    def __init__(self, payloads: Sequence[bytes], *, fail_at: int, stream: str = "broken", rate: float = 10.0) -> None:
        super().__init__(payloads, stream=stream, rate=rate)
        self._fail_at = fail_at

    def pictures(self, start_seq: int = 0) -> Iterator[Picture]:
        for seq, picture in enumerate(super().pictures(start_seq), start_seq):
            if seq >= self._fail_at:
                raise SourceError(f"{self.uri} breaks at picture {seq}")
            yield picture
