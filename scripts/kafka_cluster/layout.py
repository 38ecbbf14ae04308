"""The layout of a cluster's data directory. Every later command goes by its cluster.json.

DIR/cluster.json   who belongs to it, on which ports
DIR/broker-1/      server.properties, broker.log, pid, and the records in data/
DIR/tls/           with --secure: certificates and keys
DIR/clients/       with --secure: a configuration per user and way in, passwords included
"""

from __future__ import annotations

import base64
import json
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path

from scripts.kafka_cluster.errors import ClusterError
from scripts.kafka_cluster.ports import chosen_ports

HOST = "127.0.0.1"
FIRST_PORT = 9092
DESCRIPTION = "cluster.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    id: int
    home: Path
    directory_id: str  # what the other controllers of the quorum know its data directory by
    port: int
    controller_port: int
    mtls_port: int | None  # None: not --secure
    proxied_port: int | None = None  # None: not --proxied
    proxy_port: int | None = (
        None  # where clients of proxied_port are sent, by Kafka itself: somebody else listens there
    )

    @property
    def address(self) -> str:
        return f"{HOST}:{self.port}"

    @property
    def properties(self) -> Path:
        return self.home / "server.properties"

    @property
    def log(self) -> Path:
        return self.home / "broker.log"

    @property
    def ports(self) -> list[int]:
        return [
            port for port in (self.port, self.controller_port, self.mtls_port, self.proxied_port) if port is not None
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    data: Path
    id: str
    secure: bool
    brokers: tuple[Broker, ...]

    @property
    def bootstrap(self) -> str:
        return ",".join(broker.address for broker in self.brokers)

    @property
    def mtls_bootstrap(self) -> str:
        return ",".join(f"{HOST}:{broker.mtls_port}" for broker in self.brokers)

    @property
    def proxied(self) -> bool:
        return all(broker.proxied_port is not None for broker in self.brokers)

    @property
    def tls(self) -> Path:
        return self.data / "tls"

    @property
    def clients(self) -> Path:
        return self.data / "clients"

    def chosen(self, broker_id: int | None) -> tuple[Broker, ...]:
        """The broker of this id, or all without one."""
        found = tuple(broker for broker in self.brokers if broker_id in (None, broker.id))
        if not found:
            raise ClusterError(f"no broker {broker_id} in {self.data}, only 1 to {len(self.brokers)}")
        return found


def load(data: Path) -> Cluster | None:
    try:
        described = json.loads((data / DESCRIPTION).read_text())
    except FileNotFoundError:
        return None
    brokers = tuple(Broker(home=_home(data, each["id"]), **each) for each in described.pop("brokers"))
    return Cluster(data=data, brokers=brokers, **described)


def plan(data: Path, *, brokers: int, secure: bool, first_port: int, proxied: bool = False) -> Cluster:
    """A new cluster in `data`; nothing is written yet."""
    ports = chosen_ports(first_port, brokers, listeners=2 + secure + 2 * proxied)
    members = tuple(
        Broker(
            id=number,
            home=_home(data, number),
            directory_id=_new_id(),
            port=own[0],
            controller_port=own[1],
            mtls_port=own[2] if secure else None,
            proxied_port=own[-2] if proxied else None,
            proxy_port=own[-1] if proxied else None,
        )
        for number, own in enumerate(ports, start=1)
    )
    return Cluster(data=data, id=_new_id(), secure=secure, brokers=members)


def save(cluster: Cluster) -> None:
    described = asdict(cluster)
    del described["data"]
    for broker in described["brokers"]:
        del broker["home"]
    part = cluster.data / (DESCRIPTION + ".part")
    part.write_text(json.dumps(described, indent=2) + "\n")
    part.rename(cluster.data / DESCRIPTION)


def _home(data: Path, broker_id: int) -> Path:
    return data / f"broker-{broker_id}"


def _new_id() -> str:
    """Kafka's form of a UUID; one that begins with a dash would be taken for an option."""
    found = "-"
    while found.startswith("-"):
        found = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    return found
