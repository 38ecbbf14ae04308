"""The start of every process of the pipeline: its control channel, its settings, its ties to the supervisor."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import NoReturn

from framehop import _core
from framehop.errors import (
    FramehopError,
    LogAccessError,
    LogUnavailableError,
    MemberReplacedError,
    RefusedError,
    is_out_of_memory,
    text_of,
)
from framehop.pipeline.processes.bounded_stderr import bound_stderr
from framehop.pipeline.processes.channel import Channel
from framehop.pipeline.processes.messages import Failed
from framehop.pipeline.processes.settings import Begin, Settings
from framehop.pipeline.processes.standard_streams import open_closed_streams

logger = logging.getLogger(__name__)

UNAVAILABLE = 4  # exit status of a process that found no broker
REPLACED = 5  # exit status of a worker whose name another member has taken

Body = Callable[[Channel, Settings], None]


FAULT = 3

FINAL = LogAccessError  # a missing right is still missing after a restart


def main(body: Body) -> int:
    """Run `body` as a child and return its exit status: 0 when it ended by itself, 1 when it said why it cannot work, 4
    (UNAVAILABLE) when no broker answered, 5 (REPLACED) when another member has its name, 3 (FAULT) after anything else.

    Status 1 stands for an error that would come again: one of framehop's own before `Ready`, or a FINAL one at any time. The
    supervisor passes it on and ends. After 3, 4 or 5 it starts another process: a broker may come back, and a fault, in whatever
    thread, may pass, as a lack of memory does.
    """
    open_closed_streams()
    bound_stderr()
    options = _arguments()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the supervisor, which drains us
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _tie_to(options.parent)
    _core.raise_descriptor_limit()  # libzmq aborts a process that has none left
    threading.excepthook = lambda args: end_by_fault(args.exc_value or args.exc_type())
    logging.basicConfig(level=options.log_level, format=f"%(levelname)s framehop.{options.name}: %(message)s")
    with Channel.from_fd(options.control_fd) as channel:
        try:
            begin = Begin.from_bytes(sys.stdin.buffer.read())
            if begin.fail_at:
                _core.arm_failpoint(begin.fail_at, begin.fail_nth)
            body(channel, begin.settings)
        except LogUnavailableError as error:
            logger.error("%s", error)
            return UNAVAILABLE
        except MemberReplacedError as error:
            channel.send(Failed(message=str(error), replaced=True))
            return REPLACED
        except FramehopError as error:
            final = isinstance(error, FINAL)
            if is_out_of_memory(error) or (channel.said_ready and not final):
                end_by_fault(error)
            channel.send(Failed(message=str(error), final=final))
            return 1
        except Exception as error:  # noqa: BLE001  every error is logged, and ends the process
            end_by_fault(error)
    return 0


def _tie_to(parent: int) -> None:
    """Die with `parent`. End the process at once if `parent` was killed while we were being started."""
    try:
        _core.die_with_parent(parent)
    except RefusedError:
        end_with_supervisor()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--name", required=True)
    parser.add_argument("--control-fd", type=int, required=True)
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--log-level", default="WARNING")
    return parser.parse_args()


def end_by_fault(error: BaseException) -> NoReturn:
    """Log what happened and end the process, but not through the interpreter, which would wait for threads that have lost their
    peers. Our successor finds the frames in flight again, as after a kill."""
    try:
        if isinstance(error, FramehopError):
            logger.error("%s", error)
        elif is_out_of_memory(error):
            logger.error("out of memory: %s", text_of(error))
        else:
            logger.critical("an unforeseen fault", exc_info=error)
        sys.stderr.flush()
    finally:
        os._exit(FAULT)


def leave_threads() -> NoReturn:
    """End the process as agreed, but not through the interpreter, which cannot end a thread in foreign code."""
    sys.stderr.flush()
    os._exit(0)


def end_with_supervisor() -> NoReturn:
    """End the process because the supervisor is dead: nothing can be handed back any more, and nothing here is worth keeping."""
    sys.stderr.flush()
    os._exit(1)
