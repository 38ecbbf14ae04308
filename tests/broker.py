"""A real Kafka cluster for tests, run by scripts/kafka."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.waiting import until

SCRIPT = Path(__file__).parents[1] / "scripts" / "kafka"
# Our brokers start often and work little: the quick compiler alone, and a collector of one thread.
JAVA = {"JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"}
SCRIPT_TIMEOUT_S = 170.0  # a start's own deadline comes first; within pytest's for a test


class Cluster:
    """One, three or --secure brokers with everything they have in `data`; started on entry, killed on exit. `under`: a command
    that ends in running another, for all that is done to them."""

    def __init__(
        self,
        data: Path,
        *,
        brokers: int = 1,
        secure: bool = False,
        proxied: bool = False,
        under: Sequence[str | Path] = (),
    ) -> None:
        self._data = data
        self._script = [*under, SCRIPT]
        self._options = ["--port", "0", "--brokers", str(brokers), *(["--secure"] if secure else [])]
        self._options += ["--proxied"] if proxied else []
        self._state: dict[str, Any] = {}
        self._guard: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Cluster:
        # Kills the brokers when its input ends: by __exit__, or because this process is gone, however it went.
        ending = ["sh", "-c", 'read -r _; exec "$@" >/dev/null', "sh", *self._script, "kill", "--data", self._data]
        self._guard = subprocess.Popen(ending, stdin=subprocess.PIPE, start_new_session=True)
        try:
            self.start()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        if self._guard is not None:
            self._guard.communicate(timeout=SCRIPT_TIMEOUT_S)
            self._guard = None

    @property
    def bootstrap(self) -> str:
        return str(self._state["bootstrap"])

    @property
    def proxied(self) -> tuple[int, int]:
        """Return, for a --proxied broker, the address that clients use and the address where a proxy finds it."""
        [ports] = self._state["proxied"]
        return ports["proxy_port"], ports["port"]

    @property
    def data(self) -> Path:
        return self._data

    def start(self) -> None:
        """Start the brokers that do not run; they are ready when it returns."""
        self._state = json.loads(self.run("start", *self._options, "--json"))

    def revive(self) -> None:
        """Start what a test before, that failed, has left dead."""
        if any(broker["pid"] is None for broker in self.status()["brokers"]):
            self.start()

    def stop(self, broker: int | None = None) -> None:
        self.run("stop", *_only(broker))

    def kill(self, broker: int | None = None) -> None:
        """kill -9; it is dead when this returns."""
        self.run("kill", *_only(broker))

    def status(self) -> dict[str, Any]:
        state: dict[str, Any] = json.loads(self.run("status", "--json", may_be=(0, 3)))
        return state

    def run(self, command: str, *options: str, may_be: tuple[int, ...] = (0,)) -> str:
        """scripts/kafka on this cluster; returns what it printed."""
        done = subprocess.run(
            [*self._script, command, "--data", self._data, *options],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | JAVA,
            timeout=SCRIPT_TIMEOUT_S,
        )
        assert done.returncode in may_be, f"scripts/kafka {command}: {done.stderr}"
        return done.stdout

    def client(self, user: str = "admin", *, mtls: bool = False) -> dict[str, Any]:
        """A client's configuration, as confluent_kafka takes it. The user counts on a --secure cluster only."""
        if "secure" not in self._state:
            return {"bootstrap.servers": self.bootstrap}
        file = Path(self._state["secure"]["clients"]) / (f"{user}-mtls.conf" if mtls else f"{user}.conf")
        return dict(line.split("=", 1) for line in file.read_text().splitlines())

    def create_topic(self, name: str, *, partitions: int = 1) -> str:
        """A topic on every broker, which has its leaders when this returns. Returns its name."""
        from confluent_kafka.admin import AdminClient
        from confluent_kafka.cimpl import NewTopic

        admin = AdminClient(self.client())
        topic = NewTopic(name, num_partitions=partitions, replication_factor=-1)
        admin.create_topics([topic])[name].result(timeout=30)

        def has_leaders() -> bool:
            found = admin.list_topics(timeout=30).topics.get(name)
            return found is not None and [p.leader >= 0 for p in found.partitions.values()] == [True] * partitions

        until(has_leaders, f"leaders of {name}")
        return name

    def set_limit(self, topic: str, size: int) -> None:
        """Set the topic's max.message.bytes, and wait until the broker has heard of it from its controller."""
        from confluent_kafka.admin import (  # type: ignore[attr-defined]  # they are public
            AdminClient,
            AlterConfigOpType,
            ConfigEntry,
            ConfigResource,
            ResourceType,
        )

        entry = ConfigEntry("max.message.bytes", str(size), incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
        admin = AdminClient(self.client())  # kept until it has answered
        admin.incremental_alter_configs([resource])[resource].result(30)

        def said() -> str:
            asked = ConfigResource(ResourceType.TOPIC, topic)
            return str(admin.describe_configs([asked])[asked].result(30)["max.message.bytes"].value)

        until(lambda: said() == str(size), "the topic's limit")

    def forget_topics(self, prefix: str) -> None:
        """Take away the topics of a test that is over: a broker that was killed starts the slower the more there are."""
        from confluent_kafka.admin import AdminClient

        admin = AdminClient(self.client())
        names = [name for name in admin.list_topics(timeout=30).topics if name.startswith(prefix)]
        for future in admin.delete_topics(names).values() if names else ():
            future.result(timeout=30)


def _only(broker: int | None) -> list[str]:
    return [] if broker is None else ["--broker", str(broker)]
