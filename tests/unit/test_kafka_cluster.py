"""Tests of what scripts/kafka refuses and of processes that it must not hit; no broker is started."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.kafka_cluster import cluster, java, layout, process, settings
from scripts.kafka_cluster.cluster import Wanted
from scripts.kafka_cluster.errors import ClusterError
from scripts.kafka_cluster.layout import Cluster

JARS = Path("/nonexistent")


@pytest.fixture
def made(tmp_path: Path) -> Cluster:
    """A cluster's description, with nothing behind it."""
    plan = layout.plan(tmp_path, brokers=3, secure=True, first_port=0)
    layout.save(plan)
    for broker in plan.brokers:
        broker.home.mkdir()
    return plan


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


def test_a_description_reads_back_the_same(made: Cluster) -> None:
    assert layout.load(made.data) == made


def test_a_pid_that_somebody_else_has_now_is_never_hit(made: Cluster, stranger: subprocess.Popen[bytes]) -> None:
    (made.brokers[0].home / "pid").write_text(f"{stranger.pid}\n")
    assert process.pid_of(made.brokers[0]) is None
    cluster.kill(made, None)
    cluster.stop(made, None)
    assert stranger.poll() is None


def test_a_broker_takes_the_classes_that_are_kept_beside_the_jars(made: Cluster, tmp_path: Path) -> None:
    kept = f"-XX:SharedArchiveFile={tmp_path}/classes.jsa"
    assert kept not in java.broker_command(made, tmp_path)
    (tmp_path / "classes.jsa").touch()
    assert kept in java.broker_command(made, tmp_path)


@pytest.mark.parametrize("content", ["", "none\n", "0\n", "999999999\n"])
def test_a_pid_file_without_a_process_is_no_broker(made: Cluster, content: str) -> None:
    (made.brokers[0].home / "pid").write_text(content)
    assert process.pid_of(made.brokers[0]) is None


def test_a_directory_with_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    with pytest.raises(ClusterError, match="letters"):
        cluster.start(tmp_path, JARS, Wanted())
    assert not (tmp_path / layout.DESCRIPTION).exists()


def test_a_port_in_use_is_named_and_settles_nothing(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ClusterError, match=f"port {port}"):
            cluster.start(tmp_path, JARS, Wanted(first_port=port))
    assert not (tmp_path / layout.DESCRIPTION).exists()


@pytest.mark.parametrize("other", [Wanted(brokers=1), Wanted(first_port=9092), Wanted(proxied=True)])
def test_a_cluster_does_not_become_another(made: Cluster, other: Wanted) -> None:
    with pytest.raises(ClusterError, match=r"--brokers 3 --port \d+ --secure"):
        cluster.start(made.data, JARS, other)


def test_a_broker_that_is_not_there_is_named(made: Cluster) -> None:
    with pytest.raises(ClusterError, match="no broker 4"):
        cluster.kill(made, 4)


def test_every_broker_has_ports_of_its_own(made: Cluster) -> None:
    ports = [port for broker in made.brokers for port in broker.ports]
    assert len(set(ports)) == len(ports) == 9


def test_ports_follow_the_first_one(tmp_path: Path) -> None:
    plan = layout.plan(tmp_path, brokers=3, secure=False, first_port=9092)
    assert plan.bootstrap == "127.0.0.1:9092,127.0.0.1:9093,127.0.0.1:9094"


def test_every_listener_of_a_secure_broker_wants_to_know_who_comes(made: Cluster) -> None:
    listeners = settings.properties(made, made.brokers[0])
    assert "PLAINTEXT" not in "".join(listeners.values())
    assert {listeners[f"listener.name.{name}.ssl.client.auth"] for name in ("mtls", "controller")} == {"required"}


def test_clients_of_the_proxied_listener_are_sent_to_the_proxy(tmp_path: Path) -> None:
    plan = layout.plan(tmp_path, brokers=1, secure=False, first_port=9092, proxied=True)
    listeners = settings.properties(plan, plan.brokers[0])
    assert "PROXIED://127.0.0.1:9112" in listeners["listeners"].split(",")
    assert "PROXIED://127.0.0.1:9122" in listeners["advertised.listeners"].split(",")
    assert 9122 not in plan.brokers[0].ports, "the proxy may be there before the broker is"
