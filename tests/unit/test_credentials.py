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


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("clip.mp4", "clip.mp4"),
        ("me@home.jpg", "me@home.jpg"),
        ("rtsp://gate/1", "rtsp://gate/1"),
        ("http://gate/a@b.mjpg", "http://gate/a@b.mjpg"),
        ("rtsp://ward:p@ss@gate/1", "rtsp://ward@gate/1"),
        ("cannot open rtsp://a:b@c/d and http://e:f@g", "cannot open rtsp://a@c/d and http://e@g"),
    ],
)
def test_only_the_password_is_hidden(text: str, shown: str) -> None:
    assert without_secrets(text) == shown


def test_a_password_is_hidden_outside_of_its_address_too() -> None:
    said = "401 for user ward with p%40ss, that is p@ss, at rtsp://ward:p%40ss@gate/1"
    assert hide_credentials(said, "rtsp://ward:p%40ss@gate/1") == (
        "401 for user ward with ***, that is ***, at rtsp://ward@gate/1"
    )
    assert hide_credentials("no such file: clip.mp4", "clip.mp4") == "no such file: clip.mp4"


@pytest.mark.parametrize("password", ["a", "10", "s", ":", "no", "pass", "word", "ward"])
def test_a_password_is_not_looked_for_inside_of_words(password: str) -> None:
    """A message with a hole in each word that has it would give it away."""
    said = "cam does not answer within 10 s as a source does: no password of the wards"
    assert hide_credentials(said, f"rtsp://ann:{password}@gate/1") == said


@pytest.mark.parametrize("password", ["a", "10", "p@", "secret", "p%40ss"])
@pytest.mark.parametrize("around", ["refused ann:{}@gate", "refused '{}'", "with password={}", "/x?password={}&a=1"])
def test_a_password_is_hidden_where_it_is_one(password: str, around: str) -> None:
    shown = hide_credentials(around.format(password), f"rtsp://ann:{password}@gate/1")
    assert shown == around.format("***")


def test_a_password_is_hidden_between_what_is_escaped() -> None:
    assert hide_credentials("user%3Asecret%40gate", "rtsp://user:secret@gate/1") == "user%3A***%40gate"
