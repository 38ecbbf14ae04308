"""Everything framehop raises on purpose.

    FramehopError
    ├── InvalidArgumentError (ValueError)       ├── ConfigError (ValueError)
    ├── ClosedError (ValueError)                ├── MissingExtraError (ImportError)
    ├── SystemCallError (OSError)               ├── SourceError
    ├── OutOfMemoryError (MemoryError)          │   └── SourceAwayError
    ├── WrongLayoutError                        ├── ModelError
    ├── RefusedError (PermissionError)          ├── ProcessError
    ├── PictureError (ValueError)               └── LogError
    │   ├── CorruptPictureError                     ├── LogNotFoundError (FileNotFoundError)
    │   ├── UnsupportedPictureError                 ├── NotALogError
    │   └── PictureTooLargeError                    ├── LogVersionError
    └── BadMessageError (ValueError)                ├── LogFullError (OSError)
                                                    ├── LogBusyError
                                                    ├── LogUnavailableError
                                                    ├── LogAccessError (PermissionError)
                                                    ├── StreamBusyError
                                                    ├── BackPressureError (TimeoutError)
                                                    ├── MemberReplacedError
                                                    └── LogCorruptError

Messages say what, where and what to do next, in one or two lines. A class with a `code` is raised by the C++ core.
"""

from __future__ import annotations

from errno import ENOMEM
from typing import ClassVar


class FramehopError(Exception):
    """The base of all errors. `code` is the core's name for the error, empty for errors that only Python raises."""

    code: ClassVar[str] = ""


class InvalidArgumentError(FramehopError, ValueError):
    """A documented precondition was broken."""

    code = "invalid_argument"


class ClosedError(FramehopError, ValueError):
    """The object was used after it was closed."""

    code = "closed"


class SystemCallError(FramehopError, OSError):
    """A system call failed; the message names it."""

    code = "system"


class OutOfMemoryError(FramehopError, MemoryError):
    """There is no memory for a ring or a picture; the message names the sizes and the limit."""

    code = "no_memory"


class WrongLayoutError(FramehopError):
    """A shared segment has another layout version or is not framehop's."""

    code = "wrong_layout"


class RefusedError(FramehopError, PermissionError):
    """The peer refused: another user, the role is taken, or a quota is reached."""

    code = "refused"


class PictureError(FramehopError, ValueError):
    """A picture that cannot be used; the frame becomes a `failed` event."""


class CorruptPictureError(PictureError):
    """A picture is truncated, has broken tables, or is random bytes."""

    code = "corrupt_picture"


class UnsupportedPictureError(PictureError):
    """A valid picture of a kind that framehop does not decode, such as CMYK or 12 bit."""

    code = "unsupported_picture"


class PictureTooLargeError(PictureError):
    """A picture has more pixels than the cap or more bytes than a slot."""

    code = "picture_too_large"


class BadMessageError(FramehopError, ValueError):
    """A hop message that does not parse."""

    code = "bad_message"


class ConfigError(FramehopError, ValueError):
    """An option or a configuration value that cannot be used."""


class MissingExtraError(FramehopError, ImportError):
    """An optional dependency is not installed; the message names the extra."""


class SourceError(FramehopError):
    """A source that is unknown or cannot be read."""


class SourceAwayError(SourceError):
    """A live source cannot be reached, or has broken off; it may come back. `patient`: trying again soon would not help, because it
    is not the network that refuses."""

    def __init__(self, message: str, *, patient: bool = False) -> None:
        super().__init__(message)
        self.patient = patient


class ModelError(FramehopError):
    """A model that is unknown, does not match its sidecar, or cannot be run."""


class ProcessError(FramehopError):
    """A process of the pipeline could not be started or kept running."""


class LogError(FramehopError):
    """The log cannot be used."""


class LogNotFoundError(LogError, FileNotFoundError):
    """There is no log here yet."""


class NotALogError(LogError):
    """The directory holds something else."""


class LogVersionError(LogError):
    """The log was written by a newer framehop."""


class LogFullError(LogError, OSError):
    """There is no room on the log's disk; nothing acknowledged is lost."""


class LogBusyError(LogError):
    """Another process, probably a stopped one, has held the log's write lock for too long; nothing was written."""


class LogUnavailableError(LogError):
    """No broker answers; it may come back. Unacknowledged records are neither lost nor safe."""


class LogAccessError(LogError, PermissionError):
    """The broker refuses us: credentials, certificates or rights."""


class StreamBusyError(LogError):
    """Another process writes this stream."""


class BackPressureError(LogError, TimeoutError):
    """The log did not take a picture in time; it is not in the log, and the next one gets its number."""


class MemberReplacedError(LogError):
    """Another process has joined the group under this worker's name: only one of them can work."""


class LogCorruptError(LogError):
    """The log's own files contradict each other."""


def text_of(error: BaseException) -> str:
    """Return the message of `error`, or its class name if it has none, as with a MemoryError."""
    return str(error) or type(error).__name__


# Python, the dynamic loader, DALI and a model's runtime report some failed allocations (of a thread's stack, a library's pages) by
# these texts, without a MemoryError. Errors that may carry a file's name are not looked through: a hostile one could be called so.
_NO_MEMORY: dict[type[Exception], tuple[str, ...]] = {
    RuntimeError: ("start new thread", "std::bad_alloc"),
    ImportError: ("annot allocate memory", "failed to map segment"),
}

_NO_MODEL_MEMORY = ("std::bad_alloc", "Failed to allocate memory")


def is_out_of_memory(error: BaseException | None) -> bool:
    """Return whether `error`, or an error that caused it, says that memory ran out."""
    while error is not None:
        if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == ENOMEM):
            return True
        if any(isinstance(error, kind) and said in str(error) for kind, texts in _NO_MEMORY.items() for said in texts):
            return True
        if type(error).__module__.startswith("onnxruntime") and any(said in str(error) for said in _NO_MODEL_MEMORY):
            return True
        error = error.__cause__
    return False


def _subclasses(cls: type[FramehopError]) -> list[type[FramehopError]]:
    return [cls, *(found for child in cls.__subclasses__() for found in _subclasses(child))]


BY_CODE: dict[str, type[FramehopError]] = {cls.code: cls for cls in _subclasses(FramehopError) if cls.code}


def from_code(code: str, message: str) -> FramehopError:
    """Return the exception for an error code of the core. The binding calls it."""
    return BY_CODE.get(code, FramehopError)(message)
