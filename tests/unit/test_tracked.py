"""Tests which streams are tracked: what is typed, what the configuration says, what a stream says itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from framehop.cli.option_values import detect_options
from framehop.config.detect_options import DetectOptions
from framehop.config.file import load_config
from framehop.errors import ConfigError
from framehop.tracked import TrackedStreams, parse_tracks

FILE = """
streams:
  gate: {source: 'testsrc:', track: off}
  yard: {source: 'testsrc:', track: byte}
  hall: {source: 'testsrc:'}
detect:
  track: {h*: byte, '*': off}
"""


def options(path: Path, *typed: str, with_streams: bool = False) -> DetectOptions:
    return detect_options(
        model="coco-ssd",
        track=list(typed),
        config=path,
        with_streams=with_streams,
        workers=1,
        slots=8,
        slot_mib=1,
        max_batch=1,
    )


def tracked(streams: TrackedStreams) -> list[str]:
    return [stream for stream in ("gate", "hall", "yard") if streams.has(stream)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "framehop.yaml"
    path.write_text(FILE)
    return path


def test_no_stream_is_tracked_unless_somebody_says_so() -> None:
    assert tracked(TrackedStreams({})) == []
    assert not TrackedStreams(parse_tracks(["off"])).some


def test_all_streams_or_those_that_fit_a_pattern() -> None:
    assert tracked(TrackedStreams(parse_tracks(["byte"]))) == ["gate", "hall", "yard"]
    assert tracked(TrackedStreams(parse_tracks(["gate=off", "?a*=byte"]))) == ["hall", "yard"]


def test_what_is_typed_is_tried_before_the_file(file: Path) -> None:
    assert tracked(TrackedStreams(options(file).track)) == ["hall"]
    assert tracked(TrackedStreams(options(file, "hall=off", "gate=byte").track)) == ["gate"]


def test_what_a_stream_says_itself_holds_before_all(file: Path) -> None:
    """`detect` reads it at its start; in `run` the streams' own come with their sources."""
    assert tracked(TrackedStreams(options(file, "byte", with_streams=True).track)) == ["hall", "yard"]
    streams = TrackedStreams(options(file, "byte").track)
    streams.note("gate", "off")
    assert tracked(streams) == ["hall", "yard"]
    streams.note("gate", None)
    assert tracked(streams) == ["gate", "hall", "yard"]
    none = TrackedStreams({})
    none.note("gate", "byte")
    assert none.some


def test_all_streams_in_one_word_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "framehop.yaml"
    path.write_text("detect: {track: byte}")
    assert load_config(path).detect.parsed_tracks == {"*": "byte"}
    path.write_text("detect: {track: off}")
    assert load_config(path).detect.parsed_tracks == {"*": "off"}


@pytest.mark.parametrize("typed", ["sort", "gate=", "gate=sort", "=", "g/te=byte", ""])
def test_what_is_no_way_to_track_is_refused(typed: str) -> None:
    with pytest.raises(ConfigError, match="track"):
        parse_tracks([typed])


def test_a_pattern_that_is_typed_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match="twice"):
        parse_tracks(["gate=byte", "gate=off"])


@pytest.mark.parametrize(
    "text", ["detect: {track: sort}", "detect: {track: on}", "streams: {a: {source: x, track: 3}}"]
)
def test_a_file_that_says_something_else_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "framehop.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match="track"):
        load_config(path)
