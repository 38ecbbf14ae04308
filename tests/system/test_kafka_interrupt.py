"""Ctrl-C on whoever reads a log in Kafka."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from framehop.log.kafka.kafka_log import KafkaLog
from framehop.log.kafka.topics import TopicPlan
from tests.broker import Cluster
from tests.waiting import until

ROUNDS = 3
READER = """
import sys
import framehop

with framehop.open_log(sys.argv[1]) as log, log.events(group="alerts") as events:
    print("reading", flush=True)
    while True:
        events.poll(256, 1.0)
"""


def _interrupted(reader: subprocess.Popen[str]) -> str:
    """Interrupt a reader, and return what it says."""
    reader.send_signal(signal.SIGINT)
    _, said = reader.communicate(timeout=30)
    return said


@pytest.mark.kafka
def test_an_interrupted_reader_says_so_with_and_without_a_broker(tmp_path: Path) -> None:
    with Cluster(tmp_path / "cluster") as cluster:
        url = f"kafka://{cluster.bootstrap}/interrupt"
        with KafkaLog(url) as log:
            log.create_topics(TopicPlan(partitions=2))
        readers = [
            subprocess.Popen(
                [sys.executable, "-c", READER, url], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
            for _ in range(ROUNDS + 1)
        ]
        try:
            for reader in readers:
                assert reader.stdout is not None
                assert reader.stdout.readline() == "reading\n"
            assert _interrupted(readers[0]).endswith("KeyboardInterrupt\n")
            cluster.kill()
            until(lambda: not cluster.status()["running"], "the broker's end")
            for reader in readers[1:]:
                assert _interrupted(reader).endswith("KeyboardInterrupt\n")
        finally:
            for reader in readers:
                reader.kill()
                reader.communicate()
