"""Names the limit where the system gives a process no more of something, and says what to do."""

from __future__ import annotations

import errno

_LIMITS = {
    errno.EMFILE: "no file descriptors are left: raise the limit with `ulimit -n`, or close some",
    errno.EAGAIN: "no more processes are allowed: raise the limit with `ulimit -u`, or that of the container",
    errno.ENOMEM: "no memory is left for another process",
}


def limit_of(error: BaseException) -> str:
    """Return which limit an error is of and what to do; empty for any other error."""
    return _LIMITS.get(error.errno or 0, "") if isinstance(error, OSError) else ""
