"""Tests of a Kafka log's URL, options and topic settings, and that docs/kafka.md says the same."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from framehop.errors import ConfigError
from framehop.log import KafkaOptions, KafkaSecurity, open_log
from framehop.log.kafka.options import OURS
from framehop.log.kafka.partition_scan import without_group
from framehop.log.kafka.topic_checks import (
    _check_events_size,
    _check_frames_size,
    _check_partitions,
    _check_topic,
    _say_hidden,
    check_offsets_retention,
)
from framehop.log.kafka.topics import TopicPlan, TopicState, _config
from framehop.log.kafka.url import KafkaUrl
from framehop.log.kafka.wire import frame_headers
from framehop.types import Frame, FrameKey

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "kafka.md").read_text()

# ---------------------------------------------------------------- the URL


@pytest.mark.parametrize(
    ("text", "bootstrap", "prefix", "shown"),
    [
        ("kafka://broker", "broker:9092", "framehop", "kafka://broker:9092"),
        ("kafka://a:1,b:2/cams", "a:1,b:2", "cams", "kafka://a:1,b:2/cams"),
        ("kafka://10.0.0.1:9093/", "10.0.0.1:9093", "framehop", "kafka://10.0.0.1:9093"),
        ("kafka://[::1]:9092/site.1-x_y", "[::1]:9092", "site.1-x_y", "kafka://[::1]:9092/site.1-x_y"),
    ],
)
def test_a_url_names_brokers_and_prefix(text: str, bootstrap: str, prefix: str, shown: str) -> None:
    url = KafkaUrl.parse(text)
    assert (url.bootstrap, url.prefix, str(url)) == (bootstrap, prefix, shown)
    assert KafkaUrl.parse(str(url)) == url
    assert (url.frames, url.group("detect-main")) == (f"{prefix}.frames", f"{prefix}.detect-main")


MALFORMED = r"""
kafka://
kafka:///cams
kafka://a:0
kafka://a:65536
kafka://a:b
kafka://a,,b
kafka://a:1,
kafka://a b
kafka://a:1/x/y
kafka://a:1/x y
kafka://a:1/é
kafka://::1:9092
kafka://a?b=c
"""


@pytest.mark.parametrize("text", [*MALFORMED.split("\n")[1:-1], "kafka://a:1\n", "kafka://a:1/" + "x" * 201])
def test_a_malformed_url_is_refused_at_once(text: str) -> None:
    with pytest.raises(ConfigError, match=r"not kafka://HOST:PORT|a prefix has 1 to 200"):
        open_log(text)


def test_a_password_in_a_url_is_not_repeated() -> None:
    with pytest.raises(ConfigError) as caught:
        KafkaUrl.parse("kafka://cam:hush-4711@broker:9092")
    assert "hush-4711" not in str(caught.value)
    assert "log.kafka.security" in str(caught.value)


# ---------------------------------------------------------------- options


@pytest.mark.parametrize("name", sorted(OURS))
def test_what_a_guarantee_hangs_on_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"client setting {name} is framehop's own: {OURS[name]}")):
        KafkaOptions(client={name: "1"})


@pytest.mark.parametrize("name", ["error_cb", "on_commit", "stats_cb", "queue_buffering"])
def test_what_is_no_setting_of_the_client_library_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} is no setting of librdkafka"):
        KafkaOptions(client={name: 1})


@pytest.mark.parametrize("name", ["session.timeout.ms", "heartbeat.interval.ms", "partition.assignment.strategy"])
def test_the_newer_group_protocol_refuses_what_the_broker_decides(name: str) -> None:
    assert KafkaOptions(client={name: "1"}).client
    with pytest.raises(ConfigError, match=f"{name} is not allowed with group.protocol: consumer"):
        KafkaOptions(client={"group.protocol": "Consumer", name: "1"})
    assert name in PAGE


def test_a_session_of_ones_own_counts_for_the_classic_protocol_alone() -> None:
    assert KafkaOptions(client={"group.protocol": "classic"}, session_timeout_s=6).by_broker is False
    with pytest.raises(ConfigError, match="session_timeout_s counts for nothing"):
        KafkaOptions(client={"group.protocol": "consumer"}, session_timeout_s=6)


@pytest.mark.parametrize("name", ["security.protocol", "sasl.password", "sasl.mechanisms", "ssl.ca.location"])
def test_security_is_said_once(name: str) -> None:
    with pytest.raises(ConfigError, match=f"client setting {name} and security say the same"):
        KafkaOptions(security=KafkaSecurity(username="a", password="b", ca="c"), client={name: "x"})


@pytest.mark.parametrize(
    ("client", "says"),
    [
        ({"no.such.setting": 1}, 'no.such.setting: No such configuration property: "no.such.setting"'),
        ({"linger.ms": "soon"}, "linger.ms: Invalid value"),
        ({"client.id": "x", "linger.ms": -5}, "linger.ms: .* outside allowed range 0..900000"),
        ({"compression.type": "middle-out"}, "compression.type: Invalid value"),
    ],
)
def test_a_setting_that_the_client_refuses_is_named_as_the_user_does(client: dict[str, str | int], says: str) -> None:
    with pytest.raises(ConfigError, match=f"^log.kafka.client: {says}"):
        open_log("kafka://127.0.0.1:1", options=KafkaOptions(client={**client}))


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"log.kafka.security.ca: '.*none' cannot be read: No such file"):
        open_log("kafka://127.0.0.1:1", options=KafkaOptions(security=KafkaSecurity(ca=str(tmp_path / "none"))))


def test_secrets_are_not_in_any_representation() -> None:
    security = KafkaSecurity(username="cam", password="hush-1", key_password="hush-2")
    options = KafkaOptions(security=security, client={"ssl.truststore": "hush-3"})
    assert "hush" not in f"{security} {options!r} {KafkaSecurity(password='hush', username='a')!r}"


def test_a_plain_consumer_has_nothing_of_a_group() -> None:
    config = {"group.id": "g", "session.timeout.ms": 1, "group.protocol": "consumer", "client.id": "c"}
    assert without_group(config) == {"client.id": "c"}


# ---------------------------------------------------------------- topics


def state(*, replication: int = 1, in_sync: int = 0, **config: str) -> TopicState:
    made = _config(3600, 1_000_000, replication)
    changes = {name.replace("_", "."): value for name, value in config.items()}
    return TopicState(
        name="x.frames", partitions=2, replication=replication, in_sync=in_sync or replication, config=made | changes
    )


def test_what_create_makes_is_what_check_wants() -> None:
    for replication in (1, 3):
        topic = state(replication=replication)
        assert _check_topic(topic) == []
        assert _check_frames_size(topic, {"broker 1": {"replica.fetch.max.bytes": "1001024"}}, 1_001_024) == []


@pytest.mark.parametrize(
    ("topic", "setting", "wanted"),
    [
        (state(message_timestamp_type="CreateTime"), "message.timestamp.type", "LogAppendTime"),
        (state(segment_ms="604800000"), "segment.ms", "360000 or less"),
        (state(cleanup_policy="compact"), "cleanup.policy", "delete"),
        (state(replication=3, min_insync_replicas="1"), "min.insync.replicas", "2"),
        (state(replication=3, min_insync_replicas="3"), "min.insync.replicas", "2 or less"),
        (state(replication=1, min_insync_replicas="2"), "min.insync.replicas", "1 or less"),
        (state(retention_ms="-1", retention_bytes="-1"), "retention.ms", "a bound"),
    ],
)
def test_a_setting_that_costs_frames_is_found(topic: TopicState, setting: str, wanted: str) -> None:
    (finding,) = _check_topic(topic)
    assert (finding.where, finding.setting, finding.wanted) == ("x.frames", setting, wanted)
    assert str(finding).startswith(f"x.frames: {setting} is {topic.config[setting]}, and should be {wanted}: ")


def test_of_a_setting_that_the_broker_hides_nothing_is_found(caplog: pytest.LogCaptureFixture) -> None:
    hidden = TopicState(name="x.frames", partitions=2, replication=3, in_sync=3, config={})
    assert _check_topic(hidden) == []
    assert _check_frames_size(hidden, {}, 2_000_000) == []
    assert _check_events_size(hidden) == []
    assert check_offsets_retention([hidden], {"broker 1": {"offsets.retention.minutes": "10080"}}) == []
    assert _check_topic(replace(hidden, config={"retention.ms": "-1"})) == [], "its retention.bytes may bound it"
    _say_hidden(hidden)
    [record] = caplog.records
    assert "cleanup.policy" in record.getMessage()


def test_too_few_replicas_in_sync_are_found() -> None:
    (finding,) = _check_topic(state(replication=3, in_sync=1))
    assert str(finding).startswith("x.frames: the number of replicas in sync is 1, and should be 2 or more: ")
    assert _check_topic(state(replication=3, in_sync=2)) == []
    (finding,) = _check_topic(TopicState(name="x.frames", partitions=2, replication=3, in_sync=0, config={}))
    assert finding.wanted == "1 or more", "whatever min.insync.replicas is, which the broker hides"


def test_a_bound_by_size_and_two_copies_that_must_both_be_there_are_a_choice() -> None:
    assert _check_topic(state(retention_ms="-1", retention_bytes="1000000000")) == []
    assert _check_topic(state(replication=2, min_insync_replicas="2")) == []


def test_every_place_that_bounds_a_record_is_looked_at() -> None:
    found = _check_frames_size(state(replication=3), {"broker 1": {"replica.fetch.max.bytes": "1000"}}, 2_000_000)
    assert [(each.where, each.setting) for each in found] == [
        ("x.frames", "max.message.bytes"),
        ("broker 1", "replica.fetch.max.bytes"),
    ]


def test_a_topic_of_events_must_take_large_events() -> None:
    (finding,) = _check_events_size(state(max_message_bytes="20000"))
    assert (finding.where, finding.setting, finding.wanted) == ("x.frames", "max.message.bytes", "1000000 or more")
    assert _check_events_size(state(max_message_bytes="1048588")) == [], "Kafka's own default is enough"


def test_one_partition_for_all_frames_is_found() -> None:
    alone, other = replace(state(), partitions=1), state()
    (finding,) = _check_partitions("x.frames", [alone], other)
    assert (finding.setting, finding.value) == ("partitions", "1")
    assert _check_partitions("cams.{stream}", [alone, alone], other) == [], "a topic per stream may have one each"


def test_offsets_outlive_frames() -> None:
    week, brokers = "10080", {"broker 1": {"offsets.retention.minutes": "10080"}}
    assert check_offsets_retention([state(retention_ms="604800000")], brokers) == []
    (finding,) = check_offsets_retention([state(), state(retention_ms="604860000")], brokers)
    assert (finding.where, finding.value, finding.wanted) == ("broker 1", week, "10081 or more")
    (forever,) = check_offsets_retention([state(retention_ms="-1")], brokers)
    assert forever.wanted == "2147483647 or more"


@pytest.mark.parametrize(
    "plan", [{"partitions": 0}, {"replication": -1}, {"max_bytes": 10}, {"max_age_s": 1}, {"event_age_s": 0}]
)
def test_a_plan_that_cannot_be_is_refused(plan: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="topics: "):
        TopicPlan(**plan)


# ---------------------------------------------------------------- docs/kafka.md


def rows(title: str) -> list[list[str]]:
    """Return the rows of the table in the page's section."""
    section = re.split(r"^#+ ", PAGE.split(f"# {title}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:3] == "| `"]


def test_every_option_is_documented_with_its_default() -> None:
    documented = {name.strip("`"): default.strip("`") for name, default, _ in rows("Options")}
    shown = {"": "empty", None: "none"}
    fields = msgspec.structs.fields(KafkaOptions)
    defaults = {field.name: getattr(KafkaOptions(), field.name) for field in fields}
    assert documented == {
        name: str(value) if isinstance(value, dict) else shown.get(value, str(value))
        for name, value in defaults.items()
    }


def test_every_setting_that_is_refused_is_documented() -> None:
    aliases = {"metadata.broker.list", "auto.commit.enable", "request.required.acks", "delivery.timeout.ms"}
    assert {name for name in OURS if f"`{name}`" not in PAGE} <= aliases | {
        "group.protocol.type",
        "logger",
        "default.topic.config",
    }


def test_every_header_is_documented() -> None:
    documented = {name for first, *_ in rows("The headers of a frame") for name in re.findall(r"`([^`]+)`", first)}
    frame = Frame(
        key=FrameKey("gate-1", 1, 2),
        payload=b"",
        captured_us=0,
        received_us=0,
        clock="camera",
        content_type="image/jpeg",
        keyframe=True,
        width=1,
        height=1,
        traceparent="",
        origin="a.jpg",
    )
    assert documented == {name for name, _ in frame_headers(frame, error="x")}


def test_the_request_that_ends_the_process_is_not_used() -> None:
    """list_consumer_group_offsets is a SIGSEGV while a coordinator moves (librdkafka issue 5040)."""
    code = [file.read_text() for file in (ROOT / "python" / "framehop").rglob("*.py")]
    assert not [text for text in code if ".list_consumer_group_offsets(" in text]
