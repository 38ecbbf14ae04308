"""The thread that takes delivery reports from a writer's clients."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress

from confluent_kafka import KafkaError

from framehop.errors import FramehopError, LogError, text_of
from framehop.log.kafka.connection import Connection
from framehop.log.kafka.errors import Causes, explain, translated
from framehop.log.kafka.producers import Producers
from framehop.log.kafka.send_queue import SendQueue

logger = logging.getLogger(__name__)

# Once a client has failed for good, all other frames are reported with these codes; `poll` raises the reason.
OF_A_FATAL_ONE = {KafkaError._FATAL, KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT}

# The client keeps to itself why a broker refuses a record that it will send again, as while too few replicas are in sync.
NOT_ACKNOWLEDGED = "the broker does not acknowledge; framehop topics check says what it lacks"


def why_silent(queue: SendQueue, causes: Causes, connection: Connection) -> str:
    """Return the true reason why nothing is acknowledged at the moment; else empty."""
    since_s = queue.silent_since_s
    if since_s is None:
        return ""
    cause = causes.refused or causes.since(since_s)
    return str(explain(cause, connection.url, connection.frames.text)) if cause else NOT_ACKNOWLEDGED


class DeliveryThread:
    """Polls the clients until `stop`, and fails the queue when a client has failed for good."""

    def __init__(
        self,
        connection: Connection,
        producers: Producers,
        queue: SendQueue,
        causes: Causes,
        *,
        name: str,
        on_turn: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_turn` is called from the thread after every look at the clients."""
        self._connection, self._producers, self._queue, self._causes = connection, producers, queue, causes
        self._on_turn = on_turn
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._ending.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            self._listen()
        except Exception as error:  # nobody else hears the broker, and appending threads would wait for ever
            url = self._connection.url
            logger.exception("acknowledgements of %s are no longer taken, by a fault of framehop", url)
            with self._queue.lock:
                self._queue.fail(LogError(f"{url}: acknowledgements cannot be taken here: {text_of(error)}"))

    def _listen(self) -> None:
        heard = False
        while not self._ending.is_set():
            try:
                heard = self._poll(resting=not (heard or self._queue.frames))
            except FramehopError as error:  # a fatal error, such as no right to write at all
                self._fail(error)
            self._on_turn()

    def _poll(self, *, resting: bool = False) -> bool:
        with translated(self._connection.url, self._causes, self._connection.frames.text):
            return self._producers.poll(self._ending, resting=resting)

    def _fail(self, error: FramehopError) -> None:
        """End everything, because the client failed. If a frame was the cause, it is reported right afterwards."""
        with suppress(FramehopError):
            self._poll()
        with self._queue.lock:
            self._queue.fail(self._queue.refusal() or error)
