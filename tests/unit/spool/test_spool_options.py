"""The options of the spool, from the command line and the configuration file."""

from __future__ import annotations

from pathlib import Path

import pytest

from framehop.cli.option_values import with_spool
from framehop.config.file import load_config
from framehop.errors import ConfigError
from framehop.log import KafkaOptions, LogAt, SpoolOptions
from tests.commands import framehop

KAFKA = LogAt(url="kafka://127.0.0.1:9092")


def test_no_option_no_spool() -> None:
    assert with_spool(KAFKA, "", "") == KAFKA
    assert KAFKA.kafka.spool is None


def test_directory_and_size_are_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    spool = with_spool(KAFKA, "frames", "10GiB").kafka.spool
    assert spool == SpoolOptions(dir=str(tmp_path / "frames"), max_bytes=10 << 30)


def test_what_is_typed_wins_over_the_configuration() -> None:
    configured = LogAt(url=KAFKA.url, kafka=KafkaOptions(spool=SpoolOptions(dir="/a", max_bytes=1 << 20, max_age_s=5)))
    spool = with_spool(configured, "", "2MiB").kafka.spool
    assert spool == SpoolOptions(dir="/a", max_bytes=2 << 20, max_age_s=5)


def test_a_size_alone_says_nothing() -> None:
    with pytest.raises(ConfigError, match="needs --spool DIR"):
        with_spool(KAFKA, "", "1GiB")


def test_a_log_in_a_directory_needs_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="on this machine's disk already"):
        with_spool(LogAt(url=str(tmp_path)), str(tmp_path / "spool"), "")


@pytest.mark.parametrize("command", ["ingest", "run"])
def test_both_commands_take_them(command: str, tmp_path: Path) -> None:
    done = framehop(command, "testsrc:?count=1", "--log", tmp_path / "log", "--spool", tmp_path / "spool")
    assert done.status == 1
    assert "a spool is for a log in Kafka" in done.stderr
    assert not (tmp_path / "spool").exists()


def test_the_configuration_has_them_relative_to_itself(tmp_path: Path) -> None:
    file = tmp_path / "framehop.yaml"
    file.write_text("log: {kafka: {spool: {dir: frames, max_age_s: 60, drain_bytes_per_s: 1000000}}}")
    assert load_config(file).log.kafka.spool == SpoolOptions(
        dir=str(tmp_path / "frames"), max_age_s=60, drain_bytes_per_s=1_000_000
    )
    file.write_text("log: {kafka: {spool: {}}}")
    assert load_config(file).log.kafka.spool == SpoolOptions()


def test_a_key_that_is_none_is_named(tmp_path: Path) -> None:
    file = tmp_path / "framehop.yaml"
    file.write_text("log: {kafka: {spool: {size: 1}}}")
    with pytest.raises(ConfigError, match=r"spool.*max_bytes"):
        load_config(file)


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_bytes": 1},
        {"max_age_s": 0.0},
        {"max_age_s": float("inf")},
        {"max_age_s": float("nan")},
        {"drain_bytes_per_s": 0},
    ],
)
def test_options_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=f"spool: {next(iter(wrong))}"):
        SpoolOptions(**wrong)  # type: ignore[arg-type]
