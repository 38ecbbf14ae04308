"""Policies as they are typed, and which stream has which."""

from __future__ import annotations

from pathlib import Path

import pytest

from framehop.cli.option_values import detect_options
from framehop.config.detect_options import DetectOptions
from framehop.config.file import load_config
from framehop.errors import ConfigError
from framehop.policies import ALL, LIVE, Policy, StreamPolicies, parse_policies
from tests.commands import framehop


@pytest.mark.parametrize(
    "text", ["all", "latest", "max_age_ms=1000", "every_n=3", "fps=2.5", "fps=0.001", "key-frames-only"]
)
def test_a_policy_is_written_as_it_was_typed(text: str) -> None:
    assert str(Policy.parse(text)) == text
    assert Policy.parse(str(Policy.parse(text))) == Policy.parse(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "'' is not known: use all, latest, max_age_ms=N"),
        ("newest", "'newest' is not known"),
        ("latest,fps=2", "exclude each other"),
        ("latest fps=2", "exclude each other"),
        ("max_age_ms=5+every_n=3", "exclude each other"),
        ("latest=3", "latest takes no number, and was given '3'"),
        ("fps", "fps needs a number, as fps=2.5, not ''"),
        ("fps=two", "fps needs a number"),
        ("every_n=1", "every_n=1 looks at every frame: write all"),
        ("every_n=0", "every_n takes a number from 2"),
        ("every_n=2.5", "every_n takes a whole number, not 2.5"),
        ("max_age_ms=-1", "max_age_ms takes a number from 1"),
        ("max_age_ms=1e12", "max_age_ms takes a number from 1 to 86400000"),
        ("fps=0", "fps takes a number from 0.001 to 1000, not 0"),
        ("fps=nan", "fps takes a number"),
        ("fps=inf", "fps takes a number"),
        ("x" * 5000, "is not known"),
    ],
)
def test_what_is_no_policy_is_refused_and_what_is_understood_is_said(text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Policy.parse(text)
    assert expected in str(caught.value)
    assert len(str(caught.value)) < 300


def test_the_first_pattern_that_fits_holds() -> None:
    policies = StreamPolicies(
        parse_policies(["gate-1=all", "gate-*=max_age_ms=500", "latest"]), live=["gate-9", "yard"]
    )
    found = {stream: str(policies.of(stream)) for stream in ("gate-1", "gate-2", "gate-9", "yard")}
    assert found == {"gate-1": "all", "gate-2": "max_age_ms=500", "gate-9": "max_age_ms=500", "yard": "latest"}


def test_a_live_stream_without_a_policy_skips_what_is_old_and_any_other_skips_nothing() -> None:
    policies = StreamPolicies({}, live=["camera"])
    assert (policies.of("camera"), policies.of("film")) == (LIVE, ALL)
    policies.note("film", live=True, policy=None)
    policies.note("camera", live=False, policy=None)
    assert (policies.of("camera"), policies.of("film")) == (ALL, LIVE)


def test_a_policy_of_the_streams_own_holds_before_all_patterns_until_it_is_taken_back() -> None:
    policies = StreamPolicies(parse_policies(["gate-*=fps=2"]))
    policies.note("gate-1", live=False, policy=Policy.parse("latest"))
    assert [str(policies.of(stream)) for stream in ("gate-1", "gate-2")] == ["latest", "fps=2"]
    assert policies.waits
    policies.note("gate-1", live=False, policy=None)
    assert str(policies.of("gate-1")) == "fps=2"
    assert not policies.waits


@pytest.mark.parametrize(
    ("typed", "live", "waits"),
    [
        ([], [], False),
        (["fps=2", "x=every_n=2"], [], False),
        (["x=latest"], [], True),
        ([], ["x"], True),
        (["all"], ["x"], False),
    ],
)
def test_frames_wait_in_the_worker_only_where_a_policy_compares_them(
    typed: list[str], live: list[str], waits: bool
) -> None:
    assert StreamPolicies(parse_policies(typed), live).waits is waits


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (["latest", "all"], "latest and all of '*' exclude each other"),
        (["a=fps=2", "a=every_n=2"], "fps=2 and every_n=2 of 'a' exclude each other"),
        (["latest,fps=2"], "exclude each other"),
        (["gate 1=latest"], "'gate 1' is no pattern of stream ids"),
        (["gate-1="], "policy '' is not known"),
    ],
)
def test_two_policies_of_one_stream_and_other_mistakes(typed: list[str], expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_policies(typed)
    assert expected in str(caught.value)


def _options(config: Path | None, *policies: str, when: str | None = None) -> DetectOptions:
    return detect_options(
        model="coco-ssd",
        policies=list(policies),
        when=when,  # type: ignore[arg-type]
        config=config,
        workers=1,
        slots=8,
        slot_mib=1,
        max_batch=1,
    )


def test_a_detect_tries_the_policies_of_the_files_streams_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[DetectOptions] = []
    monkeypatch.setattr("framehop.cli.work._work", lambda _log, settings, _begin, **_rest: begun.append(settings))
    file = tmp_path / "c.yaml"
    file.write_text(
        "streams: {gate-1: {source: 'testsrc:', policy: latest}, gate-2: {source: 'testsrc:'}}\n"
        "detect: {policies: {'gate-1': all, 'gate-*': fps=2}}"
    )
    for command in ("detect", "run"):
        assert framehop(command, "--config", str(file), "--policy", "gate-?=every_n=3").status == 0
    of = StreamPolicies(begun[0].policies).of
    assert [str(of(stream)) for stream in ("gate-1", "gate-2", "gate-10")] == ["latest", "every_n=3", "fps=2"]
    assert "latest" not in map(str, begun[1].policies.values()), "its workers are told of each stream"


def test_what_is_typed_is_tried_before_what_the_configuration_says(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(
        "detect: {policies: {'gate-*': fps=2, 'yard': latest}, when: motion,"
        " motion: {keep_s: 3, masks: {'*': [[[0, 0], [1, 0], [1, 1]]]}}}"
    )
    options = _options(file, "yard=all", "door=latest")
    assert {pattern: str(policy) for pattern, policy in options.policies.items()} == {
        "yard": "all",
        "door": "latest",
        "gate-*": "fps=2",
    }
    assert list(options.policies) == ["yard", "door", "gate-*"]
    assert (options.when, options.motion.keep_s) == ("motion", 3)
    assert _options(file, when="always").when == "always"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("policies: {'*': 'latest,all'}", "exclude each other"),
        ("policies: {'a b': latest}", "no pattern of stream ids"),
        ("when: sometimes", "always, motion"),
        ("motion: {keep_s: 0}", "keep_s must be more than 0"),
        ("motion: {keep_s: .nan}", "keep_s must be more than 0"),
        ("motion: {threshold: 3}", "keep_s, masks"),
        ("motion: {masks: {'*': [[[0, 0], [2, 0], [1, 1]]]}}", "0 to 1 is allowed"),
        ("motion: {masks: {'*': [[[0, 0], [1, 1]]]}}", "a polygon has 3"),
        ("motion: {masks: {'a b': []}}", "no pattern of stream ids"),
    ],
)
def test_a_mistake_in_the_configuration_is_named(tmp_path: Path, text: str, expected: str) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(f"detect: {{{text}}}")
    with pytest.raises(ConfigError) as caught:
        load_config(file)
    assert expected in str(caught.value)
