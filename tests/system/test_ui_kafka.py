"""framehop ui over a log in Kafka: its events and pictures, and a broker that goes away and comes back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.broker import Cluster
from tests.system.harness import House
from tests.system.kafka_house import KafkaHouse
from tests.system.ui import seq_in, ui
from tests.tcp_proxy import TcpProxy
from tests.waiting import until

COUNT = 20
SOURCE = f"testsrc:?size=320x240&count={COUNT}"
CLIENT = {"socket.timeout.ms": 1500, "reconnect.backoff.max.ms": 200}


@pytest.fixture
def proxy(kafka_cluster: Cluster) -> Iterator[TcpProxy]:
    with TcpProxy(*kafka_cluster.proxied) as between:
        yield between


def test_a_log_in_kafka_is_shown_and_waited_for(house: House, kafka_cluster: Cluster, proxy: TcpProxy) -> None:
    with KafkaHouse(house, kafka_cluster, through=proxy.address, client=CLIENT) as kafka:
        kafka.fill([f"gate={SOURCE}"])
        kafka.detect()
        with ui(house, *kafka.at) as page:
            until(lambda: page.got("/api/v1/session")["index"]["events"] == COUNT, "all events", 120)
            events = page.got("/api/v1/events?limit=200")["events"]
            assert sorted(event["seq"] for event in events) == list(range(COUNT))
            for event in (events[0], events[-1]):
                place = "{topic}/{partition}/{offset}".format_map(event["frame"])
                assert seq_in(page.client.get(f"/api/v1/frames/{place}").content) == event["seq"]
            lag = page.got("/api/v1/lag")
            assert sum(partition["messages"] for partition in lag["partitions"]) == 0
            proxy.cut()
            until(lambda: page.got("/api/v1/session")["log_error"], "what is wrong", 120)
            assert page.got("/api/v1/events?limit=1")["events"], "what was read before is still there"
            proxy.heal()
            until(lambda: not page.got("/api/v1/session")["log_error"], "the broker again", 120)
            kafka.fill([f"yard={SOURCE}"])
            kafka.detect()
            until(lambda: page.got("/api/v1/session")["index"]["events"] == 2 * COUNT, "the new events", 120)
