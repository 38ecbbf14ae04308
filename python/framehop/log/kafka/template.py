"""The topics that frames lie in: one, or as many as a template has names for. Light to import, since options are checked with
it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from framehop.errors import ConfigError

MAX_TOPIC = 249
STREAM = "stream"
_CLASS = "[A-Za-z0-9._-]"  # characters of a topic; librdkafka's POSIX and a broker's RE2 expressions read it alike
_VALUE = re.compile(_CLASS + "{1,128}")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_PIECE = re.compile(r"\{([^{}]*)\}|([^{}]+)")


@dataclass(frozen=True)
class TopicTemplate:
    """A name with placeholders, such as `cams.{site}`. `{stream}` is the stream's id, the others are labels. Without placeholders
    it is the name of one topic. Raises ConfigError for what cannot be a topic."""

    text: str

    def __post_init__(self) -> None:
        whole = "".join(match[0] for match in _PIECE.finditer(self.text))
        literal = _PIECE.sub(lambda match: match[2] or "", self.text)
        _check(self.text == whole, self.text, "its braces do not match")
        for name in self.names:
            why = f"{{{name}}} is no placeholder: its name has the characters a-z 0-9 _, as in {{site}}"
            _check(bool(_NAME.fullmatch(name)), self.text, why)
        legal, short = re.fullmatch(_CLASS + "*", literal), len(literal) + len(self.names) <= MAX_TOPIC
        _check(bool(legal), self.text, "a topic's name has the characters A-Z a-z 0-9 . _ - and no others")
        _check(short, self.text, f"a topic's name has {MAX_TOPIC} characters at most")

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the placeholders, in order."""
        return tuple(match[1] for match in _PIECE.finditer(self.text) if match[2] is None)

    @property
    def by_pattern(self) -> bool:
        """Whether there may be several topics, which are then found by pattern."""
        return bool(self.names)

    @cached_property
    def pattern(self) -> str:
        """The subscription of a consumer: a pattern, marked by its `^`, or the name of the one topic."""
        if not self.by_pattern:
            return self.text
        pieces = (
            f"{_CLASS}+" if match[2] is None else match[2].replace(".", r"\.") for match in _PIECE.finditer(self.text)
        )
        return f"^{''.join(pieces)}$"

    def matches(self, topic: str) -> bool:
        if not self.by_pattern:
            return topic == self.text
        return len(topic) <= MAX_TOPIC and self._expression.fullmatch(topic) is not None

    @cached_property
    def _expression(self) -> re.Pattern[str]:
        return re.compile(self.pattern[1:-1])

    @property
    def per_stream(self) -> bool:
        return STREAM in self.names

    def topic_of(self, stream: str, labels: Mapping[str, str]) -> str:
        """Return the topic for the frames of `stream`. Raises ConfigError naming the label that is missing."""
        self.check_labels(labels)
        values = {**labels, STREAM: stream}
        topic = _PIECE.sub(lambda match: values[match[1]] if match[2] is None else match[2], self.text)
        if len(topic) > MAX_TOPIC:
            raise ConfigError(
                f"kafka: stream {stream} would have a topic of {len(topic)} characters, and {MAX_TOPIC} are allowed: "
                "shorten log.kafka.frames_topic, labels or the stream's id"
            )
        return topic

    def missing_labels(self, labels: Mapping[str, str]) -> list[str]:
        return sorted({name for name in self.names if name != STREAM and name not in labels})

    def check_labels(self, labels: Mapping[str, str]) -> None:
        """Raise ConfigError unless every placeholder has its value, so that frames can be written."""
        missing = self.missing_labels(labels)
        if missing:
            raise ConfigError(
                f"frames go to {self.text}, and nothing says what {missing[0]} is here: set log.kafka.labels.{missing[0]} in the "
                f"configuration, as in labels: {{{missing[0]}: hall-3}}"
            )

    def check_apart_from(self, *topics: str) -> None:
        """Raise ConfigError if a topic for frames could have one of these names."""
        for topic in topics:
            if self.matches(topic):
                raise ConfigError(
                    f"kafka: frames_topic {self.text!r} also matches {topic}, which holds no frames: begin it with another word"
                )


def check_frames_topic(text: str) -> None:
    """Raise ConfigError for a text that cannot be a topic, or might be one of Kafka's own."""
    TopicTemplate(text)
    why = "it has to begin with a letter or a digit: Kafka's own topics begin with underscores, and hold no frames"
    _check(text[:1].isalnum(), text, why)


def check_labels(labels: Mapping[str, str]) -> None:
    """Raise ConfigError for names and values that no topic can have."""
    for name, value in labels.items():
        if not _NAME.fullmatch(name) or name == STREAM:
            raise ConfigError(
                f"kafka: label {name!r} is not allowed: a name has the characters a-z 0-9 _, and stream is the stream's id"
            )
        if not _VALUE.fullmatch(value):
            raise ConfigError(
                f"kafka: label {name}: {value[:140]!r} cannot be part of a topic's name: use 1 to 128 of A-Z a-z 0-9 . _ -"
            )


def _check(holds: bool, text: str, why: str) -> None:
    if not holds:
        raise ConfigError(f"kafka: frames_topic {text[:300]!r}: {why}")
