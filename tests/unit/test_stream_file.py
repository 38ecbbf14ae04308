"""The streams of a configuration file: what they may say, what a changed file changes, and that a broken one changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from framehop.config.file import load_config
from framehop.errors import ClosedError, ConfigError
from framehop.pipeline.processes.source_messages import SourceOrder
from framehop.pipeline.streams.roster import Roster
from framehop.pipeline.streams.stream_file import Changes, StreamFile, changes_between
from framehop.pipeline.streams.streams import Streams
from framehop.policies import Policy

GATE = "gate: {source: 'testsrc:?size=96x64'}"
YARD = "yard: {source: clips/yard.mp4, rate: max, loop: 2, codec: copy}"


class Site:
    """A configuration file and the pipeline that reads its streams."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "framehop.yaml"
        self.roster = Roster()
        self.streams = Streams(self.roster, pushed=lambda stream: stream == "pushed")
        self.file = StreamFile(self.path, self.streams)

    def says(self, *streams: str, more: str = "") -> Changes:
        listed = "\n".join(f"  {stream}" for stream in streams)
        self.path.write_text(f"streams:\n{listed}\n{more}" if streams else more)
        return self.file.apply()

    def refuses(self, *streams: str) -> str:
        before = {stream: self.roster.order(stream) for stream in self.roster.statuses()}
        with pytest.raises(ConfigError) as refused:
            self.says(*streams)
        assert {stream: self.roster.order(stream) for stream in self.roster.statuses()} == before
        return str(refused.value)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_each_stream_is_read_as_the_file_says(site: Site, tmp_path: Path) -> None:
    assert site.says(GATE, YARD) == Changes(added=("gate", "yard"), removed=(), replaced=())
    yard = site.roster.order("yard")
    assert yard is not None
    assert (yard.source, yard.rate, yard.loop, yard.codec) == (str(tmp_path / "clips/yard.mp4"), "max", 2, "copy")


def test_a_changed_file_changes_what_it_names_and_nothing_else(site: Site) -> None:
    site.streams.add(["other=testsrc:"])
    site.says(GATE, YARD, "hall: {source: 'testsrc:'}")
    before = site.roster.order("gate")
    changes = site.says(GATE, "hall: {source: 'testsrc:', rate: 5}", "door: {source: 'testsrc:'}")
    assert changes == Changes(added=("door",), removed=("yard",), replaced=("hall",))
    assert site.roster.order("gate") == before
    assert set(site.roster.statuses()) == {"other", "gate", "hall", "door"}
    assert site.says(more="streams: {}") == Changes(added=(), removed=("door", "gate", "hall"), replaced=())
    assert set(site.roster.statuses()) == {"other"}


def test_the_same_file_again_changes_nothing_and_keeps_a_pause(site: Site) -> None:
    site.says(GATE)
    site.roster.pause("gate")
    assert site.says(GATE) == Changes(added=(), removed=(), replaced=())
    assert site.roster.statuses()["gate"].phase == "paused"


def test_a_stream_that_was_removed_by_hand_comes_back_with_the_file(site: Site) -> None:
    site.says(GATE)
    site.streams.remove("gate")
    assert site.says(GATE).added == ("gate",)


def test_a_stream_has_the_policy_and_the_patience_of_the_file(site: Site) -> None:
    site.says("gate: {source: 'rtsp://gate/1', policy: latest, stall_s: 2.5}", GATE.replace("gate", "plain"))
    assert (site.roster.policy("gate"), site.roster.policy("plain")) == (Policy.parse("latest"), None)
    gate, plain = site.roster.order("gate"), site.roster.order("plain")
    assert gate is not None
    assert plain is not None
    assert (gate.stall_s, plain.stall_s) == (2.5, 10.0)


def test_a_stream_has_the_labels_of_the_file_and_is_replaced_for_others(site: Site) -> None:
    site.says("gate: {source: 'testsrc:', labels: {site: east}}", YARD)
    assert {name: status.labels for name, status in site.roster.statuses().items()} == {
        "gate": {"site": "east"},
        "yard": {},
    }
    assert site.says("gate: {source: 'testsrc:', labels: {site: west}}", YARD).replaced == ("gate",)
    gate = site.roster.order("gate")
    assert gate is not None
    assert gate.labels == {"site": "west"}


def test_a_stream_that_is_to_be_tracked_from_now_on_is_replaced(site: Site) -> None:
    site.says("gate: {source: 'testsrc:', track: byte}", YARD)
    assert [traits.track for traits in site.roster.traits()] == ["byte", None]
    assert site.says("gate: {source: 'testsrc:', track: off}", YARD).replaced == ("gate",)
    assert {traits.stream: traits.track for traits in site.roster.traits()} == {"gate": "off", "yard": None}


def test_an_endless_stream_of_the_file_is_live(site: Site) -> None:
    site.says(
        GATE,
        "cam: {source: 'rtsp://gate/1'}",
        "card: {source: 'testsrc:?count=3'}",
        "film: {source: a.mp4}",
        "gone: {source: 'pan:no.png'}",
    )
    assert {traits.stream for traits in site.roster.traits() if traits.live} == {"gate", "cam"}


def test_another_policy_alone_does_not_interrupt_the_stream(site: Site) -> None:
    site.says("gate: {source: 'testsrc:', policy: latest}", GATE.replace("gate", "hall"))
    before = site.roster.order("gate")
    changes = site.says("gate: {source: 'testsrc:', policy: fps=2}", GATE.replace("gate", "hall"))
    assert changes == Changes(added=(), removed=(), replaced=(), judged=("gate",))
    assert site.roster.policy("gate") == Policy.parse("fps=2")
    assert site.says("gate: {source: 'testsrc:'}", GATE.replace("gate", "hall")).judged == ("gate",)
    assert site.roster.policy("gate") is None
    assert site.roster.order("gate") == before


def test_a_replaced_stream_has_its_policy_from_its_first_frame(site: Site) -> None:
    site.says("gate: {source: 'testsrc:', policy: latest}", YARD)
    changes = site.says("gate: {source: 'testsrc:', rate: 5, policy: fps=2}")
    assert changes == Changes(added=(), removed=("yard",), replaced=("gate",))
    assert site.roster.policy("gate") == Policy.parse("fps=2")


def test_other_changes_of_the_file_are_noticed(site: Site) -> None:
    assert not site.says(GATE).more
    assert site.says(GATE, more="log: {url: elsewhere}").more
    assert not site.says(more="log: {url: elsewhere}").more


@pytest.mark.parametrize(
    ("stream", "message"),
    [
        ("gate: {sorce: x}", "streams.gate: Object contains unknown field `sorce`; allowed: source, rate, "),
        ("gate: {rate: max}", "streams.gate: Object missing required field `source`"),
        ("gate: {source: x, rate: quick}", "streams.gate: rate 'quick' is not understood"),
        ("gate: {source: x, rate: 0}", "streams.gate: rate 0.0 is out of range"),
        ("gate: {source: x, loop: -1}", "streams.gate: loop -1 is out of range"),
        ("gate: {source: x, codec: mjpeg}", "streams.gate: codec: Invalid enum value 'mjpeg'"),
        ("gate: {source: x, password: hush}", "streams.gate: password needs a username"),
        ("gate: {source: x, policy: newest}", "streams.gate: policy 'newest' is not known: use all, latest"),
        ("gate: {source: x, policy: gate=latest}", "streams.gate: policy 'gate=latest' is not known"),
        ("gate: {source: x, policy: fps=0}", "streams.gate: policy fps takes a number from"),
        ("gate: {source: x, stall_s: 0}", "streams.gate: stall_s 0.0 is out of range"),
        ("gate: {source: x, stall_s: .nan}", "streams.gate: stall_s nan is out of range"),
        ("gate: {source: 'clips/*.mp4'}", "streams.gate: nothing fits"),
        ("a/b: {source: x}", "streams.a/b: stream id 'a/b' is not allowed"),
        ("pushed: {source: x}", "streams.pushed: pictures are pushed to pushed"),
        ("taken: {source: x}", "streams.taken: stream taken has the source testsrc: already"),
        ("gate: {source: x, username: ward, password: hush}", "streams.gate: username and password are for an address"),
        ("gate: {source: x, password: {env: NO_SUCH}}", "streams.gate.password: the environment has no NO_SUCH"),
        (
            "gate: {source: x, labels: {site: a/b}}",
            "streams.gate: kafka: label site: 'a/b' cannot be part of a topic's name",
        ),
        ("gate: {source: x, labels: {stream: a}}", "streams.gate: kafka: label 'stream' is not allowed"),
        ("gate: {source: x, labels: {site: 3}}", "streams.gate: labels[...]: Expected text, got a whole number"),
        ("gate: [", "is not YAML"),
    ],
)
def test_a_broken_file_is_refused_whole_and_says_where(site: Site, stream: str, message: str) -> None:
    site.streams.add(["taken=testsrc:"])
    site.says(GATE)
    said = site.refuses("new: {source: 'testsrc:'}", stream)
    assert message in said
    assert str(site.path) in said
    assert "hush" not in said


def test_too_many_streams_are_refused_whole(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("framehop.pipeline.streams.roster.MAX_SOURCES", 3)
    site.streams.add(["other=testsrc:"])
    site.says(GATE, "hall: {source: 'testsrc:'}")
    said = site.refuses(GATE, "hall: {source: 'testsrc:', rate: 5}", "door: {source: 'testsrc:'}")
    assert "more than 3 sources" in said
    assert str(site.path) in said
    assert site.says(GATE, "door: {source: 'testsrc:'}").removed == ("hall",)


def test_a_file_that_is_gone_changes_nothing(site: Site) -> None:
    site.says(GATE)
    site.path.unlink()
    with pytest.raises(ConfigError, match="No such file"):
        site.file.apply()
    assert set(site.roster.statuses()) == {"gate"}


@pytest.mark.parametrize("text", ["", "\n", "# streams:\n", "---\n"])
def test_a_file_that_an_editor_has_just_emptied_removes_nothing(site: Site, text: str) -> None:
    site.says(GATE)
    with pytest.raises(ConfigError, match="says nothing: perhaps it is being written"):
        site.says(more=text)
    assert set(site.roster.statuses()) == {"gate"}


def test_a_blank_file_is_fine_where_no_stream_is_its_own(site: Site) -> None:
    assert site.says(more="") == site.says(more="") == Changes(added=(), removed=(), replaced=())


def test_a_pipeline_that_ends_keeps_what_it_has(site: Site) -> None:
    site.says(GATE)
    site.roster.close()
    with pytest.raises(ClosedError, match="is ending"):
        site.says(YARD)
    assert set(site.roster.statuses()) == {"gate"}


def test_a_password_by_reference_is_used_and_never_shown(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATE_PASSWORD", "h@sh")
    (tmp_path / "yard.txt").write_text("rtsp://ward:hush@yard/1\n")
    site.says(
        "gate: {source: 'rtsp://gate/1', username: ward, password: {env: GATE_PASSWORD}}",
        "yard: {source: {file: yard.txt}}",
    )
    gate, yard = site.roster.order("gate"), site.roster.order("yard")
    assert gate is not None
    assert yard is not None
    assert (gate.source, yard.source) == ("rtsp://ward:h%40sh@gate/1", "rtsp://ward:hush@yard/1")
    shown = [repr(load_config(site.path)), repr(site.roster.statuses()), repr(gate), repr(yard)]
    assert [text for text in shown if "sh@" in text or "h%40" in text or "h@sh" in text] == []


def _order(stream: str, **changes: object) -> SourceOrder:
    return replace(SourceOrder(stream=stream, source="x", rate="max", loop=1, since_us=1), **changes)


def test_orders_that_differ_in_their_time_alone_are_the_same() -> None:
    present = {"a": _order("a"), "b": _order("b"), "c": _order("c")}
    wanted = {"d": _order("d"), "b": _order("b", since_us=2), "c": _order("c", loop=2, since_us=2)}
    assert changes_between(present, wanted) == Changes(added=("d",), removed=("a",), replaced=("c",))
