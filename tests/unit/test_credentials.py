"""The user part of a source's address: composed where it is opened, hidden wherever it is shown."""

from __future__ import annotations

import pytest

from framehop.errors import ConfigError
from framehop.sources.address import without_secrets
from framehop.sources.credentials import hide_credentials, with_credentials


@pytest.mark.parametrize(
    ("password", "address"),
    [
        ("secret", "rtsp://ward:secret@gate.example:554/h264?channel=1"),
        ("a@b/c:d?e#f", "rtsp://ward:a%40b%2Fc%3Ad%3Fe%23f@gate.example:554/h264?channel=1"),
        ("", "rtsp://ward@gate.example:554/h264?channel=1"),
    ],
)
def test_a_user_is_put_into_the_address_whatever_the_password_has(password: str, address: str) -> None:
    assert with_credentials("rtsp://gate.example:554/h264?channel=1", "ward", password) == address
    assert without_secrets(address) == "rtsp://ward@gate.example:554/h264?channel=1"


@pytest.mark.parametrize(
    ("source", "message"),
    [("clip.mp4", "this source is none"), ("rtsp://other@gate/1", "has a user in its address already")],
)
def test_a_user_needs_an_address_without_one(source: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as refused:
        with_credentials(source, "ward", "secret")
    assert "secret" not in str(refused.value)


def test_a_password_is_hidden_outside_of_its_address_too() -> None:
    said = "401 for user ward with p%40ss, that is p@ss, at rtsp://ward:p%40ss@gate/1"
    assert hide_credentials(said, "rtsp://ward:p%40ss@gate/1") == (
        "401 for user ward with ***, that is ***, at rtsp://ward@gate/1"
    )
    assert hide_credentials("no such file: clip.mp4", "clip.mp4") == "no such file: clip.mp4"
