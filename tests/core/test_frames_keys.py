"""The keys of frames between hosts: who has none gets nothing, and both ends say why."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from framehop._core import (
    FrameReceiver,
    FrameSender,
)
from framehop.errors import ConfigError, InvalidArgumentError, RefusedError
from framehop.hop import plain
from framehop.hop.keys import KeyFiles, ReceiverKeys, create_keys, load_receiver_keys, load_sender_keys
from framehop.hop.plain import PlainReceiver
from tests.frame_senders import ANY_PORT, House, meet, receive, take
from tests.waiting import until


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    tmp_path.chmod(0o700)
    house = House(tmp_path / "ring.sock")
    yield house
    house.close()


def test_the_network_needs_keys() -> None:
    with pytest.raises(RefusedError, match="framehop keys create"):
        FrameSender(ANY_PORT)
    with pytest.raises(RefusedError, match="framehop keys create"):
        FrameReceiver("tcp://127.0.0.1:9")
    with pytest.raises(RefusedError, match="keys"):
        PlainReceiver("tcp://127.0.0.1:9")
    with pytest.raises(InvalidArgumentError, match="tcp://HOST:PORT"):
        PlainReceiver("tipc://{5570,0,1}")


def test_what_is_no_key_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="40 characters"):
        PlainReceiver("tcp://127.0.0.1:9", keys=ReceiverKeys(secret="short", sender="short"))


@pytest.fixture
def files(tmp_path: Path) -> KeyFiles:
    return create_keys(tmp_path / "keys")


def secured(files: KeyFiles, address: str = ANY_PORT) -> FrameSender:
    keys = load_sender_keys(files.sender)
    return FrameSender(address, secret_key=keys.secret, receiver_keys=keys.receivers)


def with_keys(kind: str, address: str, keys: ReceiverKeys) -> FrameReceiver | PlainReceiver:
    if kind == "core":
        return FrameReceiver(address, secret_key=keys.secret, sender_key=keys.sender)
    return PlainReceiver(address, keys=keys)


@pytest.mark.parametrize("kind", ["core", "pyzmq"])
def test_the_files_that_are_made_fit_each_other(house: House, files: KeyFiles, kind: str) -> None:
    with secured(files) as sender, with_keys(kind, sender.address, load_receiver_keys(files.receiver)) as receiver:
        meet(sender, receiver)
        house.send(sender, 5)
        assert (take(sender, receiver).array() == 5).all()


@pytest.mark.parametrize("kind", ["core", "pyzmq"])
def test_whoever_was_refused_is_let_in_once_its_key_is_known(
    files: KeyFiles, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plain, "CONNECT_ANEW_S", 0.5)
    ours = load_sender_keys(files.sender)
    with FrameSender(ANY_PORT, secret_key=ours.secret) as refusing:
        address = refusing.address
        receiver = with_keys(kind, address, load_receiver_keys(files.receiver))

        def refused() -> bool:
            refusing.poll(0.01)
            receive(receiver)
            return refusing.refused > 0

        until(refused, "a refusal")
    with receiver, secured(files, address) as sender:
        meet(sender, receiver)


def test_other_keys_get_nothing_and_both_ends_say_why(files: KeyFiles, tmp_path: Path) -> None:
    stranger = load_receiver_keys(create_keys(tmp_path / "others").receiver)
    ours = load_receiver_keys(files.receiver)
    with (
        secured(files) as sender,
        FrameReceiver(sender.address, secret_key=stranger.secret, sender_key=ours.sender) as refused,
    ):
        here: list[str] = []
        there: list[str] = []

        def told() -> bool:
            here.extend(sender.poll(0.01)[1])
            there.extend(refused.poll(0.01)[1])
            return bool(here and there)

        until(told, "a reason")
        assert "127.0.0.1 was refused" in here[0]
        assert "refused the key" in there[0]
        assert sender.receivers == []
        assert refused.session == 0


def test_key_files_are_private_and_never_overwritten(files: KeyFiles) -> None:
    assert [file.stat().st_mode & 0o777 for file in (files.sender, files.receiver)] == [0o600, 0o600]
    with pytest.raises(ConfigError, match="exists"):
        create_keys(files.sender.parent)
    files.sender.chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600"):
        load_sender_keys(files.sender)


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[" * 9999, b'{"type": "framehop-sender", "secret": "x", "receivers": []}']
)
def test_what_is_no_key_file_is_refused_in_words(files: KeyFiles, content: bytes) -> None:
    files.sender.write_bytes(content)
    with pytest.raises(ConfigError, match=r"sender\.key"):
        load_sender_keys(files.sender)
    with pytest.raises(ConfigError, match=r"receiver\.key"):
        load_receiver_keys(files.sender)


def test_keys_that_could_not_all_be_written_are_not_in_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = os.open

    def full(path: Path, flags: int, mode: int = 0o777) -> int:
        if Path(path).name == "receiver.key":
            raise OSError(errno.ENOSPC, "No space left on device")
        return opened(path, flags, mode)

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", full)
        with pytest.raises(OSError, match="No space"):
            create_keys(tmp_path / "keys")
    assert create_keys(tmp_path / "keys").sender.exists()


def test_a_secret_is_not_shown(files: KeyFiles) -> None:
    keys = load_sender_keys(files.sender)
    assert keys.secret not in repr(keys)
    assert load_receiver_keys(files.receiver).secret not in repr(load_receiver_keys(files.receiver))
