"""Arrays over the pixels of a frame that came, without framehop's C++ core, in the shapes that it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from framehop.errors import InvalidArgumentError
from framehop.hop.messages import Header, half

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def array_over(header: Header, payload: memoryview) -> NDArray[np.uint8]:
    """Return a read-only array as ReceivedFrame.array does. Raises InvalidArgumentError for a JPEG, and for i420 and nv12 with odd
    sides."""
    if header.encoding not in {"i420", "nv12"}:
        return planes_over(header, payload)[0]
    if header.width % 2 or header.height % 2:
        raise InvalidArgumentError(f"{header.width} x {header.height} in {header.encoding} has odd sides: use planes()")
    return _array(payload, 0, (header.height * 3 // 2, header.width), (header.stride, 1))


def planes_over(header: Header, payload: memoryview) -> tuple[NDArray[np.uint8], ...]:
    """Return a read-only array for each plane, as ReceivedFrame.planes does. Raises InvalidArgumentError for a JPEG."""
    height, width, stride = header.height, header.width, header.stride
    match header.encoding:
        case "jpeg":
            raise InvalidArgumentError("this frame came as a JPEG: decode its payload")
        case "bytes":
            return (_array(payload, 0, (width,), (1,)),)
        case "i420" | "nv12":
            return (_array(payload, 0, (height, width), (stride, 1)), *_colours(header, payload))
        case "gray8":
            return (_array(payload, 0, (height, width), (stride, 1)),)
        case "rgb8" | "bgr8":
            return (_array(payload, 0, (height, width, 3), (stride, 3, 1)),)


def _colours(header: Header, payload: memoryview) -> tuple[NDArray[np.uint8], ...]:
    rows, columns, at = half(header.height), half(header.width), header.stride * header.height
    if header.encoding == "nv12":
        return (_array(payload, at, (rows, columns, 2), (header.stride, 2, 1)),)
    stride = header.stride // 2
    return tuple(_array(payload, at + number * stride * rows, (rows, columns), (stride, 1)) for number in range(2))


def _array(payload: memoryview, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> NDArray[np.uint8]:
    import numpy as np

    array: NDArray[np.uint8] = np.ndarray(shape, np.uint8, payload, offset, strides)
    array.flags.writeable = False
    return array
