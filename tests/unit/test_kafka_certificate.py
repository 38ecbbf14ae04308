"""Tests of the names for which a broker's certificate is made out."""

from __future__ import annotations

import pytest

from framehop.log.kafka.certificate import fits, names_in, wrong_name


@pytest.mark.parametrize(
    ("host", "names", "fitting"),
    [
        ("kafka-1.example.org", ["kafka-1.example.org"], True),
        ("Kafka-1.Example.org.", ["kafka-1.example.org"], True),
        ("kafka-1.example.org", ["*.example.org"], True),
        ("a.kafka-1.example.org", ["*.example.org"], False),
        ("example.org", ["*.example.org"], False),
        ("org", ["*."], False),
        ("kafka-2.example.org", ["kafka-1.example.org", "localhost"], False),
        ("127.0.0.1", ["localhost", "127.0.0.1"], True),
        ("127.0.0.2", ["localhost", "127.0.0.1", "*.0.0.2"], False),
        ("::1", ["0:0:0:0:0:0:0:1"], True),
        ("localhost", [], False),
    ],
)
def test_whom_a_certificate_fits(host: str, names: list[str], fitting: bool) -> None:
    assert fits(host, names) is fitting


def test_names_are_those_of_hosts() -> None:
    certificate = {"subjectAltName": (("DNS", "kafka-1"), ("email", "ops@example.org"), ("IP Address", "10.0.0.1"))}
    assert list(names_in(certificate)) == ["kafka-1", "10.0.0.1"]
    assert list(names_in({})) == []


def test_a_broker_that_is_away_says_nothing_of_its_name() -> None:
    assert wrong_name("127.0.0.1:1,[::1]:1", "") == ""
