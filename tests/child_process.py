"""A child of the pipeline with a body that ends in the way that is asked for: python -m tests.child_process HOW ..."""

from __future__ import annotations

import sys
import threading

from framehop.errors import ModelError, OutOfMemoryError
from framehop.pipeline.processes import child
from framehop.pipeline.processes.channel import Channel
from framehop.pipeline.processes.messages import Finished, Ready
from framehop.pipeline.processes.settings import Settings

HOW = sys.argv.pop(1)


def body(channel: Channel, _settings: Settings) -> None:
    if "ready" in HOW:
        channel.send(Ready())
    match HOW.split("-")[0]:
        case "finished":
            channel.send(Finished())
        case "stated":
            raise ModelError("there is no such model")
        case "starved":
            raise ModelError("the model cannot be loaded") from OutOfMemoryError("no room for it")
        case "bug":
            raise ZeroDivisionError("of an unforeseen kind")
        case "thread":
            thread = threading.Thread(target=_run_out_of_memory, name="side")
            thread.start()
            threading.Event().wait()  # what a main thread does that waits for one that is no more
        case "stuck":
            threading.Thread(target=threading.Event().wait).start()  # nobody ends it, and it is no daemon
            raise MemoryError


def _run_out_of_memory() -> None:
    raise MemoryError


if __name__ == "__main__":
    sys.exit(child.main(body))
