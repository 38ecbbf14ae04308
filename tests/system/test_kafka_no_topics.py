"""No command of framehop creates a topic by accident, on a broker that makes topics for whoever asks (Kafka's default)."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from tests.broker import Cluster
from tests.system.harness import House
from tests.tiny_model import write_model
from tests.waiting import until

pytestmark = pytest.mark.kafka

COMMANDS = {
    "lag": ["lag"],
    "audit": ["audit"],
    "tail": ["tail", "--no-follow"],
    "check": ["topics", "check"],
    "describe": ["topics", "describe"],
    "letters": ["deadletter", "list"],
    "annotate": ["annotate", "out.mp4", "--stream", "gate"],
    "ingest": ["ingest", "testsrc:?count=1"],
}


class Prefix:
    """Topics under a name that nobody has used."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.name = f"typo-{uuid.uuid4().hex[:12]}"
        self.url = f"kafka://{cluster.bootstrap}/{self.name}"
        self._admin = AdminClient(cluster.client())

    def topics(self) -> dict[str, int]:
        """Return the number of partitions of each topic that there is."""
        found = self._admin.list_topics(timeout=30).topics
        return {name: len(topic.partitions) for name, topic in found.items() if name.startswith(self.name)}

    def make_by_accident(self, kind: str) -> None:
        """Ask for a topic by its name, as a foreign client does."""
        name = f"{self.name}.{kind}"
        until(lambda: name in self.topics() or self._admin.list_topics(name, timeout=30) is None, name)

    def forget(self) -> None:
        self._cluster.forget_topics(self.name)


@pytest.fixture
def prefix(kafka_cluster: Cluster) -> Iterator[Prefix]:
    kafka_cluster.revive()
    found = Prefix(kafka_cluster)
    yield found
    found.forget()


def test_the_broker_makes_topics_for_others(prefix: Prefix) -> None:
    """The other tests here would prove nothing if this did not make one."""
    prefix.make_by_accident("frames")
    assert prefix.topics() == {f"{prefix.name}.frames": 1}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_mistyped_prefix_makes_no_topic(prefix: Prefix, house: House, command: list[str]) -> None:
    done = house.framehop(*command, "--log", prefix.url, "--config", state_in(house))
    assert (done.returncode, prefix.topics()) == (1, {}), done.stderr
    said = done.stdout + done.stderr
    assert f"framehop topics create --log {prefix.url}" in said
    assert "Traceback" not in said


def test_detect_makes_no_topic(prefix: Prefix, house: House) -> None:
    model = write_model(house.path)
    done = house.framehop("detect", "--log", prefix.url, "--config", state_in(house), "--model", model)
    assert (done.returncode, prefix.topics()) == (1, {}), done.stderr
    assert f"framehop topics create --log {prefix.url}" in done.stderr


def test_create_makes_what_was_asked_for(prefix: Prefix, house: House) -> None:
    """`topics create` makes what was asked for, even after others have asked for the same topics."""
    for command in ("lag", "check"):
        house.framehop(*COMMANDS[command], "--log", prefix.url)
    made = house.framehop("topics", "create", "--partitions", "12", "--log", prefix.url, "--json")
    kinds = {f"{prefix.name}.{kind}" for kind in ("frames", "detections", "deadletter")}
    assert json.loads(made.stdout) == dict.fromkeys(kinds, True), made.stderr
    assert prefix.topics() == dict.fromkeys(kinds, 12)
    checked = house.framehop("topics", "check", "--log", prefix.url)
    assert checked.returncode == 0, checked.stdout


def test_a_topic_that_a_broker_made_by_itself_is_found_wanting(prefix: Prefix, house: House) -> None:
    prefix.make_by_accident("frames")
    made = house.framehop("topics", "create", "--partitions", "12", "--log", prefix.url)
    assert f"{prefix.name}.frames: was there already, partitions: 1 and not 12; it was not changed" in made.stderr
    checked = house.framehop("topics", "check", "--log", prefix.url, "--json")
    found = {finding["setting"]: finding["value"] for finding in json.loads(checked.stdout)}
    assert checked.returncode == 1
    assert found["message.timestamp.type"] == "CreateTime"
    assert found["partitions"] == "1"


def test_many_partitions_are_waited_for(prefix: Prefix, house: House) -> None:
    made = house.framehop("topics", "create", "--partitions", "300", "--log", prefix.url)
    assert made.returncode == 0, made.stderr
    assert set(prefix.topics().values()) == {300}


def state_in(house: House) -> Path:
    path = house.path / "config.yaml"
    path.write_text(f"log: {{kafka: {{state_dir: {house.path / 'state'}}}}}\n")
    return path
