"""framehop topics: what is made, shown, and found wanting."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest

from tests.broker import Cluster
from tests.commands import framehop


@pytest.fixture
def url(kafka_cluster: Cluster) -> str:
    return f"kafka://{kafka_cluster.bootstrap}/topics-{uuid.uuid4()}"


def test_topics_are_made_once_and_fit(url: str) -> None:
    prefix = url.rpartition("/")[2]
    made = framehop("topics", "create", "--log", url, "--partitions", "3", "--max-age", "10m", "--json")
    assert made.status == 0, made.stderr
    assert json.loads(made.stdout) == {f"{prefix}.{kind}": True for kind in ("frames", "detections", "deadletter")}
    again = framehop("topics", "create", "--log", url, "--json")
    assert set(json.loads(again.stdout).values()) == {False}
    shown = {
        topic["name"]: topic for topic in json.loads(framehop("topics", "describe", "--log", url, "--json").stdout)
    }
    assert {topic["partitions"] for topic in shown.values()} == {3}, "what was there is as it was"
    assert shown[f"{prefix}.frames"]["config"]["retention.ms"] == "600000"
    assert shown[f"{prefix}.detections"]["config"]["retention.ms"] == str(30 * 86_400_000)
    checked = framehop("topics", "check", "--log", url)
    assert (checked.status, checked.stdout) == (0, "topics and brokers are fit for these frames\n")


def test_check_names_the_setting_to_raise(url: str) -> None:
    framehop("topics", "create", "--log", url, "--max-frame", "1MiB", "--replication", "1")
    checked = framehop("topics", "check", "--log", url, "--max-frame", "4MiB")
    assert checked.status == 1
    assert f"max.message.bytes is {(1 << 20) + 1024}, and should be {(4 << 20) + 1024} or more" in checked.stdout
    (finding,) = json.loads(framehop("topics", "check", "--log", url, "--max-frame", "4MiB", "--json").stdout)
    assert (finding["setting"], finding["where"]) == ("max.message.bytes", f"{url.rpartition('/')[2]}.frames")
    assert framehop("topics", "check", "--log", url, "--max-frame", "1MiB").status == 0


def test_what_is_missing_is_said(url: str) -> None:
    checked = framehop("topics", "check", "--log", url)
    assert checked.status == 1
    assert f"framehop topics create --log {url}" in checked.stdout
    shown = framehop("topics", "describe", "--log", url)
    assert shown.status == 1
    assert f"framehop topics create --log {url}" in shown.stderr


def test_more_copies_than_brokers_are_refused(url: str) -> None:
    done = framehop("topics", "create", "--log", url, "--replication", "3")
    assert done.status == 1
    assert "lower --replication" in done.stderr


@pytest.mark.parametrize("command", ["create", "describe", "check"])
def test_a_directory_has_no_topics(command: str, tmp_path: Path) -> None:
    done = framehop("topics", command, "--log", str(tmp_path / "log"))
    assert done.status == 1
    assert "this log is a directory" in done.stderr
    assert not (tmp_path / "log").exists()


@pytest.mark.parametrize(
    ("option", "value"), [("--max-age", "soon"), ("--event-age", "7"), ("--max-frame", "big"), ("--max-age", "1s")]
)
def test_an_option_that_makes_no_sense_is_refused_before_a_broker_is_asked(option: str, value: str) -> None:
    done = framehop("topics", "create", "--log", "kafka://127.0.0.1:1", option, value)
    assert done.status == 1
    assert option.removeprefix("--").removeprefix("event-") in done.stderr
    assert "no broker" not in done.stderr
