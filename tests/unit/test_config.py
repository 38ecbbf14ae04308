"""--config FILE: what it may say, and how it says no."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from framehop.config.detect_options import DetectOptions, engine_cache
from framehop.config.file import FileConfig, load_config
from framehop.errors import ConfigError
from framehop.log import KafkaOptions, KafkaSecurity, LogAt, LogOptions
from framehop.regions import Regions


def _file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "framehop.yaml"
    path.write_text(text)
    return path


def test_an_empty_file_is_the_defaults(tmp_path: Path) -> None:
    assert load_config(_file(tmp_path, "")).log.at == LogAt(url="")


def test_both_kinds_of_log_have_their_settings(tmp_path: Path) -> None:
    at = load_config(
        _file(
            tmp_path,
            """
            log:
              url: kafka://127.0.0.1:9092
              embedded: {durability: power, retain_bytes: 1000}
              kafka: {delivery: exactly-once, client: {linger.ms: 3}}
            """,
        )
    ).log.at
    assert at.embedded == LogOptions(durability="power", retain_bytes=1000)
    assert at.kafka == KafkaOptions(delivery="exactly-once", client={"linger.ms": 3})


def test_regions_are_read_in_the_order_of_the_file(tmp_path: Path) -> None:
    regions = load_config(
        _file(
            tmp_path,
            """
            detect:
              regions:
                gate-1: {}
                gate-*: {include: [[[0, 0.5], [1, 0.5], [1, 1], [0, 1]]], anchor: centre}
                "*": {exclude: [[[0, 0], [1920, 0], [1920, 90]]], units: pixels}
            """,
        )
    ).detect.regions
    assert list(regions) == ["gate-1", "gate-*", "*"]
    assert regions["gate-1"] == Regions()
    assert regions["gate-*"] == Regions(include=(((0, 0.5), (1, 0.5), (1, 1), (0, 1)),), anchor="centre")
    assert regions["*"] == Regions(exclude=(((0, 0), (1920, 0), (1920, 90)),), units="pixels")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"tiles": "9x1"}, "tiles must be columns x rows"),
        ({"min_size_px": -1.0}, "min_size_px must be 0 or more"),
        ({"min_size_px": float("nan")}, "min_size_px must be 0 or more"),
        ({"drain_s": float("nan")}, "drain_s must be 0 or more, and a finite number"),
        ({"drain_s": float("inf")}, "drain_s must be 0 or more, and a finite number"),
        ({"infer_threads": 1_000_000}, "infer_threads must be at most 256"),
        ({"decode_threads": 257}, "decode_threads must be at most 256"),
        ({"classes": "person"}, r"classes must be several labels, as \('person',\)"),
        ({"policies": {"gate-*": "latest"}}, r"'gate-\*' must be a Policy, as Policy.parse\('latest'\), not 'latest'"),
        ({"regions": {"gate 1": Regions()}}, "no pattern of stream ids"),
        ({"regions": {"gate-1": {"include": []}}}, r"those of 'gate-1' must be Regions\("),
    ],
)
def test_options_of_what_is_found_are_checked_at_once(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        DetectOptions(**options)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("log: {embeded: {}}", "log: Object contains unknown field `embeded`; allowed: url, embedded, kafka"),
        ("log: {embedded: {durability: disk}}", "durability: Invalid enum value 'disk'; allowed: process, power"),
        ("log: {embedded: {partitions: 0}}", "partitions must be 1 to 1024"),
        ("log: {kafka: {client: {acks: 1}}}", "client setting acks is framehop's own"),
        ("log: {kafka: {security: {username: cam}}}", "username and password together"),
        (
            "detect: {regions: {gate-1: {includ: []}}}",
            "detect.regions[...]: Object contains unknown field `includ`; allowed: include, exclude, units, anchor",
        ),
        (
            "detect: {regions: {gate-1: {anchor: top}}}",
            "anchor: Invalid enum value 'top'; allowed: bottom, centre, any",
        ),
        ("detect: {regions: {gate-1: {include: [[[0, 0], [1, 1]]]}}}", "regions: gate-1: include[0] has 2 points"),
        ("detect: {regions: {gate-1: {include: [[0, 0], [1, 1], [1, 0]]}}}", "include[0][0]: Expected a list"),
        ("detect: {regions: {gate-1: {include: [[[0, 0], [1, .nan], [1, 0]]]}}}", "has the point [1, nan]"),
        ("detect: {regions: {gate-1: {include: [[[0, 0], [1920, 0], [1920, 1080]]]}}}", "write units: pixels"),
        ("detect: {regions: {gate 1: {}}}", "regions: 'gate 1' is no pattern of stream ids"),
        ("log: [", "is not YAML"),
        ("log: 2026-99-99", "is not YAML: a value is no date"),
        ("log: !!bool maybe", "is not YAML: a value is no date, or does not fit its !!tag"),
        ("log: !!timestamp never", "is not YAML: a value is no date, or does not fit its !!tag"),
        ("log: {kafka: {security: {username: a, password: {env: NO_SUCH}}}}", "log.kafka.security.password"),
        ("log: {kafka: {security: {username: a, password: {file: none}}}}", "none cannot be read"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(_file(tmp_path, text))
    assert "framehop.yaml" in str(caught.value)
    assert says in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml: No such file"):
        load_config(tmp_path / "none.yaml")


def test_secrets_come_from_the_environment_or_a_file_and_are_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAM_PASSWORD", "hush-1")
    (tmp_path / "key").write_text("hush-2\n")
    text = "log: {kafka: {security: {username: cam, password: {env: CAM_PASSWORD}}, client: {ssl.key.password: {file: key}}}}"
    kafka = load_config(_file(tmp_path, text)).log.kafka
    assert kafka.security == KafkaSecurity(username="cam", password="hush-1")
    assert kafka.client == {"ssl.key.password": "hush-2"}
    assert "hush" not in repr(kafka)


def test_options_of_the_other_kind_of_log_are_refused() -> None:
    with pytest.raises(ConfigError, match="LogOptions"):
        LogAt.of("kafka://127.0.0.1:9092", LogOptions())


def test_what_is_no_yaml_is_said_without_its_words(tmp_path: Path) -> None:
    """YAML's own message quotes the line, and there may be a password in it."""
    with pytest.raises(ConfigError) as caught:
        load_config(_file(tmp_path, "log:\n  kafka: {security: {username: a, password: hush-4711: x}}"))
    assert "is not YAML: line 2, column " in str(caught.value)
    assert "hush-4711" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["[" * 5000, "a: &x {b: *x}", "\x00", 'log: {kafka: {state_dir: {file: "a\\0b"}}}', "!!python/x 1"]
)
def test_what_cannot_be_loaded_is_an_error_of_ours(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"framehop\.yaml"):
        load_config(_file(tmp_path, text))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.dates(),
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(
                st.sampled_from(["log", "url", "kafka", "client", "security", "password", "env", "file", "embedded"])
                | st.integers(),
                inner,
                max_size=3,
            )
        ),
    )
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_yaml_is_a_configuration_or_refused(tmp_path: Path, data: object) -> None:
    try:
        assert isinstance(load_config(_file(tmp_path, yaml.safe_dump(data))), FileConfig)
    except ConfigError:
        return


def test_a_file_without_end_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="/dev/zero is larger than 1 MiB"):
        load_config(_file(tmp_path, "log: {url: {file: /dev/zero}}"))


def test_relative_paths_are_taken_from_the_configurations_directory(tmp_path: Path) -> None:
    text = "log: {kafka: {state_dir: state, security: {ca: ca.pem, certificate: /etc/c.pem, key: keys/k.pem}}}"
    kafka = load_config(_file(tmp_path, text)).log.kafka
    assert kafka.state_dir == str(tmp_path / "state")
    assert kafka.security == KafkaSecurity(
        ca=str(tmp_path / "ca.pem"), certificate="/etc/c.pem", key=str(tmp_path / "keys/k.pem")
    )


def test_fp16_without_tensorrt_is_refused_before_anything_starts() -> None:
    assert DetectOptions(provider="tensorrt", fp16=True).fp16
    for provider in ("auto", "cuda", "openvino"):
        with pytest.raises(ConfigError, match=f"fp16 is for provider tensorrt, not {provider}"):
            DetectOptions(provider=provider, fp16=True)


def test_engines_of_tensorrt_are_kept_where_nobody_else_can_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    options = DetectOptions(provider="tensorrt")
    assert engine_cache(DetectOptions(provider="cuda"), 0) is None
    assert list(tmp_path.iterdir()) == []
    path = engine_cache(options, 1)
    assert path == tmp_path / "framehop" / "tensorrt" / "gpu-1"
    assert path.stat().st_mode & 0o777 == 0o700
    assert engine_cache(options, 1) == path
    path.chmod(0o777)
    with pytest.raises(ConfigError, match="may be written by others"):
        engine_cache(options, 1)
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(ConfigError, match="set XDG_CACHE_HOME"):
        engine_cache(options, 0)
