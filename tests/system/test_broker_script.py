"""scripts/kafka runs real brokers: what is acknowledged is there after kill -9, and a secure cluster lets in who may."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import KafkaError, KafkaException, Message, Producer
from confluent_kafka.admin import AdminClient

from tests.broker import Cluster
from tests.waiting import until

pytestmark = pytest.mark.kafka

TIMEOUT_S = 60.0


def a_name() -> str:
    return f"t-{uuid4().hex[:8]}"


def produce(config: dict[str, Any], topic: str, value: bytes) -> KafkaError | None:
    """One record with acks=all; returns why it was not acknowledged."""
    outcome: list[KafkaError | None] = []

    def on_delivery(error: KafkaError | None, message: Message) -> None:
        outcome.append(error)

    producer = Producer(config | {"acks": "all", "message.timeout.ms": 30_000})
    producer.produce(topic, value, on_delivery=on_delivery)
    assert producer.flush(TIMEOUT_S) == 0
    return outcome[0]


def read_all(config: dict[str, Any], topic: str) -> list[str]:
    """A topic's records by kcat, a client of other people."""
    options = [part for name, value in config.items() for part in ("-X", f"{name}={value}")]
    command = ["kcat", *options, "-C", "-t", topic, "-o", "beginning", "-e", "-q"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=TIMEOUT_S)
    return done.stdout.splitlines()


def topics(config: dict[str, Any]) -> set[str]:
    return set(AdminClient(config).list_topics(timeout=TIMEOUT_S).topics)


# ---------------------------------------------------------------- one broker


def test_what_was_acknowledged_is_there_after_kill_9(kafka_cluster: Cluster) -> None:
    topic, before = kafka_cluster.create_topic(a_name()), kafka_cluster.status()
    assert produce(kafka_cluster.client(), topic, b"acknowledged") is None
    kafka_cluster.kill()
    assert kafka_cluster.status()["running"] is False
    kafka_cluster.start()
    after = kafka_cluster.status()
    assert after["running"] is True
    assert after["bootstrap"] == before["bootstrap"]
    assert after["brokers"][0]["pid"] != before["brokers"][0]["pid"]
    assert read_all(kafka_cluster.client(), topic) == ["acknowledged"]


def test_starting_one_that_runs_leaves_it_alone(kafka_cluster: Cluster) -> None:
    before = kafka_cluster.status()
    assert json.loads(kafka_cluster.run("start", "--json")) == before


def test_status_tells_where_and_who(kafka_cluster: Cluster) -> None:
    state = kafka_cluster.status()
    (broker,) = state["brokers"]
    assert state["running"] is True
    assert state["data"] == str(kafka_cluster.data)
    assert state["bootstrap"] == broker["address"] == kafka_cluster.bootstrap
    assert broker["id"] == 1
    assert b"kafka.Kafka" in Path(f"/proc/{broker['pid']}/cmdline").read_bytes()


def test_a_large_picture_fits(kafka_cluster: Cluster) -> None:
    topic = kafka_cluster.create_topic(a_name())
    assert produce(kafka_cluster.client() | {"message.max.bytes": 8_388_608}, topic, bytes(8_000_000)) is None


# ---------------------------------------------------------------- three brokers


def test_one_of_three_may_be_away(three_brokers: Cluster) -> None:
    topic = three_brokers.create_topic(a_name())
    three_brokers.kill(broker=2)
    try:
        assert [each["pid"] is None for each in three_brokers.status()["brokers"]] == [False, True, False]
        assert produce(three_brokers.client(), topic, b"by two") is None
    finally:
        three_brokers.start()
    assert three_brokers.status()["running"] is True
    assert read_all(three_brokers.client(), topic) == ["by two"]


# ---------------------------------------------------------------- TLS, users, ACLs


@pytest.mark.parametrize("mtls", [False, True], ids=["password", "certificate"])
def test_the_admin_may_do_everything(secure_cluster: Cluster, mtls: bool) -> None:
    topic, config = secure_cluster.create_topic(a_name()), secure_cluster.client("admin", mtls=mtls)
    assert topic in topics(config)
    assert produce(config, topic, b"secret") is None
    # The distributions' kcat cannot come in by password: Kafka 4 refuses SCRAM as librdkafka spoke it before 2.6.1.
    assert read_all(secure_cluster.client("admin", mtls=True), topic) == ["secret"]


@pytest.mark.parametrize("mtls", [False, True], ids=["password", "certificate"])
def test_others_come_in_and_may_do_nothing(secure_cluster: Cluster, mtls: bool) -> None:
    topic, config = secure_cluster.create_topic(a_name()), secure_cluster.client("ingest", mtls=mtls)
    assert topics(config) == set()
    error = produce(config, topic, b"refused")
    assert error is not None
    assert error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED


def test_a_wrong_password_does_not_come_in(secure_cluster: Cluster) -> None:
    errors: list[KafkaError] = []
    admin = AdminClient(secure_cluster.client("reader") | {"sasl.password": "wrong", "error_cb": errors.append})
    with pytest.raises(KafkaException):
        admin.list_topics(timeout=1)
    until(lambda: admin.poll(0.1) or errors, "the client's word on why")
    assert KafkaError._AUTHENTICATION in {error.code() for error in errors}


def test_a_client_without_certificate_does_not_come_in(secure_cluster: Cluster) -> None:
    config = secure_cluster.client("reader", mtls=True)
    del config["ssl.certificate.location"], config["ssl.key.location"]
    with pytest.raises(KafkaException):
        AdminClient(config).list_topics(timeout=1)


def test_secrets_are_nobody_elses(secure_cluster: Cluster) -> None:
    secure = secure_cluster.status()["secure"]
    assert set(secure["usernames"]) == {"admin", "ingest", "worker", "reader"}
    files = [*Path(secure["clients"]).iterdir(), *Path(secure["ca"]).parent.iterdir()]
    assert {file.stat().st_mode & 0o077 for file in files} == {0}
