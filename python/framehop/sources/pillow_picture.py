"""Decode what Pillow reads to upright 8-bit RGB, or tell why it cannot be decoded."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING, Any

from framehop.errors import (
    CorruptPictureError,
    MissingExtraError,
    PictureError,
    PictureTooLargeError,
    UnsupportedPictureError,
    is_out_of_memory,
    text_of,
)
from framehop.installing import install

if TYPE_CHECKING:
    from types import ModuleType

    import numpy as np
    from numpy.typing import NDArray

FORMATS = ("PNG", "BMP", "WEBP", "TIFF", "GIF", "PPM", "AVIF", "JPEG2000")
_PHOTOMETRIC, _WHITE_IS_ZERO = 262, 0  # TIFF's tag of what a grey value means, and one of its values
MAX_SIDE = 65_500  # the largest side of a JPEG, to which the pixels are encoded


def pillow() -> ModuleType:
    """Return Pillow's Image module. Raises MissingExtraError."""
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingExtraError(f"this picture format needs Pillow: {install('video')}") from error
    return Image


def hush_pictures() -> None:
    """Silence Pillow's warnings in a process of ours. They name no file, and what matters is in the picture's error."""
    warnings.filterwarnings("ignore", module=r"PIL\.")


def decode_by_pillow(data: bytes, max_pixels: int) -> tuple[NDArray[np.uint8], int]:
    """Return the first picture in `data`, uint8 [H, W, 3], and how many more there are (an animation, or pages). The size is
    checked before anything large is allocated. Raises PictureError, MissingExtraError."""
    image = pillow()
    try:
        with image.open(io.BytesIO(data), formats=FORMATS) as picture:
            _check_size(picture.width, picture.height, max_pixels)
            black_is_last = getattr(picture, "tag_v2", {}).get(_PHOTOMETRIC) == _WHITE_IS_ZERO
            pixels = _rgb(_upright(picture), black_is_last=black_is_last)
            return pixels, getattr(picture, "n_frames", 1) - 1
    except PictureError:
        raise
    except image.DecompressionBombError as error:
        raise PictureTooLargeError(text_of(error)) from error
    except image.UnidentifiedImageError as error:
        raise CorruptPictureError("its bytes are those of no picture that is known here") from error
    except Exception as error:  # a decoder may raise anything for a hostile file
        if is_out_of_memory(error):
            raise
        raise CorruptPictureError(text_of(error)) from error


def _check_size(width: int, height: int, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise PictureTooLargeError(f"{width}x{height} is more than {max_pixels} pixels: scale it down")
    if max(width, height) > MAX_SIDE:
        raise PictureTooLargeError(f"{width}x{height} has a side of more than {MAX_SIDE} pixels: cut it into pieces")


def _upright(picture: Any) -> Any:
    """Turn the picture as Exif's orientation says, which PNG, WebP and TIFF may have like JPEG."""
    from PIL import ImageOps

    return ImageOps.exif_transpose(picture)


def _rgb(picture: Any, *, black_is_last: bool) -> NDArray[np.uint8]:
    """Return RGB pixels. `black_is_last`: what a TIFF says of its grey, and Pillow heeds up to 8 bits alone."""
    import numpy as np

    if picture.mode.startswith("I"):
        grey = _from_grey(np.asarray(picture))
        return 255 - grey if black_is_last else grey
    if picture.mode == "F":
        raise UnsupportedPictureError(
            "its values are floating point, whose black and white nobody knows: save it with 16 bits"
        )
    return np.asarray(picture.convert("RGB"))


def _from_grey(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Scale 16-bit grey to 8 bits: 65,535 becomes 255. Pillow's own conversion clips everything above 255."""
    import numpy as np

    if values.size and not 0 <= int(values.min()) <= int(values.max()) <= 65_535:
        raise UnsupportedPictureError("its grey values have more than 16 bits: save it with 16")
    grey = ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
    return np.repeat(grey[..., np.newaxis], 3, axis=2)
