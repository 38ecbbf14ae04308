"""Ages, sizes and moments as people type them."""

from __future__ import annotations

import pytest

from framehop.cli.units import parse_age, parse_moment, parse_size, shown_age, shown_size
from framehop.errors import ConfigError

NOW_US = 1_800_000_000_000_000


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90.0), ("10m", 600.0), ("24h", 86_400.0), ("7d", 604_800.0), ("1.5h", 5400.0)]
)
def test_an_age_is_a_number_and_its_unit(text: str, seconds: float) -> None:
    assert parse_age(text, "--max-age") == seconds


@pytest.mark.parametrize("text", ["", "10", "m", "-5m", "10 m", "10M", "1e3s", "٣s", "9" * 40 + "s"])
def test_what_is_not_an_age_names_its_option(text: str) -> None:
    with pytest.raises(ConfigError, match=r"--max-age .*not an age"):
        parse_age(text, "--max-age")


@pytest.mark.parametrize(
    ("text", "size"),
    [("65536", 65_536), ("10B", 10), ("500kB", 500_000), ("4MiB", 4 << 20), ("1.5KiB", 1536), ("1GB", 10**9)],
)
def test_a_size_has_decimal_and_binary_units(text: str, size: int) -> None:
    assert parse_size(text, "--max-frame") == size


@pytest.mark.parametrize("text", ["", "4M", "4mib", "-1", "4 MiB", "0x10"])
def test_what_is_not_a_size_names_its_option(text: str) -> None:
    with pytest.raises(ConfigError, match=r"--max-frame .*not a size"):
        parse_size(text, "--max-frame")


@pytest.mark.parametrize(
    ("text", "at_us"),
    [
        ("10m", NOW_US - 600_000_000),
        ("2026-01-31T12:00:00Z", 1_769_860_800_000_000),
        ("2026-01-31T12:00:00.25+02:00", 1_769_853_600_250_000),
        ("9999999w", 0),
    ],
)
def test_a_moment_is_a_time_or_an_age_before_now(text: str, at_us: int) -> None:
    assert parse_moment(text, "--from", NOW_US) == at_us


@pytest.mark.parametrize("text", ["yesterday", "2026-01-31T12:00:00", "12:00", ""])
def test_what_is_no_moment_says_both_forms(text: str) -> None:
    with pytest.raises(ConfigError, match=r"--from .*neither an age, as 90s.*2026-01-31T12:00:00Z"):
        parse_moment(text, "--from", NOW_US)


@pytest.mark.parametrize(
    ("size", "shown"), [(0, "0 bytes"), (999, "999 bytes"), (1500, "1.5 kB"), (67_108_864, "67.1 MB"), (1e10, "10 GB")]
)
def test_a_size_for_people(size: float, shown: str) -> None:
    assert shown_size(size) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.4, "0 seconds"),
        (1.2, "1 second"),
        (119, "119 seconds"),
        (120, "2 minutes"),
        (7200, "2 hours"),
        (9e5, "10 days"),
    ],
)
def test_an_age_for_people(seconds: float, shown: str) -> None:
    assert shown_age(seconds) == shown
