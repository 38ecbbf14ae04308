"""The form of an error as an answer: a status, and a sentence that a person can act on."""

from __future__ import annotations

from framehop.errors import (
    ClosedError,
    FramehopError,
    InvalidArgumentError,
    LogError,
    MissingExtraError,
    PictureError,
    ProcessError,
)


class ApiError(FramehopError):
    """A request that gets no answer. `status`: of HTTP. `retry_after_s`: when to try again, 0 if that is not known."""

    def __init__(self, status: int, message: str, *, retry_after_s: int = 0) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after_s = retry_after_s


_STATUSES: tuple[tuple[type[FramehopError], int], ...] = (
    (InvalidArgumentError, 400),
    (PictureError, 415),
    (MissingExtraError, 501),
    (ClosedError, 503),
    (LogError, 503),
    (ProcessError, 503),
)


def status_of(error: FramehopError) -> int:
    """Return the HTTP status that tells a client what kind of error this is."""
    if isinstance(error, ApiError):
        return error.status
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)
