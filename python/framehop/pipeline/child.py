"""How every process of the pipeline starts: its control channel, its settings, its ties to the supervisor."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from collections.abc import Callable

from framehop import _core
from framehop.errors import FramehopError, LogAccessError
from framehop.pipeline.control import Begin, Channel, Failed, Settings

logger = logging.getLogger(__name__)

BEAT_S = 1.0  # how often a process says what it is doing; see process.HANG_S

Body = Callable[[Channel, Settings], None]


def main(body: Body) -> int:
    """Run `body` as a child: 0 when it ended by itself, 1 when it said why it cannot work, 3 after a fault while working.

    An error before `Ready`, or a right that we do not have, would come again: the supervisor passes it on and ends. Another one
    after it may be a passing fault, such as memory that ran out: the process ends and the supervisor starts another.
    """
    options = _arguments()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the supervisor, which drains us
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if not options.spawned_by_thread:
        _core.die_with_parent(options.parent)
    logging.basicConfig(level=options.log_level, format=f"%(levelname)s framehop.{options.name}: %(message)s")
    with Channel.from_fd(options.control_fd) as channel:
        begin = Begin.from_bytes(sys.stdin.buffer.read())
        if begin.fail_at:
            _core.arm_failpoint(begin.fail_at, begin.fail_nth)
        try:
            body(channel, begin.settings)
        except FramehopError as error:
            if channel.said_ready and not isinstance(error, LogAccessError):
                logger.error("%s", error)
                return 3
            channel.send(Failed(message=str(error)))
            return 1
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--name", required=True)
    parser.add_argument("--control-fd", type=int, required=True)
    parser.add_argument("--parent", type=int, required=True)
    # The kernel's parent-death signal is sent when the *thread* that spawned us ends. Embedded supervisors run in threads that
    # come and go: there the closed control channel alone tells.
    parser.add_argument("--spawned-by-thread", action="store_true")
    parser.add_argument("--log-level", default="WARNING")
    return parser.parse_args()


def end_with_supervisor() -> None:
    """The supervisor is dead: nothing can be handed back any more, and nothing here is worth keeping. Ends the process."""
    sys.stderr.flush()
    os._exit(1)
