"""Answers of the API as bytes."""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from framehop.errors import FramehopError
from framehop.web.answers import Answer, Failure
from framehop.web.errors import ApiError, status_of

_encoder = msgspec.json.Encoder()


def encoded(answer: Answer) -> bytes:
    return _encoder.encode(answer)


def json_of(answer: Answer, status: int = 200) -> Response:
    return Response(encoded(answer), status, media_type="application/json")


def raw_json(data: bytes) -> Response:
    return Response(data, media_type="application/json")


def failure(error: FramehopError) -> Response:
    """Return what a client is told of an error."""
    response = json_of(Failure(error=str(error)), status_of(error))
    if isinstance(error, ApiError) and error.retry_after_s:
        response.headers["retry-after"] = str(error.retry_after_s)
    return response


def picture(jpeg: bytes, *, width: int, height: int) -> Response:
    """Return a JPEG with the size of the picture that it was made of. No browser keeps it: another log may have another picture at
    its place tomorrow, and a logout is to leave none behind."""
    headers = {"cache-control": "no-store", "x-framehop-width": str(width), "x-framehop-height": str(height)}
    return Response(jpeg, media_type="image/jpeg", headers=headers)
