"""Requests for the description of a group that nobody gives up, of which one at a time is under way."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import Any

from confluent_kafka.admin import AdminClient

CLIENTS_LONGEST_S = 3600.0  # the client allows no more


class Descriptions:
    """Asks for descriptions of groups. Thread-safe.

    A description whose coordinator is away must not time out: when the coordinator comes back, the client sends what was given up,
    and its answer ends the whole process by SIGABRT (librdkafka 2.16, its issue 4605). One that waits costs next to nothing, and
    goes to the group's next coordinator by itself. So it may wait for as long as the client allows, and whoever asks meanwhile
    gets the same one.
    """

    def __init__(self, admin: AdminClient) -> None:
        self._admin = admin
        self._lock = threading.Lock()
        self._under_way: dict[str, Future[Any]] = {}

    def of(self, group: str) -> Future[Any]:
        """Return the description that is under way, or ask for one. Wait for its result no longer than you like."""
        with self._lock:
            found = self._under_way.get(group)
            if found is None or found.done():
                found = self._admin.describe_consumer_groups([group], request_timeout=CLIENTS_LONGEST_S)[group]
                self._under_way[group] = found
            return found
