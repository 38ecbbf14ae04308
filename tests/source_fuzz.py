"""Damaged picture and video files through the source path: python -m tests.source_fuzz DIRECTORY SEED COUNT

Each file is one of the kinds that cameras and phones write, with bytes changed, cut, doubled or taken from another kind. Reading
it may yield pictures, leave some out, or raise a FramehopError; anything else is printed and makes the exit status 1.
"""

from __future__ import annotations

import io
import random
import resource
import sys
import traceback
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from framehop.errors import FramehopError
from framehop.sources import parse_source
from framehop.sources.spec import SourceOptions

CASES = Path(__file__).resolve().parent / "cases"
ADDRESS_SPACE = (
    4 << 30
)  # a file that makes a library ask for more shows as a MemoryError, and not as a machine that swaps
MAX_PICTURES = 200  # of one file
PICTURE_FORMATS: dict[str, dict[str, Any]] = {
    "jpg": {"quality": 80},
    "png": {},
    "gif": {},
    "webp": {"quality": 70},
    "tif": {"compression": "tiff_lzw"},
    "bmp": {},
    "ppm": {},
    "jp2": {},
    "avif": {"quality": 60, "speed": 10},
}
VIDEO_FORMATS = {
    "mp4": "mpeg4",
    "mkv": "mpeg4",
    "avi": "mjpeg",
    "ts": "mpeg2video",
    "mjpeg": "mjpeg",
    "flv": "flv1",
    "mov": "png",
    "webm": "libvpx",
}


def _noise(height: int, width: int, seed: int) -> NDArray[np.uint8]:
    coarse = np.random.default_rng(seed).integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
    return coarse.repeat(8, axis=0).repeat(8, axis=1)


def _picture(suffix: str, options: dict[str, Any], **more: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(_noise(64, 96, 1)).save(
        buffer, format=Image.registered_extensions()[f".{suffix}"], **options, **more
    )
    return buffer.getvalue()


def _phone_jpeg() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "a maker"
    return _picture("jpg", {"quality": 80}, exif=exif)


def _animation(suffix: str) -> bytes:
    buffer = io.BytesIO()
    frames = [Image.fromarray(_noise(64, 96, seed)) for seed in range(4)]
    frames[0].save(buffer, format=suffix, save_all=True, append_images=frames[1:])
    return buffer.getvalue()


def _video(suffix: str, codec: str, folder: Path) -> bytes:
    path = folder / f"whole.{suffix}"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=10)
        stream.width, stream.height, stream.time_base = 96, 64, Fraction(1, 10)
        stream.pix_fmt = {"mjpeg": "yuvj420p", "png": "rgb24"}.get(codec, "yuv420p")
        for seed in range(12):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(_noise(64, 96, seed), format="rgb24")))
        container.mux(stream.encode())
    return path.read_bytes()


def whole_files(folder: Path) -> dict[str, bytes]:
    """Sound files by name, among them every one of tests/cases."""
    files = {f"plain.{suffix}": _picture(suffix, options) for suffix, options in PICTURE_FORMATS.items()}
    files["progressive.jpg"] = _picture("jpg", {"quality": 80}, progressive=True)
    files["phone.jpg"] = _phone_jpeg()
    files |= {f"several.{suffix.lower()}": _animation(suffix) for suffix in ("GIF", "PNG", "WEBP", "TIFF")}
    files |= {f"film.{suffix}": _video(suffix, codec, folder) for suffix, codec in VIDEO_FORMATS.items()}
    files["phone.mjpeg"] = _phone_jpeg() * 5
    files |= {path.name: path.read_bytes() for path in sorted(CASES.iterdir()) if path.is_file()}
    return files


# ---- what is done to a file


def _change_bytes(data: bytearray, chance: random.Random, _other: bytes) -> None:
    for _ in range(chance.choice((1, 1, 2, 8, 64))):
        data[chance.randrange(len(data))] = chance.choice((0, 255, 127, 128, chance.randrange(256)))


def _change_head(data: bytearray, chance: random.Random, _other: bytes) -> None:
    for _ in range(chance.choice((1, 2, 4))):
        data[chance.randrange(min(len(data), 200))] = chance.randrange(256)


def _change_number(data: bytearray, chance: random.Random, _other: bytes) -> None:
    """A size, a count or an offset of two or four bytes, in either order."""
    width = chance.choice((2, 4))
    value = chance.choice((0, 1, 2, 255, 256, 32767, 32768, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1)) % 256**width
    at = chance.randrange(max(1, len(data) - width))
    data[at : at + width] = value.to_bytes(width, chance.choice(("little", "big")))


def _cut(data: bytearray, chance: random.Random, _other: bytes) -> None:
    del data[chance.randrange(len(data)) :]


def _take_out(data: bytearray, chance: random.Random, _other: bytes) -> None:
    at = chance.randrange(len(data))
    del data[at : at + chance.choice((1, 4, 100, 1000))]


def _double(data: bytearray, chance: random.Random, _other: bytes) -> None:
    at = chance.randrange(len(data))
    data[at:at] = data[at : at + chance.choice((1, 16, 500))]


def _splice(data: bytearray, chance: random.Random, other: bytes) -> None:
    at = chance.randrange(len(data))
    data[at:] = other[chance.randrange(len(other)) :]


DAMAGES: list[Callable[[bytearray, random.Random, bytes], None]] = [
    _change_bytes,
    _change_head,
    _change_number,
    _cut,
    _take_out,
    _double,
    _splice,
]


def damaged(files: dict[str, bytes], chance: random.Random) -> tuple[str, bytes]:
    """A file's name, at times with another's suffix, and its bytes."""
    name = chance.choice(sorted(files))
    data = bytearray(files[name])
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        if data:
            chance.choice(DAMAGES)(data, chance, files[chance.choice(sorted(files))])
    if chance.random() < 0.1:
        name = f"{name.rsplit('.', 1)[0]}.{chance.choice(sorted(files)).rsplit('.', 1)[-1]}"
    return name, bytes(data)


def read(path: Path) -> str:
    """Read `path` as a source and return `pictures`, `failed`, or the name of a FramehopError. Any other error is raised."""
    try:
        source = parse_source(str(path), SourceOptions())
        failed = False
        for number, picture in enumerate(source.pictures()):
            failed |= bool(picture.error)
            if number == MAX_PICTURES:
                break
    except FramehopError as error:
        return type(error).__name__
    return "failed" if failed else "pictures"


def fuzz(folder: Path, seed: int, count: int) -> int:
    """Returns how many files raised what they should not; those are kept, the others are not."""
    files = whole_files(folder)
    chance = random.Random(seed)
    outcomes: dict[str, int] = {}
    wrong = 0
    for number in range(count):
        name, data = damaged(files, chance)
        path = folder / f"{number}-{name}"
        path.write_bytes(data)
        try:
            outcome = read(path)
        except Exception:  # noqa: BLE001  what is looked for
            wrong += 1
            print(f"{path}:", traceback.format_exc(), sep="\n")
            continue
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
        path.unlink()
    print(outcomes)
    return wrong


def main() -> int:
    folder, seed, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    av.logging.set_level(None)
    return int(fuzz(folder, seed, count) > 0)


if __name__ == "__main__":
    sys.exit(main())
