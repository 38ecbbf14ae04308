"""--config FILE: what it may say, and how it says no."""

from __future__ import annotations

from pathlib import Path

import pytest

from framehop.config import load_config
from framehop.errors import ConfigError
from framehop.log import KafkaOptions, KafkaSecurity, LogAt, LogOptions


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


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("log: {embeded: {}}", "log: Object contains unknown field `embeded`; allowed: url, embedded, kafka"),
        ("log: {embedded: {durability: disk}}", "durability: Invalid enum value 'disk'; allowed: process, power"),
        ("log: {embedded: {partitions: 0}}", "partitions must be 1 to 1024"),
        ("log: {kafka: {client: {acks: 1}}}", "client setting acks is framehop's own"),
        ("log: {kafka: {security: {username: cam}}}", "username and password together"),
        ("log: [", "is not YAML"),
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
