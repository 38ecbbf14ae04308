"""The way to the broker fails: cut, half-open, or deaf in one direction. A proxy of our own stands between."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.broker import Cluster
from tests.system.harness import House, pictures_of
from tests.system.kafka_house import WINDOW, KafkaHouse, ended_well
from tests.tcp_proxy import TcpProxy
from tests.waiting import until

COUNT, RATE = 100, "25"
CAMERAS = [f"cam-{i}=testsrc:?size=320x240&count={COUNT}" for i in range(4)]
# A request that is not answered for so long counts as lost, and its connection with it: 60 s by default.
CLIENT = {"socket.timeout.ms": 1500, "reconnect.backoff.max.ms": 200}


@pytest.fixture
def proxy(kafka_cluster: Cluster) -> Iterator[TcpProxy]:
    with TcpProxy(*kafka_cluster.proxied) as between:
        yield between


@pytest.mark.parametrize(
    ("fail", "delivery"),
    [
        (TcpProxy.cut, "at-least-once"),
        (TcpProxy.silence, "at-least-once"),
        (lambda proxy: proxy.hold("requests"), "at-least-once"),
        (lambda proxy: proxy.hold("answers"), "at-least-once"),
        (lambda proxy: proxy.hold("answers"), "exactly-once"),
    ],
    ids=["cut", "half-open", "requests are lost", "answers are lost", "answers are lost, exactly once"],
)
def test_the_way_to_the_broker(
    house: House, kafka_cluster: Cluster, proxy: TcpProxy, fail: Callable[[TcpProxy], None], delivery: str
) -> None:
    """Fails with frames in flight on either side of the broker, until both sides have said that they wait for it."""
    with KafkaHouse(house, kafka_cluster, through=proxy.address, delivery=delivery, client=CLIENT) as kafka:
        with kafka.watch() as watcher:
            run = kafka.start_run(CAMERAS, RATE)
            watcher.wait_for(20)
            detector = house.wait_for("detector-0")
            detector.suspend()
            until(lambda: kafka.count("frames") > watcher.seen + 40, "frames that wait for the detector")
            fail(proxy)
            detector.resume()
            said = kafka.wait_said(run, "the log takes no frames: ")
            # A transaction may be open for ten seconds before it is given up, and is not by then.
            if delivery == "at-least-once" and "events wait for the broker" not in said:
                said += kafka.wait_said(run, "events wait for the broker")
            assert watcher.seen < 4 * COUNT, "nothing was left to do"
            proxy.heal()
            said += ended_well(run)
            watcher.wait_for(4 * COUNT)
        assert "Connection refused" in said or "does not a" in said, said  # answer, acknowledge
        assert "another process" not in said, said
        assert kafka.committed() == kafka.ends()
        ledger = kafka.ledger()
        crcs = pictures_of(CAMERAS[0])
        ledger.check({f"cam-{i}": crcs for i in range(4)}, repeats=0 if delivery == "exactly-once" else WINDOW)
        assert len(ledger.frames) == 4 * COUNT, "a frame was appended twice"
