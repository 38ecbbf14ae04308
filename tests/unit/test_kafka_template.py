"""The topics of frames by a template: which it names, which it finds, and what is refused."""

from __future__ import annotations

import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framehop.errors import ConfigError
from framehop.log import KafkaOptions, open_log
from framehop.log.kafka.template import MAX_TOPIC, TopicTemplate

LEGAL = "ABCXYZabcxyz0189._-"
VALUE = st.text(LEGAL, min_size=1, max_size=20)


@pytest.mark.parametrize(
    ("text", "pattern", "topic"),
    [
        ("cams.{site}", r"^cams\.[A-Za-z0-9._-]+$", "cams.hall-3"),
        ("cams.{site}.{stream}", r"^cams\.[A-Za-z0-9._-]+\.[A-Za-z0-9._-]+$", "cams.hall-3.gate"),
        ("x{stream}-y_z", r"^x[A-Za-z0-9._-]+-y_z$", "xgate-y_z"),
        ("one.for_all", "one.for_all", "one.for_all"),
    ],
)
def test_a_template_names_topics_and_finds_them(text: str, pattern: str, topic: str) -> None:
    template = TopicTemplate(text)
    assert template.pattern == pattern
    assert template.topic_of("gate", {"site": "hall-3", "more": "x"}) == topic
    assert template.matches(topic)


def test_a_dot_is_a_dot() -> None:
    template = TopicTemplate("cams.{site}")
    assert template.matches("cams.x.y")
    for other in ("camsx", "camsyx", "cams.", "cams", "acams.x", "cams.x/y", "cams.x\n", "cams." + "x" * MAX_TOPIC):
        assert not template.matches(other), other


@given(
    st.lists(st.tuples(VALUE, st.sampled_from(["site", "class_2", "stream"])), min_size=1, max_size=3),
    st.dictionaries(st.sampled_from(["site", "class_2"]), VALUE, min_size=2),
    VALUE,
)
def test_what_it_names_it_finds(pieces: list[tuple[str, str]], labels: dict[str, str], stream: str) -> None:
    template = TopicTemplate("c" + "".join(f"{literal}{{{name}}}" for literal, name in pieces))
    topic = template.topic_of(stream, labels)
    assert template.matches(topic)
    assert re.search(template.pattern, topic)
    assert topic == "c" + "".join(literal + {**labels, "stream": stream}[name] for literal, name in pieces)


REFUSED = [
    ("{site}", "begin with a letter or a digit"),
    ("_{site}", "begin with a letter or a digit"),
    ("__consumer_{site}", "begin with a letter or a digit"),
    ("cams.{site", "braces do not match"),
    ("cams.site}", "braces do not match"),
    ("cams.{{site}}", "braces do not match"),
    ("cams.{}", "is no placeholder"),
    ("cams.{Site}", "is no placeholder"),
    ("cams.{site!r}", "is no placeholder"),
    ("cams/{site}", "a topic's name has the characters"),
    ("cams.*", "a topic's name has the characters"),
    ("kämera.{site}", "a topic's name has the characters"),
    ("c" * 249 + "{site}", "249 characters at most"),
]


@pytest.mark.parametrize(("text", "says"), REFUSED, ids=[text[:20] for text, _ in REFUSED])
def test_what_cannot_be_topics_is_refused(text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(says)):
        KafkaOptions(frames_topic=text)


@pytest.mark.parametrize("text", ["__consumer_offsets", "_own", ".", ".."])
def test_one_topic_for_all_is_not_kafkas_own(text: str) -> None:
    with pytest.raises(ConfigError, match="begin with a letter or a digit"):
        KafkaOptions(frames_topic=text)


@pytest.mark.parametrize("text", ["site-a.{class}", "site-a.detec{x}", "site-a.{x}letter", "s{x}", "site-a.detections"])
def test_a_template_that_fits_events_is_refused_before_a_broker_is_asked(text: str) -> None:
    with pytest.raises(ConfigError, match=r"also matches site-a\.(detections|deadletter), which holds no frames"):
        open_log("kafka://127.0.0.1:1/site-a", options=KafkaOptions(frames_topic=text))


@pytest.mark.parametrize("labels", [{"Site": "a"}, {"stream": "a"}, {"site": ""}, {"site": "a/b"}, {"site": "x" * 129}])
def test_a_label_that_cannot_be_in_a_topic_is_refused(labels: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="kafka: label"):
        KafkaOptions(labels=labels)


def test_a_missing_label_is_named_with_where_to_set_it() -> None:
    with pytest.raises(ConfigError, match=r"what site is here: set log\.kafka\.labels\.site"):
        TopicTemplate("cams.{site}.{stream}").topic_of("gate", {"hall": "3"})


def test_a_topic_that_would_be_too_long_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"stream a+ would have a topic of 261 characters"):
        TopicTemplate("c" * 133 + "{stream}").topic_of("a" * 128, {})


def test_workers_need_no_labels_and_processes_are_told_all() -> None:
    options = KafkaOptions(frames_topic="cams.{site}", labels={"site": "hall-3"})
    assert msgspec.json.decode(msgspec.json.encode(options), type=KafkaOptions) == options
    assert KafkaOptions(frames_topic="cams.{site}").labels == {}
