"""How every process of the pipeline starts: its control channel, its settings, its ties to the supervisor."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from collections.abc import Callable

from framehop import _core
from framehop.errors import FramehopError, LogUnavailableError, MemberReplacedError
from framehop.pipeline.control import Begin, Channel, Failed, Settings

logger = logging.getLogger(__name__)

UNAVAILABLE = 4  # status of a process that found no broker
BEAT_S = 1.0  # how often a process says what it is doing; see process.HANG_S

Body = Callable[[Channel, Settings], None]


def main(body: Body) -> int:
    """Run `body` as a child: 0 when it ended by itself, 1 when it said why it cannot work, 3 after a fault while working, 4 when
    no broker answered.

    An error before `Ready` would come again: the supervisor passes it on and ends. One after it may be a passing fault, such as
    memory that ran out: the process ends and the supervisor starts another. A broker that is away may come back: the supervisor has
    seen it. Whose name another has taken must not take it back: each would end the other for ever.
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
        except LogUnavailableError as error:
            logger.error("%s", error)
            return UNAVAILABLE
        except FramehopError as error:
            if channel.said_ready and not isinstance(error, MemberReplacedError):
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
